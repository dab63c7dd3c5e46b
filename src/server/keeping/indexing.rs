//! Makes the words of logs known to the search, beside the server's work and after it.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::domain::ExecutionId;
use crate::server::store::{Store, StoreError};

/// How often it looks for what is new.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So many logs are seen to in one round, and of each so many pieces.
const LOGS_A_ROUND: i64 = 100;
const PIECES_A_ROUND: usize = 100;
/// After each piece it rests for at least so long, and for twice as long as the piece took: the agents' rows come first.
const REST: Duration = Duration::from_millis(10);
/// A log that has grown by more rows than this since the last look is left alone until it is calmer.
const CALM_ROWS: i64 = 5000;

/// What makes the words known.
pub struct Indexing {
    store: Store,
    /// How far each log that is not indexed had got at the last look.
    seen: HashMap<ExecutionId, i64>,
    /// Logs that cannot be indexed; said once.
    failed: HashSet<ExecutionId>,
}

impl Indexing {
    pub fn new(store: Store) -> Self {
        Self { store, seen: HashMap::new(), failed: HashSet::new() }
    }

    /// Works until `stop` says true. What is not done then, the next server does.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let rounds = async {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                self.round().await;
            }
        };
        tokio::select! {
            () = rounds => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    async fn round(&mut self) {
        let limit = LOGS_A_ROUND + self.failed.len() as i64;
        let due = match self.store.unindexed(limit).await {
            Ok(due) => due,
            // The engine says so already.
            Err(StoreError::Unwritable(_) | StoreError::Unproven(_)) => return,
            Err(error) => return tracing::warn!(%error, "cannot see which logs are to be indexed; trying again"),
        };
        let before = std::mem::take(&mut self.seen);
        for (id, last) in due {
            self.seen.insert(id, last);
            let is_calm = before.get(&id).is_some_and(|before| last - before <= CALM_ROWS);
            if is_calm && !self.failed.contains(&id) {
                self.index(id).await;
            }
        }
    }

    async fn index(&mut self, id: ExecutionId) {
        for _ in 0..PIECES_A_ROUND {
            let began = Instant::now();
            match self.store.index_next(id).await {
                Ok(true) => tokio::time::sleep(REST.max(began.elapsed() * 2)).await,
                Ok(false) => return,
                // Somebody else does it, or it is deleted, or it will be possible later.
                Err(
                    StoreError::Conflict(_)
                    | StoreError::NotFound(_)
                    | StoreError::Unwritable(_)
                    | StoreError::Unknown(_)
                    | StoreError::Unproven(_),
                ) => return,
                Err(error) => {
                    tracing::warn!(execution = %id, %error, "a log cannot be indexed; a search looks at all of it");
                    self.failed.insert(id);
                    return;
                }
            }
        }
    }
}
