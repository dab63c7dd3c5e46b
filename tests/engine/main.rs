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
mod workflow;

use serde_json::Value;
use support::Server;

/// All rows of an execution, read in pages of `limit`; checks on the way that their sequences are 1, 2, 3, …
fn all_rows(server: &Server, execution: &str, limit: usize) -> Vec<Value> {
    let mut rows: Vec<Value> = vec![];
    loop {
        let after = rows.len();
        let answer = server.get(&format!("/api/executions/{execution}/logs?after={after}&limit={limit}")).json();
        let page = answer["execution"]["logs"].as_array().unwrap().clone();
        if page.is_empty() {
            assert_eq!(answer["execution"]["lastSequence"], rows.len(), "rows are missing at the end");
            return rows;
        }
        for row in page {
            assert_eq!(row["sequence"], rows.len() + 1, "a hole or a duplicate");
            rows.push(row);
        }
    }
}

/// The contents of the rows of one type.
fn contents(rows: &[Value], kind: &str) -> Vec<String> {
    rows.iter().filter(|row| row["type"] == kind).map(|row| row["content"].as_str().unwrap().to_owned()).collect()
}

/// The executions of a card, oldest first.
fn executions(server: &Server, card: &str) -> Vec<Value> {
    let mut executions = server.get(&format!("/api/cards/{card}/executions")).json()["executions"].clone();
    let list = executions.as_array_mut().unwrap();
    list.reverse();
    list.clone()
}

/// `line 1`, `line 2`, … `line N`
fn numbered(count: usize) -> Vec<String> {
    (1..=count).map(|n| format!("line {n}")).collect()
}

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}
