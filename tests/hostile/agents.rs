//! What an agent gets: its own arguments to the byte, and none of the server's secrets.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::{assert_none, markers};
use crate::server::{GOOD_AGENT, Server, eventually};

#[test]
fn arguments_arrive_to_the_byte() {
    let preparation = Server::prepare();
    let (home, markers) = (preparation.home().to_owned(), markers(preparation.home()));
    let script = home.join("dump.sh");
    fs::write(&script, "cat \"/proc/$$/cmdline\" > \"$DUMP\"\nexit 1\n").unwrap();
    let mark = markers.join("argument");
    let arguments = [
        "bash".to_owned(),
        script.display().to_string(),
        format!("$(touch {})", mark.display()),
        format!("`touch {}`", mark.display()),
        format!("; touch {}", mark.display()),
        String::new(),
        " a  b ".into(),
        "--flag=\"quoted\" 'twice'".into(),
        "*".into(),
        "{{title}}".into(),
        "two\nlines\ttab\u{1b}[31m é 🐟 \u{202e}".into(),
        "\\".into(),
        "-".into(),
    ];
    let config =
        format!("[agents.dumper]\ncommand = {}\nformat = \"text\"\n", serde_json::to_string(&arguments).unwrap());
    let dump = home.join("cmdline");
    let server = preparation.config(&config).env("DUMP", &dump).start();
    let card = server.run_new_card("dumper");
    server.wait_for_stage(&card, "error");
    let expected: Vec<u8> = arguments.iter().flat_map(|argument| [argument.as_bytes(), b"\0"].concat()).collect();
    assert_eq!(fs::read(&dump).unwrap(), expected, "{:?}", String::from_utf8_lossy(&fs::read(&dump).unwrap()));
    assert_none(&markers);
}

#[test]
fn the_environment_has_none_of_the_servers_secrets() {
    const TOKEN: &str = "the-token-of-the-server";
    let preparation = Server::prepare();
    let home = preparation.home().to_owned();
    let agent = format!(
        "cat \"/proc/$$/environ\" > \"$DUMP/agent\"\ncat \"/proc/$PPID/environ\" > \"$DUMP/supervisor\"\n{GOOD_AGENT}"
    );
    // What git starts, on behalf of the user's own configuration, is told no more.
    fs::write(home.join("filter.sh"), format!("cat /proc/self/environ > '{}/filter'\nexec cat\n", home.display()))
        .unwrap();
    let filter = format!("[filter \"own\"]\n\tclean = bash '{}/filter.sh'\n", home.display());
    fs::write(home.join(".gitconfig"), filter).unwrap();
    let database = format!("sqlite:{}", home.join("elsewhere-secret.db").display());
    let server = preparation
        .agent("good", &agent)
        .env("DUMP", &home)
        .env("DATABASE_URL", &database)
        .env("CARDUME_TOKEN", TOKEN)
        .env("CARDUME_OTHER", "cardume-other-secret")
        .env("PGPASSWORD", "postgres-password")
        .env("PGPASSFILE", "/postgres-passfile")
        .env("PGSERVICEFILE", "/postgres-servicefile")
        .env("PGSSLKEY", "/postgres-sslkey")
        .env("PGHOST", "kept.example")
        .env("GARDEN_ITS_OWN", "kept")
        .start();
    let repository = server.repository("repository");
    fs::write(repository.join(".gitattributes"), "* filter=own\n").unwrap();
    crate::server::git(&repository, &["add", "."]);
    crate::server::git(
        &repository,
        &["-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "-qm", "filter"],
    );
    let ask = |method: &str, path: &str, body: serde_json::Value| {
        let headers = [("authorization", "Bearer the-token-of-the-server"), ("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = server.send(method, path, &headers, &body);
        assert!(answer.status < 300, "{answer:?}");
        answer.json()
    };
    let project = ask("POST", "/api/projects", json!({ "path": repository }));
    let card = ask("POST", "/api/cards", json!({ "projectId": project["id"], "title": "A card", "agent": "good" }));
    let card = card["id"].as_str().unwrap();
    ask("POST", &format!("/api/cards/{card}/run"), json!({}));
    assert!(eventually(|| ask("GET", &format!("/api/cards/{card}"), json!(null))["columnId"] == "done"));
    let environment = |name: &str| String::from_utf8_lossy(&fs::read(home.join(name)).unwrap()).into_owned();
    for who in ["agent", "supervisor", "filter"] {
        let there = environment(who);
        for secret in ["DATABASE_URL", "elsewhere-secret", TOKEN, "cardume-other-secret"] {
            assert!(!there.contains(secret), "{who}: {secret}");
        }
        for name in ["CARDUME_TOKEN", "CARDUME_OTHER", "PGPASSWORD", "PGPASSFILE", "PGSERVICEFILE", "PGSSLKEY"] {
            assert!(!there.contains(&format!("{name}=")), "{who}: {name}");
        }
        assert!(!there.contains("postgres-") && there.contains("PGHOST=kept.example"), "{who}");
        assert!(there.contains("GARDEN_ITS_OWN=kept"), "{who}");
    }
    assert!(environment("agent").contains(&format!("CARDUME_CARD_ID={card}")));
    assert!(Path::new(&home.join("elsewhere-secret.db")).exists(), "the server did use it");
}
