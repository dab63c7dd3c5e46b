//! All the SQL: what is kept, on SQLite or on Postgres, and the transactions that keep it right.
//!
//! Nothing outside this module knows a table or a row type. The present moment and new ids are passed in.

use std::path::PathBuf;
use std::time::Duration;

use crate::domain::*;

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

/// What the store answers when it cannot do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// Somebody else was faster, or the state does not allow it. The text is for the user.
    #[error("{0}")]
    Conflict(String),
    /// The database cannot be written now (full, locked, read-only, away); trying again later may work.
    #[error("the database cannot be written now: {0}")]
    Unwritable(#[source] sqlx::Error),
    #[error("database: {0}")]
    Database(#[source] sqlx::Error),
}

/// A log row to be added; its sequence is the store's to give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLine {
    pub timestamp: Timestamp,
    pub kind: LogType,
    pub content: String,
    pub partial: bool,
}

/// What the agent's output told of the execution itself, so far. `None` leaves what is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
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
}

/// The database. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Store {}

type Stored<T> = Result<T, StoreError>;

#[allow(unused_variables)]
impl Store {
    /// Opens the database, brings its schema up to date, and checks that it can be trusted.
    pub async fn open(database: &Database, limits: CacheLimits) -> Stored<Self> {
        todo!()
    }
    /// Waits for what is being written, then lets go of the database.
    pub async fn close(&self) {
        todo!()
    }
    /// Writes something, to learn whether that works.
    pub async fn check_writable(&self, now: Timestamp) -> Stored<()> {
        todo!()
    }
    /// "SQLite 3.51.3" or "PostgreSQL 15.4".
    pub async fn engine_version(&self) -> Stored<String> {
        todo!()
    }

    // projects
    /// `Conflict` where the path is known already.
    pub async fn insert_project(&self, project: &Project) -> Stored<()> {
        todo!()
    }
    pub async fn projects(&self) -> Stored<Vec<Project>> {
        todo!()
    }
    pub async fn project(&self, id: ProjectId) -> Stored<Project> {
        todo!()
    }
    pub async fn project_at(&self, path: &str) -> Stored<Option<Project>> {
        todo!()
    }

    // cards
    /// At the end of the backlog. `NotFound("project")` where there is no such project.
    pub async fn insert_card(
        &self,
        id: CardId,
        project: ProjectId,
        title: &str,
        description: &str,
        agent: &str,
        now: Timestamp,
    ) -> Stored<Card> {
        todo!()
    }
    /// Ordered by column (in the board's order), then position.
    pub async fn cards(&self, project: Option<ProjectId>) -> Stored<Vec<Card>> {
        todo!()
    }
    pub async fn card(&self, id: CardId) -> Stored<Card> {
        todo!()
    }
    pub async fn edit_card(&self, id: CardId, edit: &CardEdit, now: Timestamp) -> Stored<Card> {
        todo!()
    }
    /// `Conflict` on a stale version, or while it runs and the column would change.
    pub async fn move_card(&self, id: CardId, to: &CardMove, now: Timestamp) -> Stored<Card> {
        todo!()
    }
    /// With its executions and logs. `Conflict` while it runs. Answers the card as it was.
    pub async fn delete_card(&self, id: CardId) -> Stored<Card> {
        todo!()
    }
    pub async fn set_worktree(&self, id: CardId, branch: &str, path: &str, now: Timestamp) -> Stored<()> {
        todo!()
    }

    // executions
    /// Makes an execution (status `running` for a stage's command, `idle` for `workflow`) and deactivates the card's earlier ones, in one transaction.
    pub async fn create_execution(
        &self,
        card: CardId,
        id: ExecutionId,
        command: Command,
        now: Timestamp,
    ) -> Stored<Execution> {
        todo!()
    }
    pub async fn active_execution(&self, card: CardId) -> Stored<Option<Execution>> {
        todo!()
    }
    pub async fn execution(&self, id: ExecutionId) -> Stored<Execution> {
        todo!()
    }
    /// Newest first.
    pub async fn executions(&self, card: CardId) -> Stored<Vec<Execution>> {
        todo!()
    }
    /// `completed_at` is set with every status that has ended, and taken away with `running`.
    pub async fn update_status(
        &self,
        id: ExecutionId,
        status: ExecutionStatus,
        result: Option<&str>,
        exit_code: Option<i32>,
        now: Timestamp,
    ) -> Stored<()> {
        todo!()
    }
    /// Onto the active execution; makes a `workflow` execution with id `new` where the card has none.
    pub async fn set_workflow_state(
        &self,
        card: CardId,
        stage: WorkflowStage,
        error: Option<&str>,
        new: ExecutionId,
        now: Timestamp,
    ) -> Stored<()> {
        todo!()
    }
    /// Every execution with status `running`, oldest first.
    pub async fn running(&self) -> Stored<Vec<RunningExecution>> {
        todo!()
    }
    pub async fn running_execution(&self, id: ExecutionId) -> Stored<RunningExecution> {
        todo!()
    }
    pub async fn set_base_commit(&self, id: ExecutionId, commit: &str) -> Stored<()> {
        todo!()
    }
    /// Marks the card's running execution; answers which. `Conflict` where nothing runs.
    pub async fn request_cancel(&self, card: CardId) -> Stored<ExecutionId> {
        todo!()
    }

    // the workflow's two transactions
    /// `Event::Start` or `Event::Retry`: asks the workflow (as it stands in this transaction; `Start`'s column is the card's)
    /// and, where that allows it, makes the running execution `id`, deactivates the earlier ones, moves the card to the
    /// stage's column (at its end) and adds `opening` as the first rows. `Conflict` says why not.
    pub async fn begin(
        &self,
        card: CardId,
        event: Event,
        id: ExecutionId,
        opening: &[NewLine],
        now: Timestamp,
    ) -> Stored<Card> {
        todo!()
    }
    /// Ends a running execution: its last rows, status, result, exit code and error; moves the card where the workflow
    /// says; and, where a stage follows, makes its running execution `next` active. All in one transaction, so that no
    /// crash can fall between a stage's end and the next stage's start. `Conflict` where it had ended already.
    pub async fn finish(
        &self,
        id: ExecutionId,
        ending: &Ending,
        next: ExecutionId,
        now: Timestamp,
    ) -> Stored<Workflow> {
        todo!()
    }

    // logs
    /// Adds rows with consecutive sequences; answers the last one. Safe with any number of writers.
    pub async fn append(&self, id: ExecutionId, lines: &[NewLine]) -> Stored<i64> {
        todo!()
    }
    /// Rows, what they told of the execution, and the journal's offset, in one transaction. `Conflict` where the offset
    /// is not `from`: somebody else has taken that piece in.
    pub async fn ingest(&self, id: ExecutionId, from: i64, to: i64, lines: &[NewLine], report: &Report) -> Stored<i64> {
        todo!()
    }
    /// A slice of the log with the execution as of the same moment; through the cache.
    pub async fn log(&self, id: ExecutionId, slice: LogSlice, limit: i64) -> Stored<ExecutionLog> {
        todo!()
    }
    /// The same, without the cache.
    pub async fn log_uncached(&self, id: ExecutionId, slice: LogSlice, limit: i64) -> Stored<ExecutionLog> {
        todo!()
    }
    /// The last log row of every running execution.
    pub async fn last_lines(&self) -> Stored<Vec<(CardId, LogLine)>> {
        todo!()
    }
}
