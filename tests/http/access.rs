//! Tokens, passwords, links and sessions: who gets in, and who does not.

use std::io::Write;
use std::net::Ipv4Addr;
use std::process::{Output, Stdio};

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::server::{Answer, CARDUME, GOOD_AGENT, Server, clean_command, eventually};

const TOKEN: &str = "a-token-that-was-thought-up";

/// A server that asks for [`TOKEN`].
fn guarded() -> Server {
    Server::prepare().agent("good", GOOD_AGENT).config(&format!("[access]\ntoken = \"{TOKEN}\"\n")).start()
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn with_token(server: &Server, method: &str, path: &str, token: &str) -> Answer {
    server.send(method, path, &[("authorization", &bearer(token))], "")
}

/// Posts the login page's form, as its own page would.
fn log_in(server: &Server, password: &str, headers: &[(&str, &str)]) -> Answer {
    let own =
        [("content-type", "application/x-www-form-urlencoded"), ("origin", "null"), ("sec-fetch-site", "same-origin")];
    server.send("POST", "/login", &[&own[..], headers].concat(), &format!("password={password}&next=/"))
}

/// The cookie that an answer sets, as a browser sends it back.
fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie");
    assert!(set.contains("; Path=/") && set.contains("; HttpOnly") && set.contains("; SameSite=Strict"), "{set}");
    set.split(';').next().unwrap().to_owned()
}

/// Runs `cardume ARGUMENTS --data-dir …` with this on its standard input.
fn cardume(server: &Server, arguments: &[&str], input: &str) -> Output {
    let mut child = clean_command(server.home())
        .args(arguments)
        .arg("--data-dir")
        .arg(server.data_dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn done(server: &Server, arguments: &[&str], input: &str) -> String {
    let output = cardume(server, arguments, input);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The first line of the answer to a request from this address of the machine.
fn from(address: Ipv4Addr, server: &Server, request: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((address, 0).into()).unwrap();
        let mut stream = socket.connect(server.address().parse().unwrap()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        BufReader::new(stream).lines().next_line().await.unwrap().unwrap()
    })
}

/// The one-time link's path, out of the server's standard error.
fn link(server: &Server) -> String {
    let log = server.own_log();
    let line = log.lines().rev().find(|line| line.starts_with("Open http://")).expect("there is a link");
    let path = line.split_whitespace().nth(1).unwrap().strip_prefix(&server.url()).unwrap().to_owned();
    assert!(path.starts_with("/login/") && path.len() >= "/login/".len() + 32, "{path}");
    path
}

#[test]
fn without_a_token_nothing_is_answered_but_the_way_to_log_in() {
    let server = guarded();
    for path in ["/api/cards", "/api/openapi.json", "/api/nothing", "/health", "/pkg/x.js", "/favicon.svg"] {
        let answer = server.get(path);
        answer.problem(401);
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{path}");
    }
    for function in ["poll_board", "run_card", "nothing"] {
        server.post(&format!("/fn/{function}"), json!({})).problem(401);
    }
    server.delete("/api/cards/019a0000-0000-7000-8000-000000000000").problem(401);
    for (path, login) in
        [("/", "/login"), ("/cards/some-id", "/login?next=/cards/some-id"), ("/no/such", "/login?next=/no/such")]
    {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.header("location")), (303, login), "{path}");
    }
    for scheme in ["Basic", "", "Bearer", "Token"] {
        server.send("GET", "/api/cards", &[("authorization", &format!("{scheme} {TOKEN}x"))], "").problem(401);
    }
    assert_eq!(with_token(&server, "GET", "/api/cards", TOKEN).status, 200);
    assert_eq!(with_token(&server, "GET", "/health", TOKEN).status, 200);
    assert_eq!(with_token(&server, "GET", "/", TOKEN).status, 200);
    assert_eq!(server.send("GET", "/api/cards", &[("authorization", &format!("bearer  {TOKEN} "))], "").status, 200);
}

