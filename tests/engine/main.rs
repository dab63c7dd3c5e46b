//! The promise, from outside: the real server, real supervisors, real agents (scripts), real git, and real kills.

#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../support/server.rs"]
mod support;

mod agents;
mod cancelling;
mod limits;
mod masking;
mod recovery;
mod shortage;
mod specs;
mod stuck;
mod verdicts;
mod workflow;

use serde_json::Value;

/// The contents of the rows of one type.
fn contents(rows: &[Value], kind: &str) -> Vec<String> {
    rows.iter().filter(|row| row["type"] == kind).map(|row| row["content"].as_str().unwrap().to_owned()).collect()
}

/// `line 1`, `line 2`, … `line N`
fn numbered(count: usize) -> Vec<String> {
    (1..=count).map(|n| format!("line {n}")).collect()
}

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}
