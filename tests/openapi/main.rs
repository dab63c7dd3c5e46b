//! The server keeps to its OpenAPI document: schemathesis asks all that the document allows, and what it doesn't, of the
//! real binary. No answer is a server's error, none has a status or a body that the document doesn't tell of, and what
//! the document calls wrong is refused.
//!
//! `CARDUME_API_SECONDS` and `CARDUME_API_SEED` ask for longer, and otherwise.

#[path = "../support/server.rs"]
mod server;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use server::{GOOD_AGENT, Server};

const SECONDS: &str = "60";
const SEED: &str = "12";

/// 422 and 409 are for what can be read and is not acceptable as things stand, which no schema can tell.
const CONFIGURATION: &str = r#"
[dictionaries]
cards = { values = [CARDS] }
executions = { values = [EXECUTIONS] }
projects = { values = [PROJECTS] }
paths = { values = [PATHS] }
agents = { values = ["good", "demo"] }
words = { values = ["did", "plan", "line"] }

[generation]
no-shrink = true

[checks]
positive_data_acceptance.expected-statuses = ["2xx", 401, 403, 404, 409, 422, 429]
# An Idempotency-Key that comes again gets the first answer, also once what it made is deleted.
ensure_resource_availability.enabled = false
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 409, 413, 415, 422, 429]

[parameters]
"body.projectId" = { dictionary = "projects", probability = 0.7 }
"body.path" = { dictionary = "paths", probability = 0.7 }
"body.agent" = { dictionary = "agents", probability = 0.7 }
"query.q" = { dictionary = "words", probability = 0.5 }
"query.projectId" = { dictionary = "projects", probability = 0.7 }

[[operations]]
include-path-regex = "^/api/(cards|logs)/"
parameters."path.id" = { dictionary = "cards", probability = 0.7 }
parameters."path.cardId" = { dictionary = "cards", probability = 0.7 }

[[operations]]
include-path-regex = "^/api/executions/"
parameters."path.id" = { dictionary = "executions", probability = 0.7 }

[[operations]]
include-path-regex = "^/api/projects/"
parameters."path.id" = { dictionary = "projects", probability = 0.7 }
"#;

#[test]
fn the_server_keeps_to_its_openapi_document() {
    let model = "model = [\"--model\", \"{model}\"]";
    let server =
        Server::prepare().agent("good", GOOD_AGENT).agent_line("good", model).config("default_agent = \"good\"");
    let server = server.start();
    let configuration = server.home().join("schemathesis.toml");
    fs::write(&configuration, configure(&server)).unwrap();
    let setting = |name, default: &str| std::env::var(name).unwrap_or(default.into());
    let output = Command::new(schemathesis())
        .current_dir(server.home())
        .arg("--config-file")
        .arg(&configuration)
        .arg("run")
        .arg(format!("{}/api/openapi.json", server.url()))
        .args(["--max-time", &setting("CARDUME_API_SECONDS", SECONDS), "--seed", &setting("CARDUME_API_SEED", SEED)])
        .args(["--request-timeout", "30", "--generation-database", "none"])
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{report}{}\nthe server's log:\n{}",
        String::from_utf8_lossy(&output.stderr),
        server.own_log()
    );
    println!("{}", &report[report.find("SUMMARY").unwrap_or(0)..]);
    // It tested something.
    assert!(report.contains("Test cases:"), "{report}");
    assert_eq!(server.get("/health").status, 200);
    assert!(!server.own_log().contains("panicked"), "{}", server.own_log());
}

/// With things that are there, so that more is tested than 404.
fn configure(server: &Server) -> String {
    let repositories = [1, 2].map(|number| server.repository(&format!("repository-{number}")));
    let projects = repositories.each_ref().map(|path| server.add_project(path));
    let cards: Vec<String> =
        (0..10).map(|number| server.add_card(&projects[number % 2], &format!("Card {number}"), "good")).collect();
    for card in &cards[..4] {
        assert_eq!(server.post(&format!("/api/cards/{card}/run"), json!({})).status, 202);
    }
    let mut executions = vec![];
    for card in &cards[..4] {
        server.wait_for_stage(card, "completed");
        executions.extend(server.executions(card).iter().map(|execution| execution["id"].clone()));
    }
    let list = |values: Vec<Value>| values.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
    CONFIGURATION
        .replace("CARDS", &list(cards.into_iter().map(Value::from).collect()))
        .replace("EXECUTIONS", &list(executions))
        .replace("PROJECTS", &list(projects.into_iter().map(Value::from).collect()))
        .replace("PATHS", &list(repositories.iter().map(|path| json!(path)).collect()))
}

/// Installed where it is missing.
fn schemathesis() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/install-schemathesis.sh");
    let output = Command::new(script).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    eprint!("{words}");
    assert!(output.status.success(), "schemathesis (PyPI) cannot be installed: {words}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
