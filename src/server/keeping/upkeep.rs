//! What a server does for what it keeps, by itself and beside its work: scheduled backups, compression of old logs,
//! removal of old journals. What fails is told in the log and tried again.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::backups::{self, Kind};
use super::{backup, journals, opening, unfinished};
use crate::domain::{ExecutionId, Timestamp};
use crate::server::config::{BackupConfig, Config, LogsConfig};
use crate::server::store::{Store, StoreError};

/// How often it looks what is due, unless something is due more often.
const LOOK_EVERY: Duration = Duration::from_secs(60);
const LOOK_EVERY_AT_LEAST: Duration = Duration::from_millis(500);
/// After a start, and after a failure, so long passes before a backup is made: a server that has to be started again and
/// again has other worries.
const BACKUP_PAUSE: Duration = Duration::from_secs(600);
/// So many chunks are packed in one round, and after each it rests for at least so long, and for as long as it took:
/// the agents' rows come first.
const CHUNKS_A_ROUND: usize = 2000;
const REST: Duration = Duration::from_millis(10);

/// The upkeep of one server's data.
pub struct Upkeep {
    store: Store,
    data_dir: PathBuf,
    backup: BackupConfig,
    logs: LogsConfig,
    clock: fn() -> Timestamp,
    /// No backup is made before.
    backup_from: Instant,
    /// Executions whose logs cannot be packed; said once.
    unpackable: HashSet<ExecutionId>,
}

impl Upkeep {
    pub fn new(config: &Config, store: Store, clock: fn() -> Timestamp) -> Self {
        let pause = config.backup.every.unwrap_or_default().min(BACKUP_PAUSE);
        Self {
            store,
            data_dir: config.data_dir.clone(),
            backup: config.backup.clone(),
            logs: config.logs.clone(),
            clock,
            backup_from: Instant::now() + pause,
            unpackable: HashSet::new(),
        }
    }

    /// Works until `stop` says true; what it was doing then is given up, and done by the next server.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let periods = [self.backup.every, self.logs.compress_after, self.logs.remove_journals_after];
        let shortest = periods.into_iter().flatten().min().unwrap_or(LOOK_EVERY);
        let look_every = (shortest / 4).clamp(LOOK_EVERY_AT_LEAST, LOOK_EVERY);
        let rounds = async {
            self.remove_leftovers();
            loop {
                tokio::time::sleep(look_every).await;
                if !self.store.may_write() {
                    continue;
                }
                self.back_up_if_due().await;
                self.pack().await;
                self.remove_journals().await;
            }
        };
        tokio::select! {
            () = rounds => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    /// What a backup left that was killed.
    fn remove_leftovers(&self) {
        let dir = self.backup.dir(&self.data_dir);
        match unfinished::remove_leftovers(&dir) {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, dir = %dir.display(), "leftovers of killed backups were removed"),
            Err(error) => tracing::warn!(%error, dir = %dir.display(), "leftovers of killed backups cannot be removed"),
        }
    }

    async fn back_up_if_due(&mut self) {
        let Some(every) = self.backup.every else { return };
        if Instant::now() < self.backup_from {
            return;
        }
        match self.back_up(every).await {
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "the scheduled backup failed; trying again later");
                self.backup_from = Instant::now() + every.min(BACKUP_PAUSE);
            }
        }
    }

    async fn back_up(&self, every: Duration) -> anyhow::Result<()> {
        let (dir, now) = (self.backup.dir(&self.data_dir), (self.clock)());
        opening::make_dir(&dir)?;
        let newest = backups::list(&dir)?.into_iter().find(|backup| backup.kind == Kind::Scheduled);
        // One from the future says that the clock was set back, and nothing about when the next is due.
        let is_due = newest
            .is_none_or(|newest| newest.made_at > now || now.millis_since(newest.made_at) as u128 >= every.as_millis());
        if !is_due {
            return Ok(());
        }
        let file = dir.join(backups::name(Kind::Scheduled, now));
        let made = backup::make(&self.store, &self.data_dir, &file, now).await?;
        tracing::info!(file = %file.display(), bytes = made.bytes, "a backup was made");
        for missing in made.missing {
            tracing::warn!("not in the backup: {missing}");
        }
        Ok(backups::rotate(&dir, Kind::Scheduled, self.backup.keep)?)
    }

    async fn pack(&mut self) {
        let Some(before) = self.ago(self.logs.compress_after) else { return };
        let limit = 100 + self.unpackable.len() as i64;
        let due = match self.store.unpacked(before, limit).await {
            Ok(due) => due,
            Err(error) => return tracing::warn!(%error, "cannot see which logs are to be compressed; trying again"),
        };
        let mut chunks = 0;
        for id in due {
            if self.unpackable.contains(&id) {
                continue;
            }
            loop {
                let began = Instant::now();
                match self.store.pack_next(id).await {
                    Ok(true) => chunks += 1,
                    Ok(false) => break,
                    // It will be possible later.
                    Err(StoreError::Unwritable(_) | StoreError::Unproven(_)) => return,
                    // Its card was deleted meanwhile.
                    Err(_) if self.store.execution(id).await.is_err_and(|error| error.is_not_found()) => break,
                    Err(error) => {
                        tracing::warn!(execution = %id, %error, "a log cannot be compressed");
                        self.unpackable.insert(id);
                        break;
                    }
                }
                if chunks >= CHUNKS_A_ROUND {
                    return;
                }
                tokio::time::sleep(began.elapsed().max(REST)).await;
            }
        }
        if chunks > 0 {
            tracing::info!(chunks, "logs of executions that have ended were compressed");
        }
        while let Ok(true) = self.store.give_back_space().await {
            tokio::time::sleep(REST).await;
        }
    }

    async fn remove_journals(&self) {
        let Some(before) = self.ago(self.logs.remove_journals_after) else { return };
        match journals::remove_finished(&self.store, &self.data_dir, before).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "journals that are in the database as a whole were removed"),
            Err(error) => tracing::warn!(error = format!("{error:#}"), "old journals cannot be removed; trying again"),
        }
    }

    fn ago(&self, after: Option<Duration>) -> Option<Timestamp> {
        let millis = i64::try_from(after?.as_millis()).unwrap_or(i64::MAX);
        Some(Timestamp::from_millis((self.clock)().as_millis().saturating_sub(millis)))
    }
}
