//! Follows one execution: has it started, takes in what it prints, ends it when asked, and concludes it.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::conclude::Keep;
use super::course::{CANCEL_WITHIN, Cancel, Course, Launches, Step};
use super::intake::{self, Intake, Source};
use super::prepare::Refusal;
use super::{Engine, conclude};
use crate::domain::{Card, ExecutionId, LogSlice, LogType, Project};
use crate::server::agents::{Format, Reading};
use crate::server::process::{Exit, LogDigest, Presence, Shortage, UnknownVersion, Workplace, tree};
use crate::server::secrets::Masker;
use crate::server::store::{RunningExecution, StoreError};

/// How often it looks for new output.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(100);
/// So often all executions together are looked at: what an agent printed between two looks is one transaction, and the
/// disk can make only so many durable.
const LOOKS_PER_SECOND: u32 = 100;
/// How often it looks once so many looks have found nothing.
const LOOK_PATIENTLY_EVERY: Duration = Duration::from_millis(400);
const PATIENT_AFTER: u32 = 30;
/// For how long it takes in at most before it sees to anything else.
const TAKE_IN_FOR: Duration = Duration::from_millis(400);
/// How often it asks whether the execution is to be cancelled, when nobody has told it that one is: hundreds that wait
/// for their agents are not to keep the database from its readers.
pub(super) const ASK_EVERY: Duration = Duration::from_secs(2);
/// How often a supervisor is started that never shows itself.
const LAUNCHES_MAX: u32 = 3;

/// How long git may take to keep the work of a stage that was cancelled.
const KEEP_WITHIN: Duration = Duration::from_secs(5);
/// The longest pause between two tries for an execution that is being cancelled.
const PAUSE_WHILE_CANCELLING: Duration = Duration::from_secs(1);

/// So many of a log's last rows tell whether it leaves off within a private key.
const LAST_ROWS: i64 = 200;

/// An execution being followed.
pub(super) struct Following {
    pub execution: RunningExecution,
    pub card: Card,
    pub project: Project,
    pub workplace: Workplace,
}

/// How the agent's process came to its end.
#[derive(Clone, Debug)]
pub(super) enum ProcessEnd {
    Exited {
        exit: Exit,
        /// Whether what was taken in is what the supervisor saw; `None` where it does not say what it saw.
        verified: Option<bool>,
    },
    /// Gone without an exit status.
    Lost {
        /// With everything else, when the machine was started again.
        rebooted: bool,
    },
    /// It could not be started, was stopped before it had, or can't be followed any more.
    Refused(String),
}

