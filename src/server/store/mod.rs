//! All the SQL: what is kept, on SQLite or on Postgres, and the transactions that keep it right.
//!
//! Nothing outside this module knows a table or a row type. The present moment and new ids are passed in.

//!
//! One text of SQL serves both engines, through sqlx's `Any` driver; where they must differ, `connection::Engine` names
//! the difference. Columns are `bigint`, `text`, `double precision` and bytes only, which is what `Any` carries.
//!
//! Who may write what at the same time: a transaction that may change where a card stands or which of its executions is
//! active is a *board transaction*; they happen one after the other (`Store::begin_board`). Rows are added to a log
//! beside them, serialised by the execution's own row. Locks are taken in one order (board, card, execution), so none
//! of them can wait for each other in a circle.

mod access;
mod cache;
mod cards;
mod catalog;
mod columns;
mod connection;
mod decode;
mod dump;
mod error;
mod executions;
mod filling;
mod integrity;
mod lease;
mod lock_file;
mod logs;
mod marks;
mod migrations;
mod owner;
mod packing;
mod projects;
mod purging;
mod reading;
mod repeats;
mod running;
mod searching;
mod session_lock;
mod settling;
mod slices;
mod transaction;
mod usage;
mod words;
mod workflow;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::domain::*;

pub use access::{Grant, TokenRow};
pub use dump::{CardBranch, Part, Snapshot, UnfinishedExecution};
pub use error::StoreError;
pub use filling::Filling;
pub use integrity::{Condition, sqlite_companions};
pub use lease::{Lease, Proof};
pub use lock_file::LockFile;
pub use marks::Mark;
pub use migrations::Schema;
pub use owner::{Attempt, Binding, DatabaseLock, Holder, LockError};
pub use purging::{PendingPurge, Purge};
pub use repeats::Repeat;
pub use searching::Query;

/// Where the database is.
#[derive(Clone, Debug)]
pub enum Database {
    /// A file, made where there is none.
    Sqlite(PathBuf),
    /// A `postgres://…` URL.
    Postgres(String),
}

/// The bounds of the log cache.
#[derive(Clone, Copy, Debug)]
pub struct CacheLimits {
    /// No entry lives longer.
    pub time_to_live: Duration,
    pub size_bytes: u64,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self { time_to_live: Duration::from_secs(5 * 60), size_bytes: 64 * 1024 * 1024 }
    }
}

/// A log row to be added; its sequence is the store's to give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLine {
    pub timestamp: Timestamp,
    pub kind: LogType,
    pub content: String,
    pub partial: bool,
}

/// What the journal told of the execution itself, so far. `None` leaves what is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Of all records that are in, in hexadecimal digits.
    pub digest: Option<String>,
    pub usage: Usage,
    /// The final result's text.
    pub result: Option<String>,
    /// What the agent itself says of its end: `Some(false)` where it reports a failure.
    pub succeeded: Option<bool>,
}

/// An execution that runs, as the engine needs it.
#[derive(Clone, Debug)]
pub struct RunningExecution {
    pub id: ExecutionId,
    pub card_id: CardId,
    pub stage: Stage,
    pub attempt: i64,
    pub agent: String,
    pub started_at: Timestamp,
    /// How many bytes of its journal are in the database.
    pub journal_offset: i64,
    pub cancel_requested: bool,
    /// The number of this execution among all of its card's, from 1.
    pub ordinal: i64,
    /// It begins in a new worktree; the old one is put aside.
    pub new_worktree: bool,
    /// How often in succession Cardume itself has begun this stage again.
    pub automatic: i64,
    /// What looks like a secret in its output is masked.
    pub mask_secrets: bool,
    /// The branch's commit when the stage began; `None` before the worktree is ready.
    pub base_commit: Option<String>,
    pub report: Report,
}

/// How an execution ended.
#[derive(Clone, Debug)]
pub struct Ending {
    /// `Success`, `Error`, `Cancelled` or `Lost`.
    pub status: ExecutionStatus,
    /// Why the workflow stops; `None` with `Success`.
    pub error: Option<String>,
    pub result: Option<String>,
    pub exit_code: Option<i32>,
    /// Found by a planning stage; goes onto the card.
    pub spec_path: Option<String>,
    /// Last rows, Cardume's own.
    pub lines: Vec<NewLine>,
    /// When the agent ended, where somebody knows; else it has ended now.
    pub ended_at: Option<Timestamp>,
    /// Whether the log is what the supervisor wrote; `None` where it left no word of that.
    pub verified: Option<bool>,
    /// The stage did not succeed and is begun again at once, without waiting for anybody.
    pub again: bool,
    /// The reference that keeps what the stage left.
    pub work_ref: Option<String>,
    /// What somebody should look at, a line each.
    pub warning: Option<String>,
}

/// The database. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Store {
    connection: connection::Connection,
    cache: cache::LogCache,
    is_damaged: Arc<AtomicBool>,
    /// The request that this handle works for, if it may come again.
    repeat: Option<Repeat>,
    /// Of a server. Commands that work beside one have none.
    lease: Option<Lease>,
    purge_requests: Arc<Notify>,
}

type Stored<T> = Result<T, StoreError>;

impl Store {
    /// Opens the database, which is made where there is none, and brings its schema up to date.
    pub async fn open(database: &Database, limits: CacheLimits) -> Stored<Self> {
        let store = Self::connect(database, limits).await?;
        store.migrate().await?;
        Ok(store)
    }

    /// Opens the database, which is made where there is none, and leaves its schema as it is.
    pub async fn connect(database: &Database, limits: CacheLimits) -> Stored<Self> {
        let connection = connection::Connection::open(database).await?;
        Ok(Self {
            connection,
            cache: cache::LogCache::new(limits),
            is_damaged: Arc::default(),
            purge_requests: Arc::default(),
            repeat: None,
            lease: None,
        })
    }

    /// Opens a database that is there, and leaves its schema as it is; for those who look at it beside a server.
    pub async fn connect_beside(database: &Database) -> Stored<Self> {
        let connection = connection::Connection::open_beside(database).await?;
        let limits = CacheLimits { time_to_live: Duration::from_secs(1), size_bytes: 0 };
        Ok(Self {
            connection,
            cache: cache::LogCache::new(limits),
            is_damaged: Arc::default(),
            purge_requests: Arc::default(),
            repeat: None,
            lease: None,
        })
    }

    /// Somebody has found the database damaged.
    pub fn note_damage(&self) {
        self.is_damaged.store(true, Ordering::Relaxed);
    }

    /// Whether somebody has.
    pub fn is_damaged(&self) -> bool {
        self.is_damaged.load(Ordering::Relaxed)
    }

    /// The same database, read through connections of its own: however much is read there, nobody else waits for one.
    pub fn in_background(&self) -> Self {
        let mut other = self.clone();
        other.connection.reader = other.connection.background.clone();
        other
    }

    /// Waits for what is being written, then lets go of the database.
    pub async fn close(&self) {
        self.connection.close().await;
    }
}
