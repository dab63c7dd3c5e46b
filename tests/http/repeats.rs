//! What is safe to repeat: `Idempotency-Key`.

use serde_json::{Value, json};

use super::{NOBODY, server};
use crate::server::{Answer, Server};

const JSON: (&str, &str) = ("content-type", "application/json");

fn post(server: &Server, path: &str, key: &str, body: &Value) -> Answer {
    server.send("POST", path, &[JSON, ("idempotency-key", key)], &body.to_string())
}

/// The same answer both times.
#[track_caller]
fn post_twice(server: &Server, path: &str, key: &str, body: &Value) -> Value {
    let [first, second] = [(); 2].map(|()| post(server, path, key, body));
    assert!((200..300).contains(&first.status), "{first:?}");
    assert_eq!((second.status, &second.json()), (first.status, &first.json()), "{path}");
    first.json()
}

#[test]
fn a_request_that_comes_again_does_nothing_and_is_answered_the_same() {
    let mut server = server();
    let repository = json!({ "path": server.repository("r"), "name": "The shoal" });
    let project = post_twice(&server, "/api/projects", "project", &repository);
    let new = json!({ "projectId": project["id"], "title": "Once", "agent": "bad" });
    let card = post_twice(&server, "/api/cards", "card", &new);
    assert_eq!(server.get("/api/cards").json()["cards"].as_array().unwrap().len(), 1);
    let path = |what: &str| format!("/api/cards/{}/{what}", card["id"].as_str().unwrap());
    let id = card["id"].as_str().unwrap();

    post_twice(&server, &path("run"), "run", &Value::Null);
    server.wait_for_stage(id, "error");
    let retry = json!({ "stage": "plan" });
    post_twice(&server, &path("retry"), "retry", &retry);
    server.wait_for_stage(id, "error");
    assert_eq!(server.executions(id).len(), 2);

    // A crash separates no key from what was done.
    server.kill_9();
    server.restart();
    assert_eq!(post(&server, "/api/cards", "card", &new).json(), card);
    assert_eq!(post(&server, "/api/projects", "project", &repository).status, 201);
    post(&server, &path("retry"), "retry", &json!({ "stage": "test" })).problem(422);
    post(&server, &path("run"), "retry", &Value::Null).problem(422);
    let detail = post(&server, "/api/cards", "card", &json!({ "projectId": project["id"], "title": "Twice" }));
    assert!(detail.problem(422).contains("Idempotency-Key"));
    assert_eq!(server.get("/api/cards").json()["cards"].as_array().unwrap().len(), 1);

    let another = post(&server, "/api/cards", "another card", &new).json();
    assert_ne!(another["id"], card["id"]);
}

#[test]
fn a_cancel_that_comes_again_cancels_no_later_run() {
    let server = server();
    let card = server.run_new_card("gated");
    let path = |what: &str| format!("/api/cards/{card}/{what}");
    post_twice(&server, &path("cancel"), "cancel", &json!({}));
    server.wait_for_stage(&card, "error");
    assert_eq!(server.post(&path("retry"), json!({})).status, 202);
    assert_eq!(post(&server, &path("cancel"), "cancel", &json!({})).status, 202);
    std::fs::write(server.home().join("gate"), "").unwrap();
    server.wait_for_stage(&card, "completed");
}

#[test]
fn the_same_requests_at_once_make_one_card() {
    let server = server();
    let project = server.add_project(&server.repository("r"));
    let new = json!({ "projectId": project, "title": "Once" });
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let requests: Vec<_> = (0..8).map(|_| scope.spawn(|| post(&server, "/api/cards", "key", &new))).collect();
        requests
            .into_iter()
            .map(|request| request.join().unwrap())
            .map(|answer| {
                assert_eq!(answer.status, 201, "{answer:?}");
                answer.json()
            })
            .collect()
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(server.get("/api/cards").json()["cards"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_no_key_is_refused() {
    let server = server();
    let project = server.add_project(&server.repository("r"));
    let new = json!({ "projectId": project, "title": "Once" });
    for key in ["", "two words", "tab\there", "ação", &"k".repeat(256)] {
        let detail = post(&server, "/api/cards", key, &new).problem(400);
        assert!(detail.contains("255"), "{detail}");
        let called = server.post("/fn/create_card", json!({ "card": new, "key": key }));
        called.problem(400);
    }
    let twice = [JSON, ("idempotency-key", "one"), ("idempotency-key", "two")];
    server.send("POST", "/api/cards", &twice, &new.to_string()).problem(400);
    assert!(server.get("/api/cards").json()["cards"].as_array().unwrap().is_empty());
    assert_eq!(post(&server, "/api/cards", &"k".repeat(255), &new).status, 201);
    // What was refused may come again.
    post(&server, &format!("/api/cards/{NOBODY}/run"), "refused", &Value::Null).problem(404);
    assert_eq!(post(&server, "/api/cards", "refused", &new).status, 201);
}

#[test]
fn the_page_asks_once() {
    let server = server();
    let project = server.add_project(&server.repository("r"));
    let new = json!({ "card": { "projectId": project, "title": "Once", "agent": "good" }, "key": "page/1" });
    let [first, second] = [(); 2].map(|()| server.post("/fn/create_card", new.clone()));
    assert_eq!((first.status, first.json()), (200, second.json()));
    assert_eq!(server.get("/api/cards").json()["cards"].as_array().unwrap().len(), 1);
    // A form that is sent twice before the script comes: its key is on the page.
    let card = first.json()["id"].as_str().unwrap().to_owned();
    let page = server.get(&format!("/cards/{card}"));
    let key = format!("page/run/{card}/{}", server.card(&card)["version"]);
    assert!(page.text.contains(&format!("name=\"key\" value=\"{key}\"")), "{}", page.text);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let [first, second] = [(); 2].map(|()| server.send("POST", "/fn/run_card", &form, &format!("id={card}&key={key}")));
    assert_eq!((first.status, first.json()), (200, second.json()));
    server.wait_for_stage(&card, "completed");
    assert_eq!(server.executions(&card).len(), 4);
}
