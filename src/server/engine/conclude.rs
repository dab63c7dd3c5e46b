//! What an agent's end means: whether the stage did what it is for, the commit of its work, and the words for it.

use std::path::Path;

use super::Engine;
use super::follow::{Following, ProcessEnd};
use super::prepare::doing;
use crate::domain::{ExecutionStatus, LogSlice, LogType, Stage};
use crate::server::agents::Format;
use crate::server::git::GitError;
use crate::server::git::worktree::Worktree;
use crate::server::process::Exit;
use crate::server::secrets::masked;
use crate::server::store::{Ending, NewLine};

/// What an agent said is quoted in an error up to this length.
const QUOTE_MAX_CHARS: usize = 500;
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
    };
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
        ProcessEnd::Exited { exit, .. } => {
            let mut lines = vec![];
            match judge(engine, following, &exit, result.as_deref(), &mut lines).await? {
                Ok(spec_path) => Ending {
                    status: ExecutionStatus::Success,
                    error: None,
                    result: result.clone(),
                    exit_code: exit.exit_code,
                    spec_path,
                    lines: lines.into_iter().map(|line| row(engine, LogType::Info, line)).collect(),
                    ended_at,
                    verified: None,
                    again: false,
                },
                Err(error) => failed(ExecutionStatus::Error, error, exit.exit_code),
            }
        }
    };
    let mut ending = with_last_row(engine, Ending { verified, ..ending }, what);
    if execution.mask_secrets {
        mask(&mut ending);
    }
    let now = (engine.clock)();
    for line in &mut ending.lines {
        line.timestamp = ended_at.unwrap_or(now).max(execution.started_at);
    }
    Ok(ending)
}

/// What agents, git and the system say of a failure is quoted here and there.
fn mask(ending: &mut Ending) {
    ending.error = ending.error.take().map(masked);
    ending.result = ending.result.take().map(masked);
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

/// Whether the stage did what it is for. `Ok`: the plan's path, if it made one. `Err`: why not. `lines`: what was done.
async fn judge(
    engine: &Engine,
    following: &Following,
    exit: &Exit,
    last_words: Option<&str>,
    lines: &mut Vec<String>,
) -> anyhow::Result<Result<Option<String>, String>> {
    let execution = &following.execution;
    if let Err(error) = agent_is_content(engine, following, exit, last_words) {
        return Ok(Err(error));
    }
    let worktree = engine.own_worktree(&following.card);
    let base = execution.base_commit.clone().unwrap_or_default();
    let spec = match execution.stage {
        Stage::Plan => match find_spec(&worktree, &base, following).await {
            Ok(Some(spec)) => Some(spec),
            Ok(None) => {
                return Ok(Err(
                    "The agent ended well but left no plan: there is no new specs/….md in the worktree.".into()
                ));
            }
            Err(error @ GitError::NoRoom { .. }) => return Err(error.into()),
            Err(error) => return Ok(Err(error.to_string())),
        },
        _ => None,
    };
    let changed = match commit(engine, following, &worktree, spec.as_deref(), &base, lines).await {
        Ok(changed) => changed,
        Err(error @ GitError::NoRoom { .. }) => return Err(error.into()),
        Err(error) => return Ok(Err(format!("The work could not be committed: {error}"))),
    };
    if execution.stage == Stage::Implement && !changed {
        let expects = engine.agents.get(&execution.agent).is_some_and(|program| program.expects_changes);
        if expects {
            return Ok(
                Err("The agent ended well but implemented nothing: no file in the worktree has changed.".into()),
            );
        }
        lines.push("No file was changed".to_owned());
    }
    if let Some(spec) = &spec {
        lines.push(format!("The plan is {spec}"));
    }
    Ok(Ok(spec))
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

/// The plan of a planning stage: one written since `base`, else the one that an earlier attempt left; of that a database
/// that was set back may know nothing, and then the branch tells.
async fn find_spec(worktree: &Worktree, base: &str, following: &Following) -> Result<Option<String>, GitError> {
    if let Some(new) = worktree.spec_since(base).await? {
        return Ok(Some(new));
    }
    if let Some(known) = following.card.spec_path.as_deref().filter(|spec| worktree.has_spec(spec)) {
        return Ok(Some(known.to_owned()));
    }
    match worktree.origin(Path::new(&following.project.path)).await {
        Ok(origin) => worktree.spec_since(&origin).await,
        Err(error @ GitError::NoRoom { .. }) => Err(error),
        // The project has been given another history meanwhile.
        Err(_) => Ok(None),
    }
}

/// Commits what the stage changed. True where the branch has moved since `base`, by this or by the agent's own commits.
async fn commit(
    engine: &Engine,
    following: &Following,
    worktree: &Worktree,
    spec: Option<&str>,
    base: &str,
    lines: &mut Vec<String>,
) -> Result<bool, GitError> {
    let Following { execution, card, .. } = following;
    if let Some(spec) = spec {
        worktree.add_even_ignored(spec).await?;
    }
    let agent = engine.agents.get(&execution.agent).map_or(execution.agent.as_str(), |program| &program.name);
    let message = format!("{}: {}\n\nCardume card {}, agent {agent}", execution.stage, card.title, card.id);
    if let Some(commit) = worktree.commit_all(&message).await? {
        lines.push(format!("Committed {}", &commit[..commit.len().min(10)]));
    }
    Ok(worktree.head().await? != base)
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