#[test]
fn a_token_opens_nothing_to_another_sites_page() {
    let server = guarded();
    let token = ("authorization", &*bearer(TOKEN));
    server.send("GET", "/api/cards", &[token, ("host", "evil.example")], "").problem(421);
    server.send("GET", "/api/cards", &[token, ("origin", "http://evil.example")], "").problem(403);
    server.send("POST", "/api/projects", &[token, ("sec-fetch-site", "cross-site")], "{}").problem(403);
    server.send("POST", "/login", &[("origin", "null")], &format!("password={TOKEN}")).problem(403);
}

#[test]
fn the_clients_commands_show_the_token_and_say_what_to_do_without() {
    let server = guarded();
    let output = server.cardume(&["cards"]).env("CARDUME_TOKEN", TOKEN).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(server.cardume(&["cards", "--token", TOKEN]).output().unwrap().status.success());
    let output = server.cardume(&["cards"]).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(words.contains("cardume token new") && words.contains("--token"), "{words}");
    let output = server.cardume(&["cards", "--token", "some-other-token"]).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && words.contains("revoked") && !words.contains("some-other"), "{words}");
}

#[test]
fn a_token_is_made_beside_the_server_asked_for_at_once_and_revoked_at_once() {
    let server = Server::start();
    assert_eq!(server.get("/api/cards").status, 200, "loopback is open without a token");
    let one = done(&server, &["token", "new", "laptop"], "");
    let two = done(&server, &["token", "new", "phone"], "");
    assert!(one != two && one.starts_with("cardume_") && one.lines().count() == 1, "{one}");
    assert!(eventually(|| server.get("/api/cards").status == 401), "it is asked for without a restart");
    let (one, two) = (one.trim(), two.trim());
    assert_eq!(with_token(&server, "GET", "/api/cards", one).status, 200);

    let again = cardume(&server, &["token", "new", "laptop"], "");
    assert!(again.status.code() == Some(1) && again.stdout.is_empty(), "{again:?}");
    assert_eq!(cardume(&server, &["token", "new", "a b"], "").status.code(), Some(1));
    let list = done(&server, &["token", "list"], "");
    assert!(list.contains("laptop") && list.contains("phone") && !list.contains(&one[8..]), "{list}");

    let session = cookie(&log_in(&server, one, &[]));
    assert_eq!(server.send("GET", "/api/cards", &[("cookie", &session)], "").status, 200);
    done(&server, &["token", "revoke", "laptop"], "");
    with_token(&server, "GET", "/api/cards", one).problem(401);
    server.send("GET", "/api/cards", &[("cookie", &session)], "").problem(401);
    assert_eq!(with_token(&server, "GET", "/api/cards", two).status, 200);
    assert_eq!(cardume(&server, &["token", "revoke", "laptop"], "").status.code(), Some(1));
    done(&server, &["token", "revoke", "phone"], "");
    server.get("/api/cards").problem(401);

    // Whoever reads the database learns no token.
    for file in ["cardume.db", "cardume.db-wal"] {
        let bytes = std::fs::read(server.data_dir().join(file)).unwrap_or_default();
        for secret in [one, two, session.split('=').nth(1).unwrap()] {
            let secret = secret.trim_start_matches("cardume_").as_bytes();
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{file}");
        }
    }
}

