//! Whether an agent itself says that it did its work: its verdict, its own report and its exit status.
//!
//! What a stage must leave in the worktree is for `conclude` to check.

use super::Engine;
use super::follow::Following;
use crate::domain::verdict::KEYWORD;
use crate::domain::{LogSlice, LogType, Stage, Verdict};
use crate::server::agents::{Format, VerdictBy};
use crate::server::process::Exit;

/// What an agent said is quoted in an error up to this length.
const QUOTE_MAX_CHARS: usize = 500;
/// How many of the last rows are searched for the agent's last words.
const LAST_ROWS: i64 = 50;
/// What an agent must do that gave no verdict.
const WHAT_TO_DO: &str =
    "The agent must end its answer with a line “CARDUME: pass”, or “CARDUME: fail” and the reason. Retry the stage.";

/// Whether the agent ended well by its own word. `Err`: why not. The outer error is one that may pass.
///
/// An agent that says it failed is believed in every stage and whatever its exit status. That it did well is believed
/// only if the exit status agrees and, where the stage is for a verdict, only with an explicit pass.
pub(super) async fn agent_succeeded(
    engine: &Engine,
    following: &Following,
    exit: &Exit,
    last_words: Option<&str>,
) -> anyhow::Result<Result<(), String>> {
    if let Some(error) = &exit.error {
        return Ok(Err(format!("The agent could not be started: {error}")));
    }
    let verdict = verdict(engine, following).await?;
    if let Some(Verdict::Fail(reason)) = &verdict {
        return Ok(Err(match reason.as_str() {
            "" => "The agent's verdict is: fail.".to_owned(),
            reason => quote(reason),
        }));
    }
    if let Err(error) = ended_well(engine, following, exit, last_words) {
        return Ok(Err(error));
    }
    let needs_verdict = matches!(following.execution.stage, Stage::Test | Stage::Review);
    let by = engine.agents.get(&following.execution.agent).map_or(VerdictBy::Exit, |program| program.verdict);
    Ok(match verdict {
        Some(Verdict::Unclear(said)) if needs_verdict => {
            let said = quote(&format!("CARDUME: {said}"));
            Err(format!("The agent gave no verdict: it said “{said}”, which is neither pass nor fail. {WHAT_TO_DO}"))
        }
        None if needs_verdict && by == VerdictBy::Words => Err(format!("The agent gave no verdict. {WHAT_TO_DO}")),
        Some(_) | None => Ok(()),
    })
}

/// Whether the agent's report and exit status say that it ended well.
fn ended_well(engine: &Engine, following: &Following, exit: &Exit, last_words: Option<&str>) -> Result<(), String> {
    let report = &following.execution.report;
    let quoted = |words: Option<&str>| match words.map(str::trim).filter(|words| !words.is_empty()) {
        Some(words) => format!(": {}", quote(words)),
        None => ".".to_owned(),
    };
    if report.succeeded == Some(false) {
        return Err(match report.result.as_deref().map(str::trim).filter(|words| !words.is_empty()) {
            Some(words) => quote(words),
            None => "The agent says that it failed, and not why.".to_owned(),
        });
    }
    match exit.exit_code {
        Some(0) => {}
        Some(code) => return Err(format!("The agent ended with exit status {code}{}", quoted(last_words))),
        None => return Err("The agent left no exit status.".to_owned()),
    }
    if format(engine, following) != Format::Text && report.succeeded.is_none() {
        return Err(format!("The agent ended without a result{}", quoted(last_words)));
    }
    Ok(())
}

/// The verdict in the agent's final words: its result, or its whole standard output if its format is plain text.
async fn verdict(engine: &Engine, following: &Following) -> anyhow::Result<Option<Verdict>> {
    if format(engine, following) != Format::Text {
        return Ok(following.execution.report.result.as_deref().and_then(Verdict::in_text));
    }
    let id = following.execution.id;
    let mut before = i64::MAX;
    // Backwards from row to row that has the word at all, to the last one that begins with it.
    while let Some(line) = engine.store.last_line_with(id, KEYWORD, before).await? {
        if let Some(verdict) = Verdict::in_text(&line.content) {
            return Ok(Some(verdict));
        }
        before = line.sequence;
    }
    Ok(None)
}

fn format(engine: &Engine, following: &Following) -> Format {
    engine.agents.get(&following.execution.agent).map_or(Format::Text, |program| program.format)
}

/// What the agent said last: its result, or the last line that it printed.
pub(super) async fn last_words(engine: &Engine, following: &Following) -> anyhow::Result<Option<String>> {
    if let Some(result) = &following.execution.report.result {
        return Ok(Some(result.clone()));
    }
    let log = engine.store.log(following.execution.id, LogSlice::Tail, LAST_ROWS).await?;
    let mut rows = log.logs.iter().rev().filter(|line| line.kind != LogType::Info && !line.content.trim().is_empty());
    Ok(rows.next().map(|line| quote(&line.content)))
}

fn quote(words: &str) -> String {
    let mut quoted: String = words.trim().chars().take(QUOTE_MAX_CHARS).collect();
    if quoted.len() < words.trim().len() {
        quoted.push('…');
    }
    quoted
}
