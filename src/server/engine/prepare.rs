//! Before an agent starts: its worktree, its prompt and its order, each harmless to make twice.

use std::path::Path;

use anyhow::Context;

use super::worktrees::Settled;
use super::{Engine, history, prompts};
use crate::domain::{Card, Execution, ExecutionStatus, LogSlice, Project, Stage};
use crate::server::agents::{self, AgentProgram};
use crate::server::git::RepositoryState;
use crate::server::git::worktree::Worktree;
use crate::server::process::{Order, Workplace, open_files};
use crate::server::store::RunningExecution;

/// Why a stage cannot start, in words for the user. Trying again by itself would not help.
pub struct Refusal(pub String);

impl Engine {
    /// The agent that works on this execution, if it is there to be started.
    pub(super) fn program_of(&self, execution: &RunningExecution) -> Result<&AgentProgram, Refusal> {
        let program = self.agents.get(&execution.agent).ok_or_else(|| {
            let known = self.agents.names();
            Refusal(format!(
                "There is no agent named “{}”. Add it to cardume.toml, or choose one of: {known}.",
                execution.agent
            ))
        })?;
        if agents::is_installed(program) { Ok(program) } else { Err(Refusal(agents::missing(program))) }
    }

    /// Makes everything ready for the supervisor. The outer error is one that may pass; the inner one is the stage's end.
    pub(super) async fn prepare(
        &self,
        execution: &RunningExecution,
        card: &Card,
        project: &Project,
        workplace: &Workplace,
    ) -> anyhow::Result<Result<(), Refusal>> {
        let program = match self.program_of(execution) {
            Ok(program) => program,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let Some(model) = card.model.as_deref().filter(|_| !program.takes_model()) {
            return Ok(Err(Refusal(format!(
                "The card asks for the model “{model}”, and cardume.toml does not say how to tell the agent “{}” of it. \
                 Edit the card, or add model to [agents.{}].",
                program.name, program.name
            ))));
        }
        let Settled { worktree, hold, remark } = match self.settle(execution, card, project).await? {
            Ok(settled) => settled,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let path = Path::new(&project.path);
        if card.branch.as_ref() != Some(&worktree.branch) || card.worktree_path.is_none() {
            let path = worktree.path.to_string_lossy();
            self.store.set_worktree(card.id, &worktree.branch, &path, (self.clock)()).await?;
        }
        let base_commit = match &execution.base_commit {
            Some(commit) => commit.clone(),
            None => {
                let noted = workplace.order().ok().and_then(|order| order.base_commit);
                let commit = match noted {
                    Some(commit) => commit,
                    None => self.begin_at(execution, &worktree, path).await?,
                };
                self.store.set_base_commit(execution.id, &commit).await?;
                commit
            }
        };
        let repository = match workplace.order() {
            Ok(order) => order.repository,
            Err(_) => serde_json::to_value(RepositoryState::of(&worktree, path).await?).ok(),
        };
        drop(hold);
        let earlier = self.earlier_executions(execution).await?;
        let session = session_to_resume(&earlier, execution.stage, program);
        self.open_log(execution, &worktree, session, remark).await?;
        let failures = history::earlier_failures(&earlier, execution.stage);
        let prompt = prompts::prompt(execution.stage, card, &worktree.branch, path, failures.as_deref());
        let prompt = if session.is_some() { prompts::resumption(&prompt) } else { prompt };
        let argv = program.argv_with(card.model.as_deref(), session);
        let timeout_ms = self.time_left(execution).map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
        let log_bytes = self.limits.log_bytes;
        let path = worktree.path.clone();
        let env = environment(execution, card, &worktree);
        let base_commit = Some(base_commit);
        let order = Order {
            version: Order::VERSION,
            argv,
            worktree: path,
            env,
            timeout_ms,
            log_bytes,
            base_commit,
            repository,
            open_files: open_files::original_limit(),
        };
        workplace.prepare(&order, &prompt)?;
        Ok(Ok(()))
    }

    /// The commit at which the stage begins: the branch's end. Where an earlier attempt failed after its agent had taken
    /// the branch away from where it began, that commit: it is still to be on the branch in the end.
    async fn begin_at(
        &self,
        execution: &RunningExecution,
        worktree: &Worktree,
        project: &Path,
    ) -> anyhow::Result<String> {
        let tip = worktree.tip(project).await?.context("the card's branch has no commit")?;
        // Nothing of before is asked for in a new worktree: the branch may be a new one, too.
        if execution.new_worktree {
            return Ok(tip);
        }
        match self.store.base_of_failed_attempt(execution.id).await? {
            Some(base) if !worktree.has(project, &base).await? => Ok(base),
            _ => Ok(tip),
        }
    }

    /// Says in the log that the stage begins, once.
    async fn open_log(
        &self,
        execution: &RunningExecution,
        worktree: &Worktree,
        session: Option<&str>,
        remark: Option<String>,
    ) -> anyhow::Result<()> {
        /// A run that had to wait says so before.
        const FIRST_ROWS: i64 = 20;
        let (stage, agent, branch) = (doing(execution.stage), &execution.agent, &worktree.branch);
        let first = self.store.log(execution.id, LogSlice::After(0), FIRST_ROWS).await?;
        let opening = format!("{stage} begins: ");
        if first.last_sequence > FIRST_ROWS || first.logs.iter().any(|line| line.content.starts_with(&opening)) {
            return Ok(());
        }
        let again = if execution.attempt > 1 { format!(", attempt {}", execution.attempt) } else { String::new() };
        let how = session.map_or(String::new(), |session| format!(", going on with its session {session}"));
        let content = format!("{opening}agent “{agent}”, branch {branch}{again}{how}");
        Ok(self.append_info(execution.id, [content].into_iter().chain(remark).collect()).await?)
    }

    /// The card's other executions, newest first.
    async fn earlier_executions(&self, execution: &RunningExecution) -> anyhow::Result<Vec<Execution>> {
        let mut executions = self.store.executions(execution.card_id).await?;
        executions.retain(|other| other.id != execution.id);
        Ok(executions)
    }
}

/// The session with which the agent can go on if the last try of the same stage was lost. After any other end it starts
/// afresh.
fn session_to_resume<'a>(earlier: &'a [Execution], stage: Stage, program: &AgentProgram) -> Option<&'a str> {
    let previous = earlier.iter().find(|other| other.command.stage() == Some(stage))?;
    let session = previous.usage.session_id.as_deref().filter(|session| program.can_resume(session))?;
    (previous.status == ExecutionStatus::Lost && previous.agent == program.name).then_some(session)
}

/// The stage as something that goes on.
pub fn doing(stage: Stage) -> &'static str {
    match stage {
        Stage::Plan => "Planning",
        Stage::Implement => "Implementing",
        Stage::Test => "Testing",
        Stage::Review => "Reviewing",
    }
}

/// What the agent is told of its card beside the prompt.
fn environment(execution: &RunningExecution, card: &Card, worktree: &Worktree) -> Vec<(String, String)> {
    let path = worktree.path.to_string_lossy().into_owned();
    let mut env = vec![
        ("CARDUME_CARD_ID".to_owned(), card.id.to_string()),
        ("CARDUME_EXECUTION_ID".to_owned(), execution.id.to_string()),
        ("CARDUME_STAGE".to_owned(), execution.stage.to_string()),
        ("CARDUME_WORKTREE".to_owned(), path),
    ];
    if let Some(spec) = &card.spec_path {
        env.push(("CARDUME_SPEC_PATH".to_owned(), spec.clone()));
    }
    env
}