#[test]
fn the_link_logs_in_once_and_the_session_lives_until_it_is_ended() {
    let mut server = guarded();
    let link = link(&server);
    let head = server.send("HEAD", &link, &[], "");
    assert_eq!((head.status, head.header("set-cookie")), (200, ""), "looking does not use it up");
    let answer = server.get(&link);
    assert_eq!((answer.status, answer.header("location")), (303, "/"), "{answer:?}");
    let session = cookie(&answer);
    let port = server.address().rsplit_once(':').unwrap().1;
    assert!(session.starts_with(&format!("cardume-{port}=")), "{session}");
    let again = server.get(&link);
    assert_eq!((again.status, again.header("set-cookie")), (401, ""), "{again:?}");

    let as_browser = |server: &Server, path| server.send("GET", path, &[("cookie", &format!("a=b; {session}"))], "");
    let page = as_browser(&server, "/");
    assert!(page.status == 200 && page.text.contains("data-session"), "{page:?}");
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(!with_token(&server, "GET", "/", TOKEN).text.contains("<html lang=\"en\" data-session"));
    server.restart();
    assert_eq!(as_browser(&server, "/api/cards").status, 200, "it outlives the server");

    let form = [("cookie", &*session), ("origin", "null"), ("sec-fetch-site", "same-origin")];
    let out = server.send("POST", "/logout", &form, "");
    assert_eq!((out.status, out.header("location")), (303, "/login"));
    assert!(cookie(&out).ends_with('='), "{out:?}");
    as_browser(&server, "/api/cards").problem(401);
    assert_eq!(as_browser(&server, "/").header("location"), "/login");
}

#[test]
fn a_password_logs_in_and_a_new_one_ends_its_sessions() {
    let server = Server::start();
    let short = cardume(&server, &["password"], "short\n");
    assert!(
        short.status.code() == Some(1) && String::from_utf8_lossy(&short.stderr).contains("8 characters"),
        "{short:?}"
    );
    done(&server, &["password"], "correct horse\n");
    assert!(eventually(|| server.get("/").status == 303));
    let wrong = log_in(&server, "battery staple", &[]);
    assert!(wrong.status == 401 && wrong.text.contains("neither the password"), "{wrong:?}");
    assert!(wrong.header("content-type").starts_with("text/html") && wrong.header("set-cookie").is_empty());
    let session = cookie(&log_in(&server, "correct+horse", &[]));
    assert_eq!(server.send("GET", "/", &[("cookie", &session)], "").status, 200);
    server.send("GET", "/api/cards", &[("authorization", "Bearer correct horse")], "").problem(401);
    done(&server, &["password"], "another horse\n");
    server.send("GET", "/api/cards", &[("cookie", &session)], "").problem(401);
    assert_eq!(log_in(&server, "correct+horse", &[]).status, 401);
    assert_eq!(log_in(&server, "another+horse", &[]).status, 303);
    done(&server, &["password", "--remove"], "");
    assert_eq!(log_in(&server, "another+horse", &[]).status, 401);
}

#[test]
fn after_many_failures_forged_headers_do_not_help_and_nobody_else_is_locked_out() {
    let server = Server::prepare().config(&format!("[access]\ntoken = \"{TOKEN}\"\n")).start();
    let made = done(&server, &["token", "new", "robot"], "");
    let session = cookie(&log_in(&server, TOKEN, &[]));
    let mut limited = 0;
    for n in 0..15 {
        let forged = format!("203.0.113.{n}");
        let for_whom = format!("for={forged}");
        let headers = [("x-forwarded-for", &*forged), ("x-real-ip", &*forged), ("forwarded", &*for_whom)];
        let answer = log_in(&server, "a-wrong-guess", &headers);
        assert_eq!(answer.header("set-cookie"), "");
        match answer.status {
            429 => {
                limited += 1;
                assert!(answer.header("retry-after").parse::<u64>().unwrap() > 10, "{answer:?}");
            }
            status => assert_eq!((status, limited), (401, 0), "{answer:?}"),
        }
    }
    assert!(limited >= 3, "{limited}");
    assert_eq!(log_in(&server, TOKEN, &[("x-forwarded-for", "203.0.113.99")]).status, 429, "nor does the right one");
    let wrong = with_token(&server, "GET", "/api/cards", "a-wrong-guess-again");
    wrong.problem(429);
    assert!(wrong.header("retry-after").parse::<u64>().unwrap() > 10);
    // Nobody guesses these two, so they are not locked out even from the same address.
    assert_eq!(with_token(&server, "GET", "/api/cards", made.trim()).status, 200);
    assert_eq!(server.send("GET", "/api/cards", &[("cookie", &session)], "").status, 200);
    // And at another address it is as if nothing had been.
    let request = format!("GET /api/cards HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\n\r\n", bearer(TOKEN));
    assert_eq!(from(Ipv4Addr::new(127, 0, 0, 2), &server, &request), "HTTP/1.1 200 OK");
    assert_eq!(from(Ipv4Addr::LOCALHOST, &server, &request), "HTTP/1.1 429 Too Many Requests");
}

