//! `/health`, `/api/agents`, and the server's coming and going.

use std::time::Duration;

use serde_json::json;
use sqlx::Connection;

use super::server;
use crate::server::{Server, clean_command, eventually};

#[test]
fn a_server_that_is_well_says_so() {
    let answer = server().get("/health");
    assert_eq!(answer.status, 200);
    let health = answer.json();
    assert_eq!((&health["status"], &health["version"]), (&json!("ok"), &json!(env!("CARGO_PKG_VERSION"))));
    assert!(health["timestamp"].as_str().unwrap().ends_with('Z') && health.get("reason").is_none());
}

#[test]
fn a_server_that_cannot_write_says_so_and_recovers() {
    let server = server();
    let project = server.add_project(&server.repository("r"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let url = format!("sqlite:{}", server.data_dir().join("cardume.db").display());
    let mut other = runtime.block_on(sqlx::SqliteConnection::connect(&url)).unwrap();
    runtime.block_on(sqlx::raw_sql("begin immediate").execute(&mut other)).unwrap();

    let answer = server.get("/health");
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.json()["status"], "degraded");
    assert!(!answer.json()["reason"].as_str().unwrap().is_empty());
    server.post("/api/cards", json!({ "projectId": project, "title": "x", "agent": "good" })).problem(503);
    assert_eq!(server.get("/api/cards").status, 200, "reading goes on");

    runtime.block_on(sqlx::raw_sql("rollback").execute(&mut other)).unwrap();
    assert!(eventually(|| server.get("/health").status == 200));
    server.add_card(&project, "x", "good");
}

#[test]
fn agents_are_listed_with_whether_they_are_there() {
    let server = Server::prepare()
        .config("default_agent = \"missing\"\n[agents.missing]\ncommand = [\"no-such-program\"]\nformat = \"text\"\n")
        .start();
    let agents = server.get("/api/agents").json();
    let agents = agents["agents"].as_array().unwrap();
    let demo = agents.iter().find(|agent| agent["name"] == "demo").unwrap();
    assert_eq!((&demo["available"], &demo["reason"]), (&json!(true), &json!(null)));
    let missing = &agents[0];
    assert_eq!(
        (&missing["name"], &missing["available"]),
        (&json!("missing"), &json!(false)),
        "the default comes first"
    );
    assert!(missing["reason"].as_str().unwrap().contains("no-such-program"));
    assert!(agents.iter().all(|agent| agent.get("version").is_some()));
}

#[test]
fn sigterm_ends_it_well_and_a_restart_finds_everything() {
    let mut server = server();
    let project = server.add_project(&server.repository("r"));
    let card = server.add_card(&project, "A card", "good");
    let before = server.card(&card);
    assert_eq!(server.terminate().code(), Some(0));
    server.restart();
    assert_eq!(server.card(&card), before);
    server.kill_9();
    server.restart();
    assert_eq!(server.card(&card), before);
}

#[test]
fn sigterm_is_not_held_up_by_a_connection_that_says_nothing() {
    let mut server = server();
    let _silent = std::net::TcpStream::connect(server.address()).unwrap();
    let since = std::time::Instant::now();
    assert_eq!(server.terminate().code(), Some(0));
    assert!(since.elapsed() < Duration::from_secs(6), "{:?}", since.elapsed());
}

#[test]
fn a_server_that_cannot_start_says_why_in_a_line() {
    let running = server();
    let home = running.home();
    let output_of = |arguments: &[&str]| {
        let output = clean_command(home).arg("serve").args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty());
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.starts_with("cardume: ") && text.trim_end().lines().count() == 1, "{text:?}");
        text
    };
    let other = home.join("other").display().to_string();
    let taken = output_of(&["--addr", running.address(), "--data-dir", &other]);
    assert!(taken.contains(running.address()), "{taken}");
    let config = home.join("wrong.toml");
    std::fs::write(&config, "\n[agents.x]\ncomand = []\n").unwrap();
    let wrong = output_of(&["--addr", "127.0.0.1:0", "--data-dir", &other, "--config", config.to_str().unwrap()]);
    assert!(wrong.contains("line 3") && wrong.contains("comand"), "{wrong}");
    let url = output_of(&["--addr", "127.0.0.1:0", "--data-dir", &other, "--database-url", "mysql://u:secret@h/d"]);
    assert!(!url.contains("secret"), "{url}");
}
