//! `/api/cards`: making, changing, moving, deleting.

use serde_json::{Value, json};

use super::{NOBODY, server};

#[test]
fn a_card_is_made_read_changed_and_deleted() {
    let server = server();
    let project = server.add_project(&server.repository("r"));
    let made = server.post("/api/cards", json!({ "projectId": project, "title": " A card ", "agent": "good" }));
    assert_eq!(made.status, 201, "{made:?}");
    let card = made.json();
    let id = card["id"].as_str().unwrap();
    for (member, value) in [
        ("projectId", json!(project)),
        ("title", json!("A card")),
        ("description", json!("")),
        ("columnId", json!("backlog")),
        ("position", json!(0)),
        ("agent", json!("good")),
        ("specPath", Value::Null),
        ("branch", Value::Null),
        ("worktreePath", Value::Null),
        ("activeExecution", Value::Null),
    ] {
        assert_eq!(card.get(member), Some(&value), "{member}: {card}");
    }
    assert_eq!(server.card(id), card);

    let version = card["version"].as_i64().unwrap();
    let edit = json!({ "title": "Another", "description": "In **full**", "version": version });
    let edited = server.patch(&format!("/api/cards/{id}"), edit.clone());
    assert_eq!(edited.status, 200, "{edited:?}");
    let edited = edited.json();
    assert_eq!((&edited["title"], &edited["description"]), (&json!("Another"), &json!("In **full**")));
    assert!(edited["version"].as_i64().unwrap() > version);
    server.patch(&format!("/api/cards/{id}"), edit).problem(409);
    assert_eq!(server.card(id), edited);

    assert_eq!(server.delete(&format!("/api/cards/{id}")).status, 204);
    server.get(&format!("/api/cards/{id}")).problem(404);
    server.delete(&format!("/api/cards/{id}")).problem(404);
}

#[test]
fn cards_are_listed_for_one_project_or_all() {
    let server = server();
    let [one, two] = ["one", "two"].map(|name| server.add_project(&server.repository(name)));
    let first = server.add_card(&one, "First", "good");
    let second = server.add_card(&two, "Second", "good");
    let ids = |path: &str| -> Vec<String> {
        let cards = server.get(path).json();
        cards["cards"].as_array().unwrap().iter().map(|card| card["id"].as_str().unwrap().into()).collect()
    };
    let mut all = ids("/api/cards");
    all.sort();
    assert_eq!(all, [first.clone(), second.clone()]);
    assert_eq!(ids(&format!("/api/cards?projectId={one}")), [first]);
    assert_eq!(ids(&format!("/api/cards?projectId={two}")), [second]);
    assert!(ids(&format!("/api/cards?projectId={NOBODY}")).is_empty());
    server.get("/api/cards?projectId=nonsense").problem(400);
}

#[test]
fn a_card_that_cannot_be_is_refused() {
    let server = server();
    let project = server.add_project(&server.repository("r"));
    let card = |change: Value| {
        let mut card = json!({ "projectId": project, "title": "A card", "agent": "good" });
        card.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        server.post("/api/cards", card)
    };
    for change in [
        json!({ "title": "" }),
        json!({ "title": " \n" }),
        json!({ "title": "x".repeat(301) }),
        json!({ "title": "a\0b" }),
        json!({ "description": "x".repeat(256 * 1024 + 1) }),
        json!({ "agent": "nobody" }),
        json!({ "projectId": NOBODY }),
        json!({ "projectId": "nonsense" }),
    ] {
        card(change).problem(422);
    }
    for change in [json!({ "title": 7 }), json!({ "title": null }), json!({ "description": [] })] {
        card(change).problem(400);
    }
    server.post("/api/cards", json!({ "title": "No project" })).problem(400);
    assert_eq!(server.get("/api/cards").json(), json!({ "cards": [] }));
    // At the limit it is still a card.
    let largest = json!({ "title": "é".repeat(300), "description": "x".repeat(256 * 1024) });
    assert_eq!(card(largest).status, 201);
    assert_eq!(card(json!({ "description": null, "agent": null })).status, 201);
}

