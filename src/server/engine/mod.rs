//! The engine: drives every running execution from its start to its end, and the card from stage to stage.
//!
//! It keeps nothing in memory that matters. What runs is what the store says is running; requests only record what is
//! wanted there and wake the engine. So a restart needs no procedure of its own: the engine looks what is running, as
//! it always does, and follows it.

mod batch;
mod conclude;
mod course;
mod follow;
mod history;
mod intake;
mod patience;
mod prepare;
mod prompts;
mod remarks;
mod stop;
mod verdict;
mod work;
mod worktrees;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::domain::{Card, CardId, ExecutionId, Timestamp};
use crate::server::agents::Agents;
use crate::server::git::removal;
use crate::server::git::worktree::Worktree;
use crate::server::process::disk;
use crate::server::process::{Presence, Workplace};
use crate::server::store::{Purge, Store};

/// How long the engine waits between two looks at the store when nobody wakes it.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The engine. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Engine {
    store: Store,
    agents: Agents,
    data_dir: Arc<Path>,
    /// Names the program that supervises: this binary.
    supervisor: fn() -> PathBuf,
    clock: fn() -> Timestamp,
    new_id: fn() -> ExecutionId,
    wake: Arc<Notify>,
    /// How often somebody has asked to cancel something: who follows an execution asks the store when this has moved on.
    cancels: Arc<AtomicU64>,
    followed: Arc<Mutex<HashSet<ExecutionId>>>,
    limits: StageLimits,
    /// When this engine was made.
    began_at: Timestamp,
}

/// What a stage may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageLimits {
    /// A stage that takes longer is ended; the time before its agent starts counts. `None`: it has no limit.
    pub timeout: Option<Duration>,
    /// An agent that prints nothing for so long is remarked upon in its log. `None`: never.
    pub quiet: Option<Duration>,
    /// How often in succession a stage that was lost to a restart of the machine is begun again by itself, where its
    /// agent can go on with its own session. Where it cannot, it is begun again once, and not at all where this is 0.
    pub resume_at_most: u32,
    /// An agent whose log has become this long is ended. `None`: it may print as much as it likes.
    pub log_bytes: Option<u64>,
}

impl Default for StageLimits {
    fn default() -> Self {
        let (timeout, quiet) = (Duration::from_secs(4 * 3600), Duration::from_secs(600));
        Self { timeout: Some(timeout), quiet: Some(quiet), resume_at_most: 3, log_bytes: None }
    }
}

/// What the engine is made of.
pub struct Parts {
    pub store: Store,
    pub agents: Agents,
    pub data_dir: PathBuf,
    pub limits: StageLimits,
    pub supervisor: fn() -> PathBuf,
    pub clock: fn() -> Timestamp,
    pub new_id: fn() -> ExecutionId,
}

impl Engine {
    pub fn new(parts: Parts) -> Self {
        Self {
            store: parts.store,
            agents: parts.agents,
            data_dir: parts.data_dir.into(),
            supervisor: parts.supervisor,
            clock: parts.clock,
            new_id: parts.new_id,
            wake: Arc::default(),
            cancels: Arc::default(),
            followed: Arc::default(),
            limits: parts.limits,
            began_at: (parts.clock)(),
        }
    }

    /// Something is wanted: look now.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// An execution is to be cancelled, and the store says which.
    pub fn cancel(&self) {
        self.cancels.fetch_add(1, Ordering::Relaxed);
    }

    /// Works until `stop` says true. What it was doing then is left as it stands in the store and on disk, and taken
    /// up again by the next engine; agents go on by themselves.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut tasks = JoinSet::new();
        loop {
            // Without the right to write, another server may be following what runs.
            if self.store.may_write() {
                self.follow_all(&mut tasks).await;
            }
            tokio::select! {
                () = self.wake.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    async fn follow_all(&self, tasks: &mut JoinSet<()>) {
        match self.store.running().await {
            Ok(running) => running.into_iter().for_each(|execution| self.follow_in(tasks, execution.id)),
            Err(error) => tracing::warn!(%error, "cannot see what is running; trying again"),
        }
    }

    fn follow_in(&self, tasks: &mut JoinSet<()>, id: ExecutionId) {
        let Some(mark) = Followed::mark(self.followed.clone(), id) else { return };
        let engine = self.clone();
        tasks.spawn(async move {
            let _mark = mark;
            engine.follow(id).await;
        });
    }

    /// Whether the disk with the data directory is full: agents wait then.
    pub fn is_disk_full(&self) -> bool {
        disk::is_full(&self.data_dir)
    }

    /// Removes what a card that is being purged has on disk: its worktree and its executions' directories. Its branch
    /// stays in the repository. Can be repeated; an error says what could not be removed, after all else was.
    pub async fn remove_files(&self, purge: &Purge) -> anyhow::Result<()> {
        let mut removed = Ok(());
        for id in &purge.executions {
            removed = removed.and(self.remove_execution_dir(*id).await);
            fail::fail_point!("purge::directory-removed");
        }
        let worktree = self.worktree_path(purge.card);
        let of_worktree = removal::remove_worktree(&worktree, Path::new(&purge.repository)).await;
        removed.and(of_worktree.with_context(|| format!("the worktree {} can't be removed", worktree.display())))
    }

    async fn remove_execution_dir(&self, id: ExecutionId) -> anyhow::Result<()> {
        let (dir, workplace) = (self.execution_dir(id), self.workplace(id));
        if matches!(workplace.presence(), Ok(Presence::Alive)) {
            // Never under a living supervisor.
            let _ = workplace.ask_to_cancel();
            anyhow::bail!("the supervisor of execution {id} still runs; it was asked to end");
        }
        let named = format!("the folder {} can't be removed", dir.display());
        tokio::task::spawn_blocking(move || removal::remove_all(&dir)).await?.context(named)
    }

    fn workplace(&self, id: ExecutionId) -> Workplace {
        Workplace::at(self.execution_dir(id))
    }

    fn execution_dir(&self, id: ExecutionId) -> PathBuf {
        self.data_dir.join("executions").join(id.to_string())
    }

    fn worktree_path(&self, card: CardId) -> PathBuf {
        self.data_dir.join("worktrees").join(card.to_string())
    }

    fn worktree_of(&self, card: &Card) -> Option<Worktree> {
        let (path, branch) = (card.worktree_path.as_ref()?, card.branch.clone()?);
        Some(Worktree { path: path.into(), branch })
    }
}

/// Marks an execution as followed, until dropped, however its task ends.
struct Followed {
    all: Arc<Mutex<HashSet<ExecutionId>>>,
    id: ExecutionId,
}

impl Followed {
    /// `None` where it is followed already.
    fn mark(all: Arc<Mutex<HashSet<ExecutionId>>>, id: ExecutionId) -> Option<Self> {
        let is_new = all.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        // Made only where it is new: dropping it takes the mark away.
        is_new.then(|| Self { all, id })
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}