#[test]
fn where_others_can_reach_it_it_starts_only_with_a_token() {
    let preparation = Server::prepare();
    let home = preparation.home().to_owned();
    let serve = |data_dir: &str| {
        let mut command = std::process::Command::new(CARDUME);
        command.args(["serve", "--addr", "0.0.0.0:0", "--data-dir"]).arg(home.join(data_dir));
        command.env_remove("CARDUME_TOKEN").env_remove("DATABASE_URL").env("HOME", &home);
        command
    };
    let output = serve("none").output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{words}");
    assert_eq!(words.lines().count(), 1, "{words}");
    for way in ["cardume token new", "cardume password", "CARDUME_TOKEN", "127.0.0.1"] {
        assert!(words.contains(way), "{words}");
    }
    let mut child =
        serve("some").env("CARDUME_TOKEN", TOKEN).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let port = line.trim_end().strip_prefix("Cardume is listening on http://0.0.0.0:").expect(&line);
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains(&format!("Open http://127.0.0.1:{port}/login/")), "{words}");

    let output = serve("none").env("CARDUME_TOKEN", "sh0rt").output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && words.contains("8 characters") && !words.contains("sh0rt"), "{words}");
}

#[test]
fn a_login_can_be_wanted_on_loopback_too() {
    let server = Server::prepare().config("[access]\nrequired = true\nhosts = [\"board.example\"]\n").start();
    server.get("/api/cards").problem(401);
    let session = cookie(&server.get(&link(&server)));
    let headers = [("cookie", &*session), ("host", "board.example"), ("origin", "https://board.example")];
    assert_eq!(server.send("GET", "/api/cards", &headers, "").status, 200);
    let elsewhere = [("cookie", &*session), ("host", "other.example")];
    server.send("GET", "/api/cards", &elsewhere, "").problem(421);
}

#[test]
fn the_login_page_is_whole_in_itself_and_leads_only_to_the_board() {
    let server = guarded();
    let page = server.get("/login?next=/cards/x");
    assert!(page.status == 200 && page.text.contains("value=\"/cards/x\""), "{page:?}");
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for hostile in ["//evil.example", "https://evil.example", "/\\evil.example", "\"><script>", "/%22%3E%3Cscript%3E"] {
        let page = server.get(&format!("/login?next={}", hostile.replace(['"', '<', '>', '\\'], "%22")));
        assert!(page.text.contains("name=\"next\" value=\"/\""), "{hostile}: {page:?}");
    }
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = format!("password={TOKEN}&next=//evil.example");
    assert_eq!(server.send("POST", "/login", &form, &body).header("location"), "/");
    for body in ["", "next=/", "password=", "%ff=%00", "password=a&password=b"] {
        let answer = server.send("POST", "/login", &form, body);
        assert!(matches!(answer.status, 400 | 401), "{body}: {answer:?}");
    }
    // Where nobody is asked there is nothing to log in to.
    let open = Server::start();
    assert_eq!(open.get("/login").header("location"), "/");
}

#[test]
fn a_link_from_elsewhere_goes_on_as_the_boards_own() {
    let server = guarded();
    let from_elsewhere =
        [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    let page = server.send("GET", "/cards/x", &from_elsewhere, "");
    assert!(page.status == 200 && page.text.contains("http-equiv=\"refresh\""), "{page:?}");
    assert_eq!(page.header("set-cookie"), "");
}