#[test]
fn an_edit_that_cannot_be_is_refused() {
    let server = server();
    let project = server.add_project(&server.repository("r"));
    let id = server.add_card(&project, "A card", "good");
    let before = server.card(&id);
    server.patch(&format!("/api/cards/{id}"), json!({ "title": "" })).problem(422);
    server.patch(&format!("/api/cards/{id}"), json!({ "agent": "nobody" })).problem(422);
    server.patch(&format!("/api/cards/{id}"), json!({ "title": [] })).problem(400);
    server.patch(&format!("/api/cards/{NOBODY}"), json!({ "title": "x" })).problem(404);
    assert_eq!(server.card(&id), before);
}

#[test]
fn a_card_is_moved_unless_somebody_was_faster() {
    let server = server();
    let project = server.add_project(&server.repository("r"));
    let [a, b] = ["A", "B"].map(|title| server.add_card(&project, title, "good"));
    let version = server.card(&b)["version"].as_i64().unwrap();
    let to_top = json!({ "columnId": "backlog", "position": 0, "version": version });
    let moved = server.patch(&format!("/api/cards/{b}/move"), to_top.clone());
    assert_eq!((moved.status, &moved.json()["position"]), (200, &json!(0)), "{moved:?}");
    assert_eq!(server.card(&a)["position"], 1);
    server.patch(&format!("/api/cards/{b}/move"), to_top).problem(409);

    let to_the_end = json!({ "columnId": "review", "position": 99 });
    let moved = server.patch(&format!("/api/cards/{b}/move"), to_the_end).json();
    assert_eq!((&moved["columnId"], &moved["position"]), (&json!("review"), &json!(0)));

    let path = format!("/api/cards/{a}/move");
    server.patch(&path, json!({ "columnId": "shipping", "position": 0 })).problem(422);
    server.patch(&path, json!({ "columnId": "plan", "position": -1 })).problem(422);
    server.patch(&path, json!({ "columnId": "plan" })).problem(400);
    server.patch(&path, json!({ "columnId": "plan", "position": "top" })).problem(400);
    server.patch(&format!("/api/cards/{NOBODY}/move"), json!({ "columnId": "plan", "position": 0 })).problem(404);
    assert_eq!(server.card(&a)["columnId"], "backlog");
}

#[test]
fn an_archived_card_is_off_the_board_and_comes_back_whole() {
    let server = server();
    let project = server.add_project(&server.repository("r"));
    let [first, second, third] = ["1", "2", "3"].map(|title| server.add_card(&project, title, "good"));
    let listed = |path: &str| -> Vec<(String, i64)> {
        let cards = server.get(path).json();
        let of = |card: &Value| (card["id"].as_str().unwrap().to_owned(), card["position"].as_i64().unwrap());
        cards["cards"].as_array().unwrap().iter().map(of).collect()
    };
    let archive = |id: &str, archived: bool| {
        let answer = server.patch(&format!("/api/cards/{id}"), json!({ "archived": archived }));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    };
    assert!(archive(&first, true)["archivedAt"].is_string());
    // The others have moved up, and it is neither moved nor run.
    assert_eq!(listed("/api/cards"), [(second.clone(), 0), (third.clone(), 1)]);
    assert_eq!(listed("/api/cards?archived=true").len(), 1);
    assert_eq!(listed(&format!("/api/cards?archived=true&projectId={project}")).len(), 1);
    assert_eq!(listed(&format!("/api/cards?archived=true&projectId={NOBODY}")), []);
    server.post(&format!("/api/cards/{first}/run"), json!({})).problem(409);
    let to = json!({ "columnId": "done", "position": 0 });
    server.patch(&format!("/api/cards/{first}/move"), to).problem(409);
    // Twice is once.
    assert_eq!(archive(&first, true)["archivedAt"], server.card(&first)["archivedAt"]);

    assert_eq!(archive(&first, false)["archivedAt"], Value::Null);
    assert_eq!(listed("/api/cards"), [(first.clone(), 0), (second.clone(), 1), (third.clone(), 2)]);
    // One that is deleted from the archive leaves no hole.
    archive(&second, true);
    assert_eq!(server.delete(&format!("/api/cards/{second}")).status, 204);
    assert_eq!(listed("/api/cards"), [(first, 0), (third, 1)]);
}

#[test]
fn a_card_that_runs_is_not_archived() {
    let server = server();
    let project = server.add_project(&server.repository("r"));
    let card = server.add_card(&project, "Waits", "gated");
    assert_eq!(server.post(&format!("/api/cards/{card}/run"), json!({})).status, 202);
    server.patch(&format!("/api/cards/{card}"), json!({ "archived": true })).problem(409);
    assert_eq!(server.card(&card)["archivedAt"], Value::Null);
}

