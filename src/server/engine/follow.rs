//! Follows one execution: has it started, takes in what it prints, ends it when asked, and concludes it.

use std::time::{Duration, Instant};

use super::intake::{Intake, Source};
use super::prepare::Refusal;
use super::{Engine, conclude};
use crate::domain::{Card, ExecutionId, Project};
use crate::server::agents::Format;
use crate::server::process::{Exit, Presence, Workplace, tree};
use crate::server::store::{RunningExecution, StoreError};

/// How often it looks for new output.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often it asks whether somebody wants the execution cancelled.
const ASK_EVERY: Duration = Duration::from_millis(400);
/// How long a started supervisor may take to show itself.
const SHOW_WITHIN: Duration = Duration::from_secs(5);
/// How often a supervisor is started that never shows itself.
const LAUNCHES_MAX: u32 = 3;
/// A cancelled execution whose supervisor does not end it within this time is ended from here.
const CANCEL_WITHIN: Duration = Duration::from_secs(6);

/// An execution being followed.
pub(super) struct Following {
    pub execution: RunningExecution,
    pub card: Card,
    pub project: Project,
    pub workplace: Workplace,
}

/// How the agent's process came to its end.
pub(super) enum ProcessEnd {
    Exited(Exit),
    /// Gone without an exit status.
    Lost,
    /// It never could be started.
    Refused(String),
}

impl Engine {
    /// Follows the execution to its end. An error is one that may pass: it is followed again later.
    pub(super) async fn follow(&self, id: ExecutionId) -> anyhow::Result<()> {
        let execution = match self.store.running_execution(id).await {
            Ok(execution) => execution,
            // It has ended, or was deleted, since the engine looked.
            Err(StoreError::Conflict(_) | StoreError::NotFound(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let card = self.store.card(execution.card_id).await?;
        let project = self.store.project(card.project_id).await?;
        let mut following = Following { execution, card, project, workplace: self.workplace(id) };
        let end = match self.make_ready(&mut following).await? {
            Err(Refusal(why)) => ProcessEnd::Refused(why),
            Ok(()) => self.watch(&following).await?,
        };
        self.conclude(following, end).await?;
        self.wake();
        Ok(())
    }

    async fn make_ready(&self, following: &mut Following) -> anyhow::Result<Result<(), Refusal>> {
        if following.workplace.presence()? != Presence::NotStarted {
            return Ok(Ok(()));
        }
        let Following { execution, card, project, workplace } = following;
        if let Err(refusal) = self.prepare(execution, card, project, workplace).await? {
            return Ok(Err(refusal));
        }
        following.execution = self.store.running_execution(following.execution.id).await?;
        following.card = self.store.card(following.card.id).await?;
        Ok(Ok(()))
    }

    /// Takes in the journal until the process has ended and everything is in.
    async fn watch(&self, following: &Following) -> anyhow::Result<ProcessEnd> {
        let Following { execution, card, workplace, .. } = following;
        let format = self.agents.get(&execution.agent).map_or(Format::Text, |program| program.format);
        let offset = u64::try_from(execution.journal_offset).unwrap_or_default();
        let worktree = self.own_worktree(card).path;
        let source = Source { execution: execution.id, journal: workplace.journal(), format, worktree, offset };
        let mut intake = Intake::new(source, self.store.clone(), self.clock);
        let mut launches = Launches::default();
        let mut cancel = Cancel::default();
        loop {
            // In this order: what is read after the process has ended is all there is.
            let presence = workplace.presence()?;
            let may_be_cancelled = presence == Presence::Alive;
            let since = Instant::now();
            let mut is_behind = true;
            // An agent that prints faster than it can be taken in must not drown out the wish to cancel it.
            while is_behind && (!may_be_cancelled || since.elapsed() < ASK_EVERY) {
                is_behind = intake.step().await?;
            }
            match presence {
                Presence::Ended(exit) => {
                    intake.finish(exit.journal_bytes).await?;
                    return Ok(ProcessEnd::Exited(exit));
                }
                Presence::Gone => {
                    // Whatever it started must not go on unwatched.
                    kill_started_for(execution.id).await?;
                    while intake.step().await? {}
                    let length = std::fs::metadata(workplace.journal()).map_or(0, |metadata| metadata.len());
                    intake.finish(length.max(intake.committed())).await?;
                    return Ok(ProcessEnd::Lost);
                }
                Presence::NotStarted if launches.is_due() => {
                    if launches.count == LAUNCHES_MAX {
                        tracing::error!(execution = %execution.id, said = workplace.supervisor_log(), "no supervisor starts");
                        // One that is only slow must not start the agent of a stage that has ended.
                        workplace.ask_to_cancel()?;
                        return Ok(ProcessEnd::Refused(
                            "The agent's supervisor does not start. The log of the server says more.".to_owned(),
                        ));
                    }
                    fail::fail_point!("follow::before-launch");
                    let mut supervisor = workplace.launch(&(self.supervisor)())?;
                    fail::fail_point!("follow::launched");
                    launches.note();
                    // Collects it when it ends, lest it stays as a zombie.
                    tokio::spawn(async move { supervisor.wait().await });
                }
                Presence::NotStarted | Presence::Alive => {}
            }
            self.cancel_if_wanted(following, &mut cancel).await?;
            if !is_behind {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }

    async fn cancel_if_wanted(&self, following: &Following, cancel: &mut Cancel) -> anyhow::Result<()> {
        if let Some(since) = cancel.asked_at {
            if since.elapsed() > CANCEL_WITHIN {
                following.workplace.kill_supervisor();
                kill_started_for(following.execution.id).await?;
            }
            return Ok(());
        }
        if cancel.looked_at.is_some_and(|looked_at| looked_at.elapsed() < ASK_EVERY) {
            return Ok(());
        }
        cancel.looked_at = Some(Instant::now());
        if self.store.running_execution(following.execution.id).await?.cancel_requested {
            following.workplace.ask_to_cancel()?;
            cancel.asked_at = Some(Instant::now());
        }
        Ok(())
    }

    async fn conclude(&self, following: Following, end: ProcessEnd) -> anyhow::Result<()> {
        // Read again: output that came in since may have told how it went, and somebody may have asked to cancel.
        let execution = self.store.running_execution(following.execution.id).await?;
        let following = Following { execution, ..following };
        let ending = conclude::ending(self, &following, end).await?;
        let id = following.execution.id;
        fail::fail_point!("conclude::before-finish");
        let workflow = self.store.finish(id, &ending, (self.new_id)(), (self.clock)()).await?;
        fail::fail_point!("conclude::finished");
        tracing::info!(card = %following.card.id, execution = %id, stage = %following.execution.stage,
            status = %ending.status, now = ?workflow, "a stage has ended");
        Ok(())
    }
}

async fn kill_started_for(id: ExecutionId) -> anyhow::Result<()> {
    Ok(tokio::task::spawn_blocking(move || tree::kill_started_for(&id.to_string())).await?)
}

#[derive(Default)]
struct Launches {
    count: u32,
    last: Option<Instant>,
}

impl Launches {
    fn is_due(&self) -> bool {
        self.last.is_none_or(|last| last.elapsed() > SHOW_WITHIN)
    }

    fn note(&mut self) {
        self.count += 1;
        self.last = Some(Instant::now());
    }
}

#[derive(Default)]
struct Cancel {
    looked_at: Option<Instant>,
    asked_at: Option<Instant>,
}
