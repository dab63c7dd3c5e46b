//! The server functions: whatever is thrown at them, the answer is a problem and not a defect.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::{NOBODY, server};

const FORMS: [&str; 3] = ["run_card", "cancel_card", "retry_card"];

/// All of them, from their sources.
fn endpoints() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api");
    let sources = fs::read_dir(folder).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    let names = |source: String| {
        let names = source.split("endpoint = \"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let names: Vec<String> = sources.flat_map(names).collect();
    assert!(names.len() > 20 && names.iter().any(|name| name == "create_card"), "{names:?}");
    names
}

const MALFORMED: [&str; 24] = [
    "",
    " ",
    "{",
    "}",
    "[]",
    "[1,2",
    "null",
    "true",
    "0",
    "-1e999",
    "\"text\"",
    "{\"id\":}",
    "{\"id\":\"x\"}",
    "{\"id\":null}",
    "{\"id\":[]}",
    "{\"card\":{}}",
    "{\"card\":{\"projectId\":1,\"title\":[]}}",
    "{\"execution\":\"\\ud800\",\"slice\":\"up\",\"limit\":\"many\"}",
    "{\"execution\":\"019a0000-0000-7000-8000-000000000000\",\"slice\":{\"after\":1e30},\"limit\":10}",
    "{\"settings\":{\"id\":\"nowhere\",\"wipLimit\":99999999999999999999}}",
    "\u{0}\u{1}\u{2}",
    "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}",
    "id=%ff&id=%00&key=",
    "id[a][b][c][d][e][f][g]=1&stage[]=plan&=&&&",
];

#[test]
fn a_malformed_body_is_a_problem() {
    let server = server();
    for name in endpoints() {
        let path = format!("/fn/{name}");
        let kind = if FORMS.contains(&&*name) { "application/x-www-form-urlencoded" } else { "application/json" };
        for body in MALFORMED.map(str::to_owned).into_iter().chain(["[".repeat(100_000), "a=".repeat(50_000)]) {
            let answer = server.send("POST", &path, &[("content-type", kind)], &body);
            let shown = &body[..body.len().min(80)];
            // Some take no arguments, and some take what is here.
            if answer.status != 200 {
                assert!((400..500).contains(&answer.status), "{name} {shown:?}: {answer:?}");
                answer.problem(answer.status);
            }
            let html = [("content-type", kind), ("accept", "text/html")];
            let answer = server.send("POST", &path, &html, &body);
            assert!(answer.status < 500, "{name} {shown:?}: {answer:?}");
        }
    }
    assert!(!server.own_log().contains("panicked"), "{}", server.own_log());
}

#[test]
fn a_body_of_another_type_is_a_problem() {
    let server = server();
    let body = json!({ "id": NOBODY }).to_string();
    for name in endpoints() {
        let path = format!("/fn/{name}");
        let is_form = FORMS.contains(&&*name);
        let other = if is_form { "application/json" } else { "application/x-www-form-urlencoded" };
        for kind in ["text/plain", "multipart/form-data", "application/jsonx", "", other] {
            server.send("POST", &path, &[("content-type", kind)], &body).problem(415);
        }
        server.send("POST", &path, &[], &body).problem(415);
        for method in ["GET", "PUT", "PATCH", "DELETE"] {
            let answer = server.send(method, &path, &[], "");
            answer.problem(405);
            assert!(answer.header("allow").contains("POST"), "{method} {path}: {answer:?}");
        }
    }
    server.post("/fn/nothing", json!({})).problem(404);
}

#[test]
fn a_refusal_is_a_problem_with_its_status() {
    let server = server();
    let project = server.add_project(&server.repository("r"));
    let card = server.add_card(&project, "A card", "good");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    server.send("POST", "/fn/cancel_card", &form, &format!("id={card}")).problem(409);
    server.send("POST", "/fn/cancel_card", &form, &format!("id={NOBODY}")).problem(404);
    server.post("/fn/card_details", json!({ "id": NOBODY })).problem(404);
    server.post("/fn/create_card", json!({ "card": { "projectId": project, "title": "" } })).problem(422);
    server.post("/fn/create_card", json!({ "card": { "projectId": "x", "title": "t" } })).problem(400);
}
