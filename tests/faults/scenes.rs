//! What several rows begin with: cards that run, and looking at them while the server comes and goes.

use serde_json::Value;

use crate::scribe::{self, Script};
use crate::support::Server;

/// A card with its script.
pub struct Scripted {
    pub card: String,
    pub script: Script,
}

/// A card for each script, all in one project, and all running.
pub fn run_cards(server: &Server, scripts: Vec<Script>) -> Vec<Scripted> {
    let project = server.add_project(&server.repository("repository"));
    let run = |(index, script): (usize, Script)| {
        let card = server.add_card(&project, &format!("Card {index}"), scribe::NAME);
        script.write(server.home(), &card);
        run_card(server, &card);
        Scripted { card, script }
    };
    scripts.into_iter().enumerate().map(run).collect()
}

pub fn run_one(server: &Server, script: Script) -> Scripted {
    run_cards(server, vec![script]).remove(0)
}

#[track_caller]
pub fn run_card(server: &Server, card: &str) {
    let answer = server.post(&format!("/api/cards/{card}/run"), Value::Null);
    assert_eq!(answer.status, 202, "{answer:?}");
}

/// Goes on from where the card failed.
#[track_caller]
pub fn retry(server: &Server, card: &str) {
    let answer = server.post(&format!("/api/cards/{card}/retry"), serde_json::json!({}));
    assert_eq!(answer.status, 202, "{answer:?}");
}

/// The card, or `None` where the server does not answer just now.
pub fn glimpse(server: &Server, card: &str) -> Option<Value> {
    let answer = server.try_send("GET", &format!("/api/cards/{card}"), &[], "").ok()?;
    (answer.status == 200).then(|| answer.json())
}

pub fn workflow_stage(card: &Value) -> &str {
    card["activeExecution"]["workflowStage"].as_str().unwrap_or("idle")
}

/// The id of the card's active execution.
pub fn active(card: &Value) -> String {
    card["activeExecution"]["id"].as_str().unwrap().to_owned()
}

/// Waits until the card has so many rows in its active execution; answers the card.
pub fn wait_for_rows(server: &Server, card: &str, rows: i64) -> Value {
    server.wait_for_card(card, &format!("{rows} rows"), |card| {
        card["activeExecution"]["lastSequence"].as_i64().is_some_and(|last| last >= rows)
    })
}

/// All that runs for this test but the server itself.
pub fn left_running(server: &Server) -> Vec<String> {
    let own = server.pid() as i32;
    let command = |pid: i32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        format!("{pid}: {}", String::from_utf8_lossy(&line).replace('\0', " "))
    };
    let left = crate::support::processes_under(server.home()).into_iter().filter(|pid| *pid != own);
    left.map(command).collect()
}
