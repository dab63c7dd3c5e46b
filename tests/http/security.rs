//! Other sites' pages in the user's browser get nothing.

use serde_json::json;

use super::server;

#[test]
fn a_name_that_was_rebound_to_loopback_reads_nothing() {
    let server = server();
    for path in ["/", "/api/cards", "/health", "/api/nothing"] {
        server.send("GET", path, &[("host", "evil.example:3000")], "").problem(421);
    }
    let port = server.address().rsplit_once(':').unwrap().1.to_owned();
    assert_eq!(server.send("GET", "/api/cards", &[("host", &format!("localhost:{port}"))], "").status, 200);
}

#[test]
fn another_sites_page_changes_nothing() {
    let server = server();
    let body = json!({ "path": server.repository("r") }).to_string();
    let json = ("content-type", "application/json");
    for foreign in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("origin", "http://localhost:1"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        server.send("POST", "/api/projects", &[json, foreign], &body).problem(403);
        server.send("POST", "/fn/poll_board", &[json, foreign], "{}").problem(403);
        server.send("DELETE", "/api/cards/019a0000-0000-7000-8000-000000000000", &[foreign], "").problem(403);
    }
    assert_eq!(server.get("/api/projects").json(), json!({ "projects": [] }));
    let own = [json, ("origin", &*server.url()), ("sec-fetch-site", "same-origin")];
    assert_eq!(server.send("POST", "/api/projects", &own, &body).status, 201);
}

#[test]
fn another_sites_page_reads_nothing() {
    let server = server();
    for site in ["cross-site", "same-site"] {
        let link = [("sec-fetch-site", site), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        let image = [("sec-fetch-site", site), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")];
        for path in ["/api/cards", "/api/openapi.json", "/fn/poll_board", "/health", "/pkg/x.js", "/favicon.svg"] {
            server.send("GET", path, &link, "").problem(403);
            server.send("GET", path, &image, "").problem(403);
        }
        assert_eq!(server.send("GET", "/", &link, "").status, 200, "a link may lead to the board");
        server.send("GET", "/", &image, "").problem(403);
    }
    server.send("GET", "/api/cards", &[("origin", "http://evil.example")], "").problem(403);
    server.send("OPTIONS", "/api/cards", &[("origin", "http://evil.example")], "").problem(403);
}

#[test]
fn a_plain_form_of_the_boards_own_is_known_by_its_site() {
    let server = server();
    let form = [("content-type", "application/x-www-form-urlencoded"), ("accept", "text/html"), ("origin", "null")];
    let own = [&form[..], &[("sec-fetch-site", "same-origin")]].concat();
    let project = server.add_project(&server.repository("r"));
    let card = server.add_card(&project, "A card", "good");
    let (address, body) = (format!("/fn/run_card?from=/cards/{card}"), format!("id={card}"));
    server.send("POST", &address, &form, &body).problem(403);
    let answer = server.send("POST", &address, &own, &body);
    assert_eq!((answer.status / 100, answer.header("location")), (3, &*format!("/cards/{card}")), "{answer:?}");
    let refused = server.send("POST", &address, &own, &body);
    assert!(refused.header("location").starts_with(&format!("/cards/{card}?__path=")), "{refused:?}");
    for elsewhere in ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", ""] {
        let answer = server.send("POST", &format!("/fn/run_card?from={elsewhere}").replace('\\', "%5C"), &own, &body);
        assert!(!answer.header("location").contains("evil"), "{elsewhere}: {answer:?}");
    }
}

/// Or anybody could put words into the board's mouth.
#[test]
fn a_failure_in_the_address_is_shown_only_where_the_board_itself_put_it_there() {
    let server = server();
    let path = "/?__path=%2Ffn%2Frun_card&__err=x";
    for site in ["cross-site", "none"] {
        let answer = server.send("GET", path, &[("sec-fetch-site", site), ("sec-fetch-mode", "navigate")], "");
        assert_eq!((answer.status, answer.header("location")), (303, "/"), "{site}");
    }
    assert_eq!(server.send("GET", path, &[("sec-fetch-site", "same-origin")], "").status, 200);
    let elsewhere = server.send("GET", "//evil.example/?__err=x", &[("sec-fetch-site", "cross-site")], "");
    assert!(!elsewhere.header("location").contains("evil"), "{elsewhere:?}");
}

#[test]
fn every_answer_tells_the_browser_to_be_careful() {
    let server = server();
    let paths =
        ["/", "/api/cards", "/api/nothing", "/no/such/page", "/login", "/login/x", "/favicon.svg", "/pkg/x", "/health"];
    for path in paths {
        let answer = server.get(path);
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{path}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{path}");
        assert!(answer.header("permissions-policy").contains("camera=()"), "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe-inline"), "{path}: {policy}");
        assert!(!policy.replace("'wasm-unsafe-eval'", "").contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
        assert!(!answer.header("cache-control").is_empty(), "{path}");
    }
}
