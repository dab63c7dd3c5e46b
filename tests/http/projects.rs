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
