//! `/api/projects`

use serde_json::json;

use super::server;

#[test]
fn a_project_is_added_once_and_listed() {
    let server = server();
    assert_eq!(server.get("/api/projects").json(), json!({ "projects": [] }));
    let repository = server.repository("a repository");
    let added = server.post("/api/projects", json!({ "path": repository }));
    assert_eq!(added.status, 201, "{added:?}");
    let project = added.json();
    assert_eq!(project["name"], "a repository");
    assert_eq!(project["path"], repository.to_str().unwrap());
    assert!(project["createdAt"].as_str().unwrap().ends_with('Z'));

    let again = server.post("/api/projects", json!({ "path": repository, "name": "another name" }));
    assert_eq!((again.status, again.json()), (200, project.clone()));
    let inside = repository.join("sub");
    std::fs::create_dir(&inside).unwrap();
    assert_eq!(server.post("/api/projects", json!({ "path": inside })).json()["id"], project["id"]);
    assert_eq!(server.get("/api/projects").json(), json!({ "projects": [project] }));
}

#[test]
fn a_project_may_be_given_a_name() {
    let server = server();
    let added = server.post("/api/projects", json!({ "path": server.repository("r"), "name": "Mine" }));
    assert_eq!((added.status, &added.json()["name"]), (201, &json!("Mine")));
}

#[test]
fn a_project_is_removed_with_its_cards_and_the_repository_stays() {
    let server = server();
    let (repository, other) = (server.repository("goes"), server.repository("stays"));
    let (goes, stays) = (server.add_project(&repository), server.add_project(&other));
    let kept = server.add_card(&stays, "Another's", "good");
    let archived = server.add_card(&goes, "Put away", "good");
    server.patch(&format!("/api/cards/{archived}"), json!({ "archived": true }));
    let running = server.add_card(&goes, "At work", "gated");
    assert_eq!(server.post(&format!("/api/cards/{running}/run"), json!({})).status, 202);

    let path = format!("/api/projects/{goes}");
    let why = server.delete(&path).problem(409);
    assert!(why.contains("At work"), "{why}");
    assert_eq!(server.get(&format!("/api/cards/{archived}")).status, 200, "nothing has gone");

    std::fs::write(server.home().join("gate"), "").unwrap();
    server.wait_for_stage(&running, "completed");
    assert_eq!(server.delete(&path).status, 204);
    server.delete(&path).problem(404);
    for card in [archived, running] {
        server.get(&format!("/api/cards/{card}")).problem(404);
    }
    assert_eq!(server.get(&format!("/api/cards/{kept}")).status, 200);
    assert_eq!(server.get("/api/projects").json()["projects"].as_array().unwrap().len(), 1);
    let branches = std::process::Command::new("git").arg("-C").arg(&repository).arg("branch").output().unwrap();
    assert!(String::from_utf8_lossy(&branches.stdout).contains("cardume/"), "its branches are there");
    assert_eq!(server.post("/api/projects", json!({ "path": repository })).status, 201);
}

#[test]
fn what_is_no_git_repository_is_refused_with_what_to_do() {
    let server = server();
    let folder = server.home().join("just a folder");
    std::fs::create_dir(&folder).unwrap();
    let detail = server.post("/api/projects", json!({ "path": folder })).problem(422);
    assert!(detail.contains("git init"), "{detail}");
    for path in ["/there/is/nothing", "relative", "", "\0"] {
        server.post("/api/projects", json!({ "path": path })).problem(422);
    }
    server.post("/api/projects", json!({})).problem(400);
    server.post("/api/projects", json!({ "path": 7 })).problem(400);
    assert_eq!(server.get("/api/projects").json(), json!({ "projects": [] }));
}

#[test]
fn masking_can_be_turned_off() {
    let server = server();
    let id = server.add_project(&server.repository("r"));
    let path = format!("/api/projects/{id}");
    assert_eq!(server.get("/api/projects").json()["projects"][0]["maskSecrets"], true);
    let changed = server.patch(&path, json!({ "maskSecrets": false }));
    assert_eq!((changed.status, &changed.json()["maskSecrets"]), (200, &json!(false)));
    assert_eq!(server.patch(&path, json!({})).json(), changed.json());
    assert_eq!(server.get("/api/projects").json(), json!({ "projects": [changed.json()] }));

    server.patch(&path, json!({ "maskSecrets": "no" })).problem(400);
    for nobody in [super::NOBODY, "r"] {
        server.patch(&format!("/api/projects/{nobody}"), json!({ "maskSecrets": true })).problem(404);
    }
}

#[test]
fn a_path_can_be_changed_and_what_is_no_repository_is_refused() {
    let server = server();
    let (repository, other) = (server.repository("one"), server.repository("other"));
    let (id, _) = (server.add_project(&repository), server.add_project(&other));
    let path = format!("/api/projects/{id}");
    let moved = server.home().join("moved");
    std::fs::rename(&repository, &moved).unwrap();
    let inside = moved.join("sub");
    std::fs::create_dir(&inside).unwrap();
    let changed = server.patch(&path, json!({ "path": inside }));
    assert_eq!((changed.status, &changed.json()["path"]), (200, &json!(moved)), "{changed:?}");
    assert_eq!(server.patch(&path, json!({ "path": moved })).json(), changed.json());
    // Both at once, and neither without the other's leave.
    let both = server.patch(&path, json!({ "path": other, "maskSecrets": false })).problem(409);
    assert!(both.contains("other"), "{both}");
    assert_eq!(server.get("/api/projects").json()["projects"][0]["maskSecrets"], true);

    let folder = server.home().join("just a folder");
    std::fs::create_dir(&folder).unwrap();
    let detail = server.patch(&path, json!({ "path": folder })).problem(422);
    assert!(detail.contains("git init"), "{detail}");
    for nowhere in ["/there/is/nothing", "relative", "", "\0"] {
        server.patch(&path, json!({ "path": nowhere })).problem(422);
    }
    let unknown = server.patch(&path, json!({ "maskSecrets": true, "colour": "red" })).problem(400);
    assert!(unknown.contains("colour"), "{unknown}");
    server.patch(&format!("/api/projects/{}", super::NOBODY), json!({ "path": moved })).problem(404);
    let document = server.get("/api/openapi.json").json();
    assert_eq!(document["components"]["schemas"]["ProjectEdit"]["additionalProperties"], false);
}
