//! The OpenAPI document tells of all routes, and of nothing else.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{NOBODY, server};

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// What is promised.
const PROMISED: [(&str, &str); 27] = [
    ("GET", "/health"),
    ("GET", "/api/projects"),
    ("POST", "/api/projects"),
    ("PATCH", "/api/projects/{id}"),
    ("DELETE", "/api/projects/{id}"),
    ("GET", "/api/columns"),
    ("PUT", "/api/columns/{id}"),
    ("GET", "/api/cards"),
    ("POST", "/api/cards"),
    ("GET", "/api/cards/{id}"),
    ("PATCH", "/api/cards/{id}"),
    ("DELETE", "/api/cards/{id}"),
    ("PATCH", "/api/cards/{id}/move"),
    ("POST", "/api/cards/{id}/run"),
    ("POST", "/api/cards/{id}/cancel"),
    ("POST", "/api/cards/{id}/retry"),
    ("PATCH", "/api/cards/{id}/workflow-state"),
    ("GET", "/api/logs/{cardId}"),
    ("GET", "/api/cards/{id}/executions"),
    ("GET", "/api/executions/{id}/logs"),
    ("GET", "/api/executions/{id}/logs.txt"),
    ("GET", "/api/executions/{id}/logs.jsonl"),
    ("GET", "/api/executions/{id}/logs/search"),
    ("GET", "/api/search"),
    ("GET", "/api/usage"),
    ("GET", "/api/agents"),
    ("GET", "/api/openapi.json"),
];

#[test]
fn the_document_tells_of_every_route_and_of_nothing_else() {
    let server = server();
    let answer = server.get("/api/openapi.json");
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    let document = answer.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));

    let told: BTreeSet<_> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), path.clone()))
        })
        .collect();
    let promised = PROMISED.map(|(method, path)| (method.to_owned(), path.to_owned())).into();
    assert_eq!(told, promised);

    // The router answers exactly the methods that are told: to all others it says 405, with those in `Allow`.
    for path in told.iter().map(|(_, path)| path).collect::<BTreeSet<_>>() {
        let real = path.replace("{id}", NOBODY).replace("{cardId}", NOBODY);
        for method in METHODS {
            let status = server.send(method, &real, &[], "").status;
            let is_told = told.contains(&(method.to_owned(), path.clone()));
            assert_eq!(status != 405, is_told, "{method} {path}: {status}");
        }
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_operation_is_described() {
    let document = server().get("/api/openapi.json").json();
    let mut references = vec![];
    collect(&document, &mut references);
    assert!(references.len() > 20);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{method} {path}");
            assert!(!operation["responses"].as_object().unwrap().is_empty(), "{method} {path}");
        }
    }
    let card = &document["components"]["schemas"]["Card"]["properties"];
    for member in ["id", "projectId", "columnId", "specPath", "worktreePath", "activeExecution"] {
        assert!(card.get(member).is_some(), "{member}: {card}");
    }
}

#[test]
fn every_post_is_safe_to_repeat_and_every_problem_is_told_of() {
    let document = server().get("/api/openapi.json").json();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let key = parameters.iter().find(|parameter| parameter["name"] == "Idempotency-Key");
            assert_eq!(key.is_some(), method == "post", "{method} {path}");
            if let Some(key) = key {
                assert_eq!((&key["in"], &key["schema"]["maxLength"]), (&"header".into(), &255.into()), "{path}");
            }
            for status in ["400", "401", "403", "421", "429", "503"] {
                assert!(operation["responses"].get(status).is_some(), "{method} {path}: {status}");
            }
        }
    }
    let column = &document["components"]["schemas"]["ColumnBody"];
    assert_eq!(column["required"], serde_json::json!(["wipLimit"]), "what the server requires");
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                references.push(reference.into());
            }
            members.values().for_each(|value| collect(value, references));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}
