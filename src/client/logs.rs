//! `cardume logs`, and how a log looks on a terminal.

use chrono::{DateTime, Local, Utc};
use serde::Serialize;

use super::terminal::say;
use super::{Connection, cards, follow};
use crate::domain::harmless::{harmless, harmless_json};
use crate::domain::{Command, Execution, ExecutionId, LogLine, Timestamp};

/// Prints what there is of a card's log; with `to_the_end`, all that comes until its run has ended.
pub fn print(server: &Connection, card: &str, to_the_end: bool, as_json: bool) -> anyhow::Result<()> {
    let card = cards::find(server, card)?;
    let mut page = Printer::default();
    let last = follow::read_all(server, card, to_the_end, |execution, line| {
        say(&if as_json { json_line(execution, line)? } else { page.lines(execution, line) })
    })?;
    if last.is_none() {
        eprintln!("cardume: The card has not run yet.");
    }
    Ok(())
}

/// A row with what it belongs to.
fn json_line(execution: &Execution, line: &LogLine) -> anyhow::Result<String> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Row<'a> {
        execution_id: ExecutionId,
        command: Command,
        attempt: i64,
        #[serde(flatten)]
        line: &'a LogLine,
    }
    let row = Row { execution_id: execution.id, command: execution.command, attempt: execution.attempt, line };
    Ok(harmless_json(&serde_json::to_string(&row)?) + "\n")
}

/// Writes rows for people: a heading for each execution, then time, type and content.
#[derive(Default)]
pub struct Printer {
    execution: Option<ExecutionId>,
    /// The last row goes on in the next one.
    is_in_line: bool,
}

impl Printer {
    /// The text for one row, with the line breaks it needs.
    pub fn lines(&mut self, execution: &Execution, line: &LogLine) -> String {
        let mut text = String::new();
        if self.execution != Some(execution.id) {
            let attempt =
                if execution.attempt > 1 { format!(", attempt {}", execution.attempt) } else { String::new() };
            let agent = harmless(&execution.agent);
            text.push_str(&format!("── {}{attempt} ── {agent}\n", execution.command));
            (self.execution, self.is_in_line) = (Some(execution.id), false);
        }
        if !self.is_in_line {
            text.push_str(&format!("{}  {:6}  ", time_of_day(line.timestamp), line.kind));
        }
        // A row may have several lines; they stand below each other.
        text.push_str(&harmless(line.content.trim_end_matches('\n')).replace('\n', "\n                  "));
        self.is_in_line = line.partial;
        if !line.partial {
            text.push('\n');
        }
        text
    }
}

fn time_of_day(time: Timestamp) -> String {
    let time = DateTime::<Utc>::from_timestamp_millis(time.as_millis()).unwrap_or_default();
    time.with_timezone(&Local).format("%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn execution() -> Execution {
        serde_json::from_value(serde_json::json!({
            "id": "019a0000-0000-7000-8000-000000000001", "cardId": "019a0000-0000-7000-8000-000000000002",
            "command": "/plan", "attempt": 2, "agent": "demo", "status": "running", "workflowStage": "planning",
            "workflowError": null, "startedAt": "2026-11-22T08:00:00.000Z", "completedAt": null, "result": null,
            "exitCode": null, "lastSequence": 0, "active": true,
        }))
        .unwrap()
    }

    fn line(content: &str, partial: bool) -> LogLine {
        serde_json::from_value(serde_json::json!({
            "sequence": 1, "timestamp": "2026-11-22T08:00:00.000Z", "type": "text", "content": content,
            "partial": partial,
        }))
        .unwrap()
    }

    #[test]
    fn a_line_in_pieces_is_printed_as_one() {
        let (mut printer, execution) = (Printer::default(), execution());
        let text: String = [("a", true), ("b", true), ("c", false), ("d\ne", false)]
            .map(|(content, partial)| printer.lines(&execution, &line(content, partial)))
            .concat();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "── /plan, attempt 2 ── demo");
        assert!(lines[1].ends_with("text    abc"), "{text}");
        assert!(lines[2].ends_with("text    d") && lines[3] == "                  e", "{text}");
        assert_eq!(lines.len(), 4);
    }

    #[test]
    fn a_row_of_json_tells_where_it_belongs() {
        let text = json_line(&execution(), &line("\u{1b}[2J", false)).unwrap();
        let row: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&row["command"], &row["content"]), (&"/plan".into(), &"\u{1b}[2J".into()));
        assert!(!text.contains('\u{1b}'));
    }
}
