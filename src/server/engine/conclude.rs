//! What an agent's end means: whether the stage did what it is for, the commit of its work, and the words for it.

use std::path::Path;
use std::time::Duration;

use super::Engine;
use super::follow::{Following, ProcessEnd};
use super::prepare::doing;
use super::verdict::{agent_succeeded, last_words};
use super::work::Work;
use crate::domain::{ExecutionStatus, LogType, Stage};
use crate::server::git::belonging::obstacle;
use crate::server::git::{Gathered, GitError, OnBranch};
use crate::server::process::Exit;
use crate::server::secrets::masked;
use crate::server::store::{Ending, NewLine};

/// An ending that is no success does not wait longer for git. What the agent left stays in the worktree in any case.
const KEEP_WITHIN: Duration = Duration::from_secs(8);

/// Whether the agent's work is put under a reference of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Work,
    /// Git did not answer to somebody who cancels, or failed.
    Nothing,
}

/// How the execution ended. Harmless to work out twice: a crash may come before the answer is stored.
pub async fn ending(engine: &Engine, following: &Following, end: ProcessEnd, keep: Keep) -> anyhow::Result<Ending> {
    let execution = &following.execution;
    let what = doing(execution.stage);
    let result = match &end {
        // It never said anything, or what it said can't be read.
        ProcessEnd::Refused(_) => None,
        _ => last_words(engine, following).await?,
    };
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
        ProcessEnd::Refused(_) | ProcessEnd::Lost { .. } if execution.cancel_requested => {
            failed(ExecutionStatus::Cancelled, format!("{what} was cancelled."), None)
        }
        ProcessEnd::Refused(why) => failed(ExecutionStatus::Error, why, None),
        ProcessEnd::Exited { exit, .. } if exit.cancelled || execution.cancel_requested => {
            failed(ExecutionStatus::Cancelled, format!("{what} was cancelled."), exit.exit_code)
        }
        ProcessEnd::Exited { exit: Exit { log_limit: Some(bytes), exit_code, .. }, .. } => {
            let error = format!(
                "The log reached its limit of {} MB ([logs] max_megabytes in cardume.toml), so the agent was stopped.",
                bytes / (1024 * 1024)
            );
            failed(ExecutionStatus::Error, error, exit_code)
        }
        ProcessEnd::Exited { exit, .. } if exit.timed_out => {
            let error =
                "The agent took longer than a stage may ([stages] timeout_minutes in cardume.toml), and was ended.";
            failed(ExecutionStatus::Error, error.to_owned(), exit.exit_code)
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
    match keep {
        Keep::Work if execution.base_commit.is_some() => keep_work(engine, &work, &mut ending, warnings).await?,
        Keep::Work => {}
        Keep::Nothing => {
            let words = "The agent's work was not kept under a reference of its own, because git did not do that in time. \
                         It is in the card's worktree.";
            ending.lines.push(row(engine, LogType::Error, words.to_owned()));
        }
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
        // The cause first: a board shows the beginning only.
        warnings.push(format!("{} (in the repository, outside of the card's branch).", changes.join("; ")));
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
    if let Err(error) = agent_succeeded(engine, following, exit, last_words).await? {
        return Ok(Judgement::Failed(error));
    }
    if let Some(obstacle) = obstacle(Path::new(&following.project.path)).await? {
        return Ok(Judgement::Failed(format!("The work could not be committed. {obstacle}")));
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
