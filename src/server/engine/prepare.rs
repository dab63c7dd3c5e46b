//! Before an agent starts: its worktree, its prompt and its order, each harmless to make twice.

use std::path::Path;

use anyhow::Context;

use super::{Engine, prompts};
use crate::domain::{Card, LogType, Project, Stage};
use crate::server::agents::{self, AgentProgram};
use crate::server::process::worktree::{Worktree, branch_name};
use crate::server::process::{Order, Workplace};
use crate::server::store::{NewLine, RunningExecution};

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
        let worktree = self.own_worktree(card);
        let list = self.worktree_list(project.id).await;
        let made = worktree.ensure(Path::new(&project.path)).await;
        drop(list);
        if let Err(error) = made {
            return Ok(Err(Refusal(format!("The card's worktree could not be made: {error:#}"))));
        }
        if card.branch.as_ref() != Some(&worktree.branch) || card.worktree_path.is_none() {
            let path = worktree.path.to_string_lossy();
            self.store.set_worktree(card.id, &worktree.branch, &path, (self.clock)()).await?;
        }
        if execution.base_commit.is_none() {
            let head = worktree.head().await.context("the worktree has no commit")?;
            self.store.set_base_commit(execution.id, &head).await?;
        }
        self.open_log(execution, &worktree).await?;
        let previous = self.previous_error(execution).await?;
        let prompt =
            prompts::prompt(execution.stage, card, &worktree.branch, Path::new(&project.path), previous.as_deref());
        workplace.prepare(&order(execution, card, program, &worktree), &prompt)?;
        Ok(Ok(()))
    }

    pub(super) fn own_worktree(&self, card: &Card) -> Worktree {
        self.worktree_of(card).unwrap_or_else(|| Worktree {
            path: self.worktree_path(card.id),
            branch: branch_name(card.id, &card.title),
        })
    }

    /// The log's first row, once.
    async fn open_log(&self, execution: &RunningExecution, worktree: &Worktree) -> anyhow::Result<()> {
        if self.store.execution(execution.id).await?.last_sequence > 0 {
            return Ok(());
        }
        let (stage, agent, branch) = (doing(execution.stage), &execution.agent, &worktree.branch);
        let again = if execution.attempt > 1 { format!(", attempt {}", execution.attempt) } else { String::new() };
        let content = format!("{stage} begins: agent “{agent}”, branch {branch}{again}");
        let line = NewLine { timestamp: (self.clock)(), kind: LogType::Info, content, partial: false };
        self.store.append(execution.id, &[line]).await?;
        Ok(())
    }

    /// Why the same stage of the same card failed last.
    async fn previous_error(&self, execution: &RunningExecution) -> anyhow::Result<Option<String>> {
        if execution.attempt == 1 {
            return Ok(None);
        }
        let earlier = self.store.executions(execution.card_id).await?;
        let mut same = earlier.into_iter().filter(|other| other.id != execution.id);
        Ok(same.find(|other| other.command.stage() == Some(execution.stage)).and_then(|other| other.workflow_error))
    }
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

fn order(execution: &RunningExecution, card: &Card, program: &AgentProgram, worktree: &Worktree) -> Order {
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
    Order { version: Order::VERSION, argv: program.argv.clone(), worktree: worktree.path.clone(), env }
}
