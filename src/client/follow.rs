//! Reading a card's logs in order, over all its stages and attempts, and waiting for more.
//!
//! Every execution is read to its end before the next one, however fast the stages follow each other: what has happened
//! between two looks is in the list of executions.

use std::thread;
use std::time::Duration;

use serde::Deserialize;

use super::Connection;
use super::connection::Failure;
use crate::domain::{CardId, Execution, ExecutionLog, ExecutionStatus, LogLine};

/// A row is 256 KiB at most, so that a page fits in memory with ease.
const PAGE_ROWS: i64 = 200;
const LOOK_EVERY: Duration = Duration::from_millis(300);

#[derive(Deserialize)]
struct Executions {
    executions: Vec<Execution>,
}

#[derive(Deserialize)]
struct Log {
    execution: ExecutionLog,
}

/// Hands every row of the card to `print`, oldest first. With `to_the_end` it waits for more until the run has ended.
/// Answers the newest execution, as it stood at the end; `None` where the card never ran.
pub fn read_all(
    server: &Connection,
    card: CardId,
    to_the_end: bool,
    mut print: impl FnMut(&Execution, &LogLine) -> anyhow::Result<()>,
) -> anyhow::Result<Option<ExecutionLog>> {
    let mut last: Option<ExecutionLog> = None;
    let mut read = Vec::new();
    loop {
        let Executions { mut executions } = server.get_patiently(&format!("/api/cards/{card}/executions"))?;
        executions.reverse();
        executions.retain(|execution| !read.contains(&execution.id));
        if executions.is_empty() {
            return Ok(last);
        }
        for execution in executions {
            last = Some(read_one(server, &execution, to_the_end, |line| print(&execution, line))?);
            read.push(execution.id);
        }
    }
}

/// One execution's rows, from the first to the last there is, or, with `to_the_end`, to the last there will be.
fn read_one(
    server: &Connection,
    execution: &Execution,
    to_the_end: bool,
    mut print: impl FnMut(&LogLine) -> anyhow::Result<()>,
) -> anyhow::Result<ExecutionLog> {
    let mut after = 0;
    loop {
        let log = page(server, execution, after)?;
        for line in &log.logs {
            print(line)?;
            after = line.sequence;
        }
        if after >= log.last_sequence {
            // Nobody works on an idle execution: nothing comes that could be waited for.
            if log.complete || !to_the_end || log.status == ExecutionStatus::Idle {
                return Ok(log);
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

fn page(server: &Connection, execution: &Execution, after: i64) -> Result<ExecutionLog, Failure> {
    let path = format!("/api/executions/{}/logs?after={after}&limit={PAGE_ROWS}", execution.id);
    server.get_patiently::<Log>(&path).map(|log| log.execution)
}