impl Engine {
    /// Follows the execution to its end, whatever goes wrong on the way.
    pub(super) async fn follow(&self, id: ExecutionId) {
        let mut course = Course::default();
        while let Err(error) = self.follow_to_the_end(id, &mut course).await {
            let pause = self.bear(id, &mut course, error).await;
            if course.cancel.asked_at.is_some() {
                tokio::time::sleep(pause.min(PAUSE_WHILE_CANCELLING)).await;
            } else {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = self.until_cancelled(id) => {}
                }
            }
        }
        self.wake();
    }

    async fn follow_to_the_end(&self, id: ExecutionId, course: &mut Course) -> anyhow::Result<()> {
        let execution = match self.store.running_execution(id).await {
            Ok(execution) => execution,
            // It has ended, or was deleted, since the engine looked.
            Err(StoreError::Conflict(_) | StoreError::NotFound(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        course.progress = execution.journal_offset;
        let card = self.store.card(execution.card_id).await?;
        let project = self.store.project(card.project_id).await?;
        self.store.prove().await?;
        let mut following = Following { execution, card, project, workplace: self.workplace(id) };
        let end = match &course.given_up {
            Some(why) => ProcessEnd::Refused(why.clone()),
            None => self.bring_to_its_end(&mut following, course).await?,
        };
        if matches!(end, ProcessEnd::Refused(_)) {
            self.end_what_runs(&following).await?;
        }
        self.conclude(following, end).await.context(Step::Concluding)
    }

    /// Gets the stage ready, unless that was done before, and watches its agent. Somebody who cancels, and the stage's
    /// limit, come first.
    async fn bring_to_its_end(&self, following: &mut Following, course: &mut Course) -> anyhow::Result<ProcessEnd> {
        // What cannot be told now is seen to by `watch`. Where the agent was started and the database knows of no base,
        // it was set back, as by a loss of power on a disk that lies: what it has forgotten is made again.
        let is_started = !matches!(following.workplace.presence(), Ok(Presence::NotStarted));
        if !is_started || following.execution.base_commit.is_none() {
            let execution = following.execution.clone();
            let stopped = async {
                match is_started {
                    // The agent's own supervisor keeps its time.
                    true => self.until_cancelled(execution.id).await,
                    false => self.until_stopped(&execution).await,
                }
            };
            let ready = tokio::select! {
                biased;
                () = stopped => {
                    if let Some(end) = stopped_before_its_start(following)? {
                        return Ok(end);
                    }
                    Ok(())
                }
                ready = self.make_ready(following) => ready.context(Step::GettingReady)?,
            };
            if let Err(Refusal(why)) = ready {
                return Ok(ProcessEnd::Refused(why));
            }
        }
        self.watch(following, course).await.context(Step::Watching)
    }

    async fn make_ready(&self, following: &mut Following) -> anyhow::Result<Result<(), Refusal>> {
        let Following { execution, card, project, workplace } = following;
        if let Err(refusal) = self.prepare(execution, card, project, workplace).await? {
            return Ok(Err(refusal));
        }
        following.execution = self.store.running_execution(following.execution.id).await?;
        following.card = self.store.card(following.card.id).await?;
        Ok(Ok(()))
    }

    /// Takes in the journal until the process has ended and everything is in.
    async fn watch(&self, following: &Following, course: &mut Course) -> anyhow::Result<ProcessEnd> {
        let Following { execution, workplace, .. } = following;
        // Before anything that can fail.
        self.cancel_if_wanted(following, &mut course.cancel).await?;
        let mut intake = self.intake(following).await?;
        let mut quiet = Quiet::new(self.limits.quiet);
        let mut idle_looks = 0_u32;
        loop {
            if !self.store.may_write() {
                // The agent goes on, and its journal waits.
                tokio::time::sleep(LOOK_PATIENTLY_EVERY).await;
                continue;
            }
            self.cancel_if_wanted(following, &mut course.cancel).await?;
            // In this order: what is read after the process has ended is all there is.
            let presence = match workplace.presence() {
                Ok(presence) => Some(presence),
                Err(error) if error.is::<UnknownVersion>() => {
                    intake
                        .tell_once(&format!(
                            "This run cannot be concluded: {error}. Nothing is lost; a newer Cardume can."
                        ))
                        .await?;
                    None
                }
                Err(error) => return Err(error),
            };
            let heard_before = intake.position();
            let step = take_in(&mut intake, presence == Some(Presence::Alive)).await?;
            let is_heard = intake.position() != heard_before;
            if is_heard {
                quiet.heard();
            }
            match presence {
                // Left as it is, for a Cardume that can read it. Whoever does not want to wait for that cancels.
                _ if step == intake::Step::UnknownVersion || presence.is_none() => {
                    if course.cancel.is_overdue() {
                        return Ok(ProcessEnd::Lost { rebooted: false });
                    }
                }
                Some(Presence::Ended(exit)) => return ended(&mut intake, exit).await,
                Some(Presence::Gone { rebooted }) => {
                    // Whatever it started must not go on unwatched.
                    self.kill_started_for(following).await?;
                    while intake.step().await? == intake::Step::TookIn {}
                    intake.finish(None).await?;
                    return Ok(ProcessEnd::Lost { rebooted });
                }
                Some(Presence::NotStarted) if course.cancel.asked_at.is_some() || self.is_out_of_time(execution) => {
                    if let Some(end) = stopped_before_its_start(following)? {
                        return Ok(end);
                    }
                }
                Some(Presence::NotStarted) if course.launches.is_due() => {
                    self.store.prove().await?;
                    if let Some(refused) = self.launch(workplace, execution.id, &mut course.launches)? {
                        return Ok(refused);
                    }
                }
                Some(Presence::Alive) if quiet.is_due() => self.remark_on_silence(execution).await?,
                Some(Presence::NotStarted | Presence::Alive) | None => {}
            }
            // The more so the longer there was nothing: hundreds of silent agents cost next to nothing.
            idle_looks = if is_heard { 0 } else { idle_looks.saturating_add(1) };
            if step != intake::Step::TookIn {
                tokio::time::sleep(self.look_after(idle_looks)).await;
            }
        }
    }

    /// How long to wait before the next look, after so many that found nothing.
    fn look_after(&self, idle_looks: u32) -> Duration {
        let own = if idle_looks < PATIENT_AFTER { LOOK_EVERY } else { LOOK_PATIENTLY_EVERY };
        let followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner).len();
        let fair = Duration::from_secs(1) * u32::try_from(followed).unwrap_or(u32::MAX) / LOOKS_PER_SECOND;
        own.max(fair.min(LOOK_PATIENTLY_EVERY))
    }

    async fn intake(&self, following: &Following) -> anyhow::Result<Intake> {
        let Following { execution, card, workplace, .. } = following;
        let source = Source {
            execution: execution.id,
            journal: workplace.journal(),
            reading: Reading {
                format: self.agents.get(&execution.agent).map_or(Format::Text, |program| program.format),
                worktree: self.own_worktree(card).path,
                mask_secrets: execution.mask_secrets,
            },
            offset: u64::try_from(execution.journal_offset).unwrap_or_default(),
            digest: execution.report.digest.as_deref().map_or(Ok(LogDigest::default()), str::parse)?,
            started_at: execution.started_at,
            maskers: self.maskers(execution).await?,
        };
        Ok(Intake::new(source, self.store.clone(), self.clock))
    }

    /// What masks the secrets in this execution's output, from where its log has got to.
    async fn maskers(&self, execution: &RunningExecution) -> anyhow::Result<Option<[Masker; 2]>> {
        if !execution.mask_secrets {
            return Ok(None);
        }
        if execution.journal_offset == 0 {
            return Ok(Some(Default::default()));
        }
        let rows = self.store.log(execution.id, LogSlice::Tail, LAST_ROWS).await?.logs;
        let last = |is_of_stream: fn(LogType) -> bool| {
            rows.iter().rev().find(|row| is_of_stream(row.kind) && !row.content.trim().is_empty())
        };
        let stdout = last(|kind| matches!(kind, LogType::Text | LogType::Tool | LogType::Result));
        let stderr = last(|kind| kind == LogType::Stderr);
        Ok(Some([stdout, stderr].map(|row| Masker::after(row.map(|row| row.content.as_str())))))
    }

    /// Starts a supervisor. `Some`: none has shown itself, however often one was started.
    fn launch(
        &self,
        workplace: &Workplace,
        id: ExecutionId,
        launches: &mut Launches,
    ) -> anyhow::Result<Option<ProcessEnd>> {
        let said = workplace.supervisor_log();
        let is_short =
            self.is_disk_full() || said.lines().last().is_some_and(|line| Shortage::in_words(line).is_some());
        if launches.count >= LAUNCHES_MAX && !is_short {
            tracing::error!(execution = %id, said, "no supervisor starts");
            let why = "The agent's supervisor does not start. The log of the server says more.";
            return Ok(Some(ProcessEnd::Refused(why.to_owned())));
        }
        fail::fail_point!("follow::before-launch");
        let mut supervisor = workplace.launch(&(self.supervisor)())?;
        fail::fail_point!("follow::launched");
        launches.note();
        // Collects it when it ends, lest it stays as a zombie.
        tokio::spawn(async move { supervisor.wait().await });
        Ok(None)
    }

    /// Nothing runs any more for an execution that ends without a word of its supervisor: one that comes late starts
    /// nothing, and one that lives is ended.
    async fn end_what_runs(&self, following: &Following) -> anyhow::Result<()> {
        let workplace = &following.workplace;
        workplace.withdraw()?;
        let since = Instant::now();
        while matches!(workplace.presence(), Ok(Presence::Alive)) && since.elapsed() < CANCEL_WITHIN {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        match workplace.presence() {
            Ok(Presence::NotStarted | Presence::Ended(_)) => Ok(()),
            Ok(Presence::Alive | Presence::Gone { .. }) | Err(_) => {
                workplace.kill_supervisor();
                self.kill_started_for(following).await
            }
        }
    }

    async fn kill_started_for(&self, following: &Following) -> anyhow::Result<()> {
        let (id, worktree) = (following.execution.id.to_string(), self.own_worktree(&following.card).path);
        Ok(tokio::task::spawn_blocking(move || tree::kill_started_for(&id, &worktree)).await?)
    }

    async fn cancel_if_wanted(&self, following: &Following, cancel: &mut Cancel) -> anyhow::Result<()> {
        if cancel.asked_at.is_some() {
            if cancel.is_overdue() {
                following.workplace.kill_supervisor();
                self.kill_started_for(following).await?;
            }
            return Ok(());
        }
        // Read before the store is: what is asked for in between is seen the next time.
        let cancels = self.cancels.load(Ordering::Relaxed);
        if cancel.looked_at.is_some_and(|(at, before)| before == cancels && at.elapsed() < ASK_EVERY) {
            return Ok(());
        }
        cancel.looked_at = Some((Instant::now(), cancels));
        if self.store.running_execution(following.execution.id).await?.cancel_requested {
            cancel.asked_at = Some(Instant::now());
            if let Err(error) = following.workplace.ask_to_cancel() {
                // On a full disk there is no way to ask.
                tracing::warn!(execution = %following.execution.id, %error, "a supervisor cannot be asked to cancel");
                following.workplace.kill_supervisor();
            }
        }
        Ok(())
    }

    async fn conclude(&self, mut following: Following, end: ProcessEnd) -> anyhow::Result<()> {
        self.store.prove().await?;
        let id = following.execution.id;
        let ending = loop {
            // Read again: output that came in since may have told how it went, somebody may have asked to cancel, and the
            // project may have been moved.
            following.execution = self.store.running_execution(id).await?;
            following.project = self.store.project(following.card.project_id).await?;
            let ending = conclude::ending(self, &following, end.clone(), Keep::Work);
            // Git may take long now, or find the disk full. Nobody who cancels waits for that.
            if following.execution.cancel_requested {
                match tokio::time::timeout(KEEP_WITHIN, ending).await {
                    Ok(Ok(ending)) => break ending,
                    Ok(Err(error)) => {
                        tracing::warn!(execution = %id, %error, "the work of a cancelled stage is not kept")
                    }
                    Err(_) => tracing::warn!(execution = %id, "the work of a cancelled stage is not kept in time"),
                }
                break conclude::ending(self, &following, end, Keep::Nothing).await?;
            }
            tokio::select! {
                ending = ending => break ending?,
                () = self.until_cancelled(id) => {}
            }
        };
        fail::fail_point!("conclude::before-finish");
        let workflow = self.store.finish(id, &ending, (self.new_id)(), (self.clock)()).await?;
        fail::fail_point!("conclude::finished");
        tracing::info!(card = %following.card.id, execution = %id, stage = %following.execution.stage,
            status = %ending.status, now = ?workflow, "a stage has ended");
        Ok(())
    }
}

/// How it ends because somebody cancels it, or its time is over, before its agent has started. `None`: it has started by
/// now.
fn stopped_before_its_start(following: &Following) -> anyhow::Result<Option<ProcessEnd>> {
    const OUT_OF_TIME: &str = "The stage took longer than it may ([stages] timeout_minutes in cardume.toml), and its agent had not even started.";
    following.workplace.withdraw()?;
    let is_not_started = following.workplace.presence()? == Presence::NotStarted;
    Ok(is_not_started.then(|| ProcessEnd::Refused(OUT_OF_TIME.to_owned())))
}

/// Takes in what is there. An agent that prints faster than that must not drown out the wish to cancel it.
async fn take_in(intake: &mut Intake, may_be_cancelled: bool) -> anyhow::Result<intake::Step> {
    let since = Instant::now();
    loop {
        let step = intake.step().await?;
        if step != intake::Step::TookIn || (may_be_cancelled && since.elapsed() > TAKE_IN_FOR) {
            return Ok(step);
        }
    }
}

async fn ended(intake: &mut Intake, exit: Exit) -> anyhow::Result<ProcessEnd> {
    intake.finish(Some(exit.journal_bytes)).await?;
    let verified = exit.digest.as_ref().map(|digest| *digest == intake.digest().to_string());
    if verified == Some(false) {
        intake
            .tell_once("This log is not all that the agent printed: something is missing, or was changed on disk.")
            .await?;
    }
    Ok(ProcessEnd::Exited { exit, verified })
}

/// How long nothing was heard from an agent.
struct Quiet {
    limit: Option<Duration>,
    since: Instant,
    is_told: bool,
}

impl Quiet {
    fn new(limit: Option<Duration>) -> Self {
        Self { limit, since: Instant::now(), is_told: false }
    }

    fn heard(&mut self) {
        (self.since, self.is_told) = (Instant::now(), false);
    }

    /// True once for each silence that is long enough.
    fn is_due(&mut self) -> bool {
        let is_quiet = self.limit.is_some_and(|limit| self.since.elapsed() > limit);
        is_quiet && !std::mem::replace(&mut self.is_told, true)
    }
}
