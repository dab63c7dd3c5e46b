//! What an agent's end means: whether the stage did what it is for, the commit of its work, and the words for it.

use std::time::Duration;

use super::Engine;
use super::follow::{Following, ProcessEnd};
use super::prepare::doing;
use super::work::Work;
use crate::domain::{ExecutionStatus, LogSlice, LogType, Stage};
use crate::server::agents::Format;
use crate::server::git::{Gathered, GitError, OnBranch};
use crate::server::process::Exit;
use crate::server::secrets::masked;
use crate::server::store::{Ending, NewLine};

/// What an agent said is quoted in an error up to this length.
const QUOTE_MAX_CHARS: usize = 500;
/// An ending that is no success does not wait longer for git. What the agent left stays in the worktree in any case.
const KEEP_WITHIN: Duration = Duration::from_secs(8);
/// So many of the last rows are searched for the agent's last words.
const LAST_ROWS: i64 = 50;

/// How the execution ended. Harmless to work out twice: a crash may come before the answer is stored.
pub async fn ending(engine: &Engine, following: &Following, end: ProcessEnd) -> anyhow::Result<Ending> {
    let execution = &following.execution;
    let what = doing(execution.stage);
    let result = last_words(engine, following).await?;
    let ended_at = match &end {
        ProcessEnd::Exited { exit, .. } => Some(exit.ended_at.max(execution.started_at)),
        ProcessEnd::Lost { .. } | ProcessEnd::Refused(_) => None,
    };
    let failed = |status, error: String, exit_code| Ending {
        status,
        error: Some(error),
        result: result.clone(),
        exit_code,
        spec_path: None,
        lines: vec![],
        ended_at,
        verified: None,
        again: false,
        work_ref: None,
        warning: None,
    };
    let work = Work::of(engine, following, ended_at.unwrap_or(execution.started_at));
    let mut warnings = vec![];
    let verified = match &end {
        ProcessEnd::Exited { verified, .. } => *verified,
        ProcessEnd::Lost { .. } | ProcessEnd::Refused(_) => None,
    };
    let ending = match end {
        ProcessEnd::Refused(why) => failed(ExecutionStatus::Error, why, None),
        ProcessEnd::Exited { exit, .. } if exit.cancelled || execution.cancel_requested => {
            failed(ExecutionStatus::Cancelled, format!("{what} was cancelled."), exit.exit_code)
        }
        ProcessEnd::Exited { exit, .. } if exit.timed_out => {
            let error =
                "The agent took longer than a stage may ([stages] timeout_minutes in cardume.toml), and was ended.";
            failed(ExecutionStatus::Error, error.to_owned(), exit.exit_code)
        }
        ProcessEnd::Lost { .. } if execution.cancel_requested => {
            failed(ExecutionStatus::Cancelled, format!("{what} was cancelled."), None)
        }
        ProcessEnd::Lost { rebooted } => {
            let again = rebooted && may_begin_again(engine, following);
            let why = if rebooted {
                "the machine was restarted"
            } else {
                "the agent's process is gone and left no exit status"
            };
            let then = if again { "It begins again by itself." } else { "Resume to go on." };
            Ending { again, ..failed(ExecutionStatus::Lost, format!("{what} was lost: {why}. {then}"), None) }
        }
        ProcessEnd::Exited { exit, .. } => match judge(engine, following, &exit, result.as_deref(), &work).await? {
            Judgement::Done { spec_path, done } => {
                warnings.extend(done.warnings);
                Ending {
                    error: None,
                    spec_path,
                    lines: done.lines.into_iter().map(|line| row(engine, LogType::Info, line)).collect(),
                    ..failed(ExecutionStatus::Success, String::new(), exit.exit_code)
                }
            }
            Judgement::Failed(error) => failed(ExecutionStatus::Error, error, exit.exit_code),
        },
    };
    let mut ending = Ending { verified, ..ending };
    if execution.base_commit.is_some() {
        keep_work(engine, &work, &mut ending, warnings).await?;
    }
    let mut ending = with_last_row(engine, ending, what);
    if execution.mask_secrets {
        mask(&mut ending);
    }
    let now = (engine.clock)();
    for line in &mut ending.lines {
        line.timestamp = ended_at.unwrap_or(now).max(execution.started_at);
    }
    Ok(ending)
}

/// Keeps what the stage left under a reference of its own, however it ended, and sees what became of the repository.
/// What can't be kept is told in the log, and holds up no ending.
async fn keep_work(
    engine: &Engine,
    work: &Work<'_>,
    ending: &mut Ending,
    mut warnings: Vec<String>,
) -> anyhow::Result<()> {
    if ending.status != ExecutionStatus::Success {
        let failed = match tokio::time::timeout(KEEP_WITHIN, work.keep_all()).await {
            Ok(Ok(())) => None,
            Ok(Err(error @ GitError::NoRoom { .. })) => return Err(error.into()),
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("git takes too long".to_owned()),
        };
        if let Some(why) = failed {
            let what = format!("The agent's work is in the worktree, and could not be kept in the repository: {why}");
            ending.lines.push(row(engine, LogType::Error, what));
        }
    }
    ending.work_ref = work.kept_ref().await;
    let changes = work.changes_elsewhere().await;
    if !changes.is_empty() {
        let changes = changes.join("; ");
        warnings.push(format!("While this stage ran, the repository changed outside of the card's branch: {changes}."));
    }
    ending.lines.extend(warnings.iter().map(|warning| row(engine, LogType::Error, format!("Warning: {warning}"))));
    ending.warning = (!warnings.is_empty()).then(|| warnings.join("\n"));
    Ok(())
}

