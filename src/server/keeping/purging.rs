//! Carries out what was deleted for good: what it has on disk goes first, then its rows, in small steps.
//!
//! What has to go is in the database (`store/purging.rs`), so nothing is lost when the server ends, however it ends: the
//! next one starts where the rows and the disk are. What can't be removed is tried again, and the doctor says why.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures::FutureExt;
use tokio::sync::watch;

use super::leaks;
use crate::domain::{Card, CardId, Timestamp};
use crate::server::engine::Engine;
use crate::server::store::{Purge, Store, StoreError};

/// How often it looks by itself: what was deleted is kept for a day, and what failed is tried again.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// After a failure of one card's clean-up, so long passes before the next try; twice as long each time, up to the maximum.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(5);
const TRY_AGAIN_AFTER_MAX: Duration = Duration::from_secs(600);
/// While somebody reads an older state of the database (a backup, for one), nothing is removed.
const UNSETTLED_PAUSE: Duration = Duration::from_secs(2);
/// After each step on the database it rests for at least so long, and for as long as the step took: others write then.
const REST: Duration = Duration::from_millis(5);

/// The clean-up of one server's data.
pub struct Purging {
    store: Store,
    engine: Engine,
    data_dir: PathBuf,
    clock: fn() -> Timestamp,
    /// Cards of which nothing is on disk any more. The next server finds that out again.
    clean: HashSet<CardId>,
    /// Cards whose clean-up failed: when it is tried again, and how long was waited for that.
    waiting: HashMap<CardId, (Instant, Duration)>,
}

impl Purging {
    pub fn new(store: Store, engine: Engine, data_dir: &Path, clock: fn() -> Timestamp) -> Self {
        Self { store, engine, data_dir: data_dir.to_owned(), clock, clean: HashSet::new(), waiting: HashMap::new() }
    }

    /// Works until `stop` says true. What is not done then, the next server does.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let store = self.store.clone();
        let rounds = async {
            self.report_leaks().await;
            loop {
                let pause = match self.round().await {
                    Ok(pause) => pause,
                    // The engine says so already.
                    Err(StoreError::Unwritable(_)) => TRY_AGAIN_AFTER,
                    Err(error) => {
                        tracing::warn!(%error, "what was deleted cannot be cleaned up now; trying again");
                        TRY_AGAIN_AFTER
                    }
                };
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = store.purge_requested() => {}
                }
            }
        };
        tokio::select! {
            () = rounds => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    /// Answers how long until the next one.
    async fn round(&mut self) -> Result<Duration, StoreError> {
        let (now, kept) = ((self.clock)(), i64::try_from(Card::DISCARDED_KEPT.as_millis()).unwrap_or(i64::MAX));
        self.store.purge_discarded(Timestamp::from_millis(now.as_millis().saturating_sub(kept)), now).await?;
        let pending = self.store.pending_purges().await?;
        let now = Instant::now();
        let is_due = |card: &CardId| self.waiting.get(card).is_none_or(|(then, _)| *then <= now);
        let due: Vec<CardId> = pending.into_iter().map(|pending| pending.card).filter(is_due).collect();
        if due.is_empty() {
            self.store.complete_project_purges().await?;
            return Ok(self.until_the_next_try());
        }
        // Files first: they hold what agents printed with its secrets, and rows may take a while.
        let with_files: Vec<CardId> = due.iter().filter(|card| !self.clean.contains(card)).copied().collect();
        // A database that loses its newest commits must not find a card alive again whose files are gone.
        if !with_files.is_empty() && !self.store.settle().await? {
            return Ok(UNSETTLED_PAUSE);
        }
        fail::fail_point!("purge::begun");
        for card in with_files {
            if let Some(purge) = self.store.purge(card).await? {
                self.remove_files(&purge).await?;
            }
        }
        fail::fail_point!("purge::files-removed");
        for card in due {
            // The files of what was deleted meanwhile come before the rest of the rows.
            if self.store.purge_requested().now_or_never().is_some() {
                return Ok(REST);
            }
            let Some(purge) = self.store.purge(card).await? else { continue };
            self.purge_logs(&purge).await?;
            fail::fail_point!("purge::logs-purged");
            if self.clean.contains(&card) {
                self.store.complete_purge(&purge).await?;
                self.clean.remove(&card);
                self.waiting.remove(&card);
                tracing::debug!(%card, "a deleted card is gone from the database and the disk");
            }
        }
        self.store.complete_project_purges().await?;
        Ok(self.until_the_next_try())
    }

    fn until_the_next_try(&self) -> Duration {
        let next = self.waiting.values().map(|(then, _)| then.saturating_duration_since(Instant::now())).min();
        next.unwrap_or(LOOK_EVERY).clamp(REST, LOOK_EVERY)
    }

    async fn remove_files(&mut self, purge: &Purge) -> Result<(), StoreError> {
        let Err(error) = self.engine.remove_files(purge).await else {
            self.clean.insert(purge.card);
            return Ok(());
        };
        let error = format!("{error:#}");
        let waited = self.waiting.get(&purge.card).map(|(_, waited)| *waited);
        if waited.is_none() {
            tracing::warn!(card = %purge.card, error, "what a deleted card has on disk cannot be removed; trying again");
        }
        self.store.note_purge_error(purge.card, &error).await?;
        let wait = waited.map_or(TRY_AGAIN_AFTER, |waited| (2 * waited).min(TRY_AGAIN_AFTER_MAX));
        self.waiting.insert(purge.card, (Instant::now() + wait, wait));
        Ok(())
    }

    async fn purge_logs(&self, purge: &Purge) -> Result<(), StoreError> {
        for id in &purge.executions {
            let mut gone = Some(0);
            while let Some(after) = gone {
                let began = Instant::now();
                gone = self.store.purge_log(*id, after).await?;
                if gone.is_some() {
                    tokio::time::sleep(began.elapsed().max(REST)).await;
                }
            }
        }
        Ok(())
    }

    async fn report_leaks(&self) {
        match leaks::find(&self.store, &self.data_dir).await {
            Ok(leaks) if leaks.is_empty() => {}
            Ok(leaks) => tracing::warn!(
                "{} in {} belong to no card in this database; nothing was removed; `cardume doctor` says what to do",
                leaks.count(),
                self.data_dir.display()
            ),
            Err(error) => tracing::warn!(error = format!("{error:#}"), "the data directory cannot be looked through"),
        }
    }
}