#[test]
fn a_deleted_card_is_restored_within_a_day() {
    let server = server();
    let project = server.add_project(&server.repository("r"));
    let card = server.add_card(&project, "Thought better of", "demo");
    let deleted = server.patch(&format!("/api/cards/{card}"), json!({ "discarded": true })).json();
    assert!(deleted["discardedAt"].is_string() && deleted["archivedAt"].is_string(), "{deleted}");
    assert_eq!(server.get("/api/cards").json()["cards"], json!([]));
    let restored = server.patch(&format!("/api/cards/{card}"), json!({ "archived": false })).json();
    assert_eq!((&restored["discardedAt"], &restored["archivedAt"]), (&Value::Null, &Value::Null));
    assert_eq!(server.get("/api/cards").json()["cards"][0]["id"], card);
    // DELETE does not wait.
    assert_eq!(server.delete(&format!("/api/cards/{card}")).status, 204);
    server.get(&format!("/api/cards/{card}")).problem(404);
}

#[test]
fn a_model_is_for_agents_that_can_be_told_of_it() {
    let server = server();
    let project = server.add_project(&server.repository("r"));
    let new = |agent: &str, model: &str| {
        let card = json!({ "projectId": project, "title": "t", "agent": agent, "model": model });
        server.post("/api/cards", card)
    };
    let answer = new("claude", " opus ");
    assert_eq!((answer.status, &answer.json()["model"]), (201, &json!("opus")));
    let card = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(new("demo", "").json()["model"], Value::Null);
    assert!(new("demo", "opus").problem(422).contains("cardume.toml"));
    for hostile in ["--dangerously-skip-permissions", "a b", "$(x)", "a\nb", &"x".repeat(201)] {
        new("claude", hostile).problem(422);
    }
    let edit = |change: Value| server.patch(&format!("/api/cards/{card}"), change);
    assert_eq!(edit(json!({ "title": "u" })).json()["model"], "opus");
    assert_eq!(edit(json!({ "model": "haiku" })).json()["model"], "haiku");
    edit(json!({ "agent": "demo", "model": "haiku" })).problem(422);
    // Another agent has other models.
    assert_eq!(edit(json!({ "agent": "demo" })).json()["model"], Value::Null);
    edit(json!({ "model": "haiku" })).problem(422);

    let agents = server.get("/api/agents").json();
    let of =
        |name: &str| agents["agents"].as_array().unwrap().iter().find(|agent| agent["name"] == name).unwrap().clone();
    assert_eq!((&of("claude")["takesModel"], &of("demo")["takesModel"]), (&json!(true), &json!(false)));
    assert_eq!(of("claude")["models"][0], "opus");
}

#[test]
fn a_column_has_a_limit_that_keeps_nobody_out() {
    let server = server();
    let columns = || server.get("/api/columns").json()["columns"].clone();
    assert_eq!(columns().as_array().unwrap().len(), 6);
    assert_eq!(columns()[1], json!({ "id": "plan", "wipLimit": null }));
    let put = |column: &str, body: Value| server.put(&format!("/api/columns/{column}"), body);
    assert_eq!(put("backlog", json!({ "wipLimit": 1 })).json(), json!({ "id": "backlog", "wipLimit": 1 }));
    assert_eq!(columns()[0]["wipLimit"], 1);
    for wrong in [0, -1, 1000] {
        put("backlog", json!({ "wipLimit": wrong })).problem(422);
    }
    // What says nothing takes nothing away.
    put("backlog", json!({})).problem(400);
    put("backlog", json!({ "wipLimit": "many" })).problem(400);
    put("nowhere", json!({ "wipLimit": 1 })).problem(404);
    assert_eq!(columns()[0]["wipLimit"], 1);
    let project = server.add_project(&server.repository("r"));
    for title in ["a", "b"] {
        server.add_card(&project, title, "demo");
    }
    assert_eq!(server.get("/api/cards").json()["cards"].as_array().unwrap().len(), 2);
    assert_eq!(put("backlog", json!({ "wipLimit": null })).json()["wipLimit"], Value::Null);
}