/// What agents, git and the system say of a failure is quoted here and there.
fn mask(ending: &mut Ending) {
    ending.error = ending.error.take().map(masked);
    ending.result = ending.result.take().map(masked);
    ending.warning = ending.warning.take().map(masked);
    for line in &mut ending.lines {
        line.content = masked(std::mem::take(&mut line.content));
    }
}

/// Whether a stage that was lost to a restart of the machine begins again without being told to.
fn may_begin_again(engine: &Engine, following: &Following) -> bool {
    let execution = &following.execution;
    let session = execution.report.usage.session_id.as_deref();
    let can_resume = session
        .is_some_and(|session| engine.agents.get(&execution.agent).is_some_and(|program| program.can_resume(session)));
    let at_most = if can_resume { engine.limits.resume_at_most } else { engine.limits.resume_at_most.min(1) };
    execution.automatic < i64::from(at_most)
}

fn with_last_row(engine: &Engine, mut ending: Ending, what: &str) -> Ending {
    let (kind, content) = match (&ending.error, ending.status) {
        (Some(error), ExecutionStatus::Error) => (LogType::Error, format!("{what} failed: {error}")),
        (Some(error), _) => (LogType::Error, error.clone()),
        (None, _) => (LogType::Info, format!("{what} is done")),
    };
    ending.lines.push(row(engine, kind, content));
    ending
}

fn row(engine: &Engine, kind: LogType, content: String) -> NewLine {
    NewLine { timestamp: (engine.clock)(), kind, content, partial: false }
}

/// Whether the stage did what it is for.
enum Judgement {
    Done { spec_path: Option<String>, done: OnBranch },
    Failed(String),
}

/// Looks for what the stage is for, and brings the agent's work onto the card's branch.
async fn judge(
    engine: &Engine,
    following: &Following,
    exit: &Exit,
    last_words: Option<&str>,
    work: &Work<'_>,
) -> anyhow::Result<Judgement> {
    let execution = &following.execution;
    if let Err(error) = agent_is_content(engine, following, exit, last_words) {
        return Ok(Judgement::Failed(error));
    }
    let spec_path = match execution.stage {
        Stage::Plan => match work.find_spec().await {
            Ok(Some(spec)) => Some(spec),
            Ok(None) => {
                return Ok(Judgement::Failed(
                    "No plan was written: the agent finished, but there is no new or changed specs/*.md in the worktree."
                        .into(),
                ));
            }
            Err(error) => return failed_by_git("", error),
        },
        _ => None,
    };
    let mut done = match work.gather(spec_path.as_deref()).await {
        Ok(Gathered::OnBranch(done)) => done,
        Ok(Gathered::Stopped { why }) => return Ok(Judgement::Failed(why)),
        Err(error) => return failed_by_git("The work could not be committed: ", error),
    };
    if execution.stage == Stage::Implement && !done.has_changed {
        if engine.agents.get(&execution.agent).is_some_and(|program| program.expects_changes) {
            let why = "The agent finished but implemented nothing: no file in the worktree has changed.";
            return Ok(Judgement::Failed(why.into()));
        }
        done.lines.push("No file was changed".to_owned());
    }
    if let Some(spec) = &spec_path {
        done.lines.push(format!("The plan is {spec}"));
    }
    Ok(Judgement::Done { spec_path, done })
}

/// A full disk may pass; anything else is the stage's end.
fn failed_by_git(before: &str, error: GitError) -> anyhow::Result<Judgement> {
    match error {
        GitError::NoRoom { .. } => Err(error.into()),
        other => Ok(Judgement::Failed(format!("{before}{other}"))),
    }
}

/// Whether the agent itself thinks that it is done.
fn agent_is_content(
    engine: &Engine,
    following: &Following,
    exit: &Exit,
    last_words: Option<&str>,
) -> Result<(), String> {
    if let Some(error) = &exit.error {
        return Err(format!("The agent could not be started: {error}"));
    }
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
    let speaks = engine.agents.get(&following.execution.agent).is_some_and(|program| program.format != Format::Text);
    if speaks && report.succeeded.is_none() {
        return Err(format!("The agent ended without a result{}", quoted(last_words)));
    }
    match report.result.as_deref().and_then(verdict) {
        Some(objection) => Err(objection),
        None => Ok(()),
    }
}

/// What testing and reviewing agents are asked to end with: `CARDUME: pass`, or `CARDUME: fail` and the reason.
fn verdict(result: &str) -> Option<String> {
    let line = result.lines().rev().find_map(|line| line.trim().trim_matches(['*', '`']).strip_prefix("CARDUME:"))?;
    let reason = line.trim().strip_prefix("fail")?.trim_start_matches([':', ',', '.', '-', '—', ' ']);
    Some(if reason.is_empty() { "The agent's verdict is: fail.".to_owned() } else { quote(reason) })
}

/// What the agent said last: its result, or the last line that it printed.
async fn last_words(engine: &Engine, following: &Following) -> anyhow::Result<Option<String>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_is_the_last_one_given() {
        assert_eq!(verdict("All is well.\nCARDUME: pass"), None);
        assert_eq!(verdict("No verdict at all"), None);
        assert_eq!(
            verdict("CARDUME: pass\nlater\nCARDUME: fail two tests are red").as_deref(),
            Some("two tests are red")
        );
        assert_eq!(verdict("**CARDUME: fail**").as_deref(), Some("The agent's verdict is: fail."));
    }
}
