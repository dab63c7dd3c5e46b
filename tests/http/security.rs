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
fn every_answer_tells_the_browser_to_be_careful() {
    let server = server();
    for path in ["/", "/api/cards", "/api/nothing", "/no/such/page"] {
        let answer = server.get(path);
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
        assert!(!answer.header("cache-control").is_empty(), "{path}");
    }
}
