//! Whatever goes wrong is a problem (RFC 9457), and shows nothing of the server's inside.

use serde_json::json;

use super::server;

#[test]
fn what_is_not_there_is_a_problem() {
    let server = server();
    for path in ["/api", "/api/", "/api/nothing", "/api/cards/", "/fn/nothing", "/api/%00"] {
        server.get(path).problem(404);
    }
    server.post("/api/nothing", json!({})).problem(404);
}

#[test]
fn a_wrong_method_is_a_problem_that_names_the_right_ones() {
    let server = server();
    for (method, path, allowed) in [
        ("PUT", "/api/cards", "POST"),
        ("DELETE", "/api/projects", "GET"),
        ("GET", "/api/cards/019a0000-0000-7000-8000-000000000000/run", "POST"),
        ("POST", "/health", "GET"),
        ("GET", "/fn/run_card", "POST"),
    ] {
        let answer = server.send(method, path, &[], "");
        answer.problem(405);
        assert!(answer.header("allow").contains(allowed), "{method} {path}: {answer:?}");
    }
}

#[test]
fn a_body_that_cannot_be_read_is_a_problem() {
    let server = server();
    let json = ("content-type", "application/json");
    for body in ["", "{", "nonsense", "[]", "[\"/\", null]", "{\"path\":", "\u{feff}{}"] {
        server.send("POST", "/api/projects", &[json], body).problem(400);
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "multipart/form-data"] {
        server.send("POST", "/api/projects", &[("content-type", kind)], r#"{"path":"/"}"#).problem(415);
    }
    server.send("POST", "/api/projects", &[], r#"{"path":"/"}"#).problem(415);
    let charset = [("content-type", "Application/JSON; charset=utf-8")];
    server.send("POST", "/api/projects", &charset, r#"{"path":"/nowhere"}"#).problem(422);
}

#[test]
fn a_body_that_is_too_long_is_a_problem() {
    let server = server();
    let description = "x".repeat(3 << 20);
    server.post("/api/cards", json!({ "title": "t", "projectId": "p", "description": description })).problem(413);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    server.send("POST", "/fn/run_card", &form, &format!("id={description}")).problem(413);
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn a_long_hostile_word_does_not_come_back_whole() {
    let server = server();
    let project = server.add_project(&server.repository("r"));
    let id = server.add_card(&project, "A card", "good");
    let word = "<script>".repeat(10_000);
    let detail = server.patch(&format!("/api/cards/{id}/workflow-state"), json!({ "stage": word })).problem(422);
    assert!(detail.len() < 1000);
    let detail = server.post("/api/cards", json!({ "projectId": word, "title": "x" })).problem(422);
    assert!(detail.len() < 2000);
}

#[test]
fn no_failure_shows_the_inside() {
    let server = server();
    let inside = server.data_dir().display().to_string();
    let hostile = "019a0000-0000-7000-8000-000000000000' or 1=1 --".replace(' ', "%20");
    for answer in [
        server.get(&format!("/api/cards/{hostile}")),
        server.get("/api/cards?projectId='"),
        server.post("/api/projects", json!({ "path": "/home/../etc/passwd" })),
        server.send("POST", "/fn/create_card", &[("content-type", "application/json")], "{"),
    ] {
        let text = answer.text.to_lowercase();
        for word in ["select ", "sqlite", "sqlx", "panicked", ".rs:", "backtrace", &inside.to_lowercase()] {
            assert!(!text.contains(word), "{word}: {answer:?}");
        }
    }
}
