//! What a store test stands on: a database of its own, a store on it, and a way past the store.

use std::sync::atomic::{AtomicI64, Ordering};

use cardume::domain::*;
use cardume::server::store::{CacheLimits, Database, Ending, NewLine, Store};
use sqlx::AnyPool;
use tempfile::TempDir;
use uuid::Uuid;

pub struct Ground {
    pub store: Store,
    pub database: Database,
    /// SQL that goes round the store, on connections of its own.
    pub raw: AnyPool,
    /// Removed with everything in it at the end of the test.
    _directory: Option<TempDir>,
}

impl Ground {
    pub async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cardume.db");
        let url = format!("sqlite:{}?mode=rw", path.display());
        Self::on(Database::Sqlite(path), &url, Some(directory)).await
    }

    pub async fn postgres() -> Self {
        let url = crate::postgres::database().await;
        Self::on(Database::Postgres(url.clone()), &url, None).await
    }

    async fn on(database: Database, url: &str, directory: Option<TempDir>) -> Self {
        let store = Store::open(&database, CacheLimits::default()).await.unwrap();
        let raw = AnyPool::connect(url).await.unwrap();
        Self { store, database, raw, _directory: directory }
    }

    /// A second store on the same database, as another process would have it.
    pub async fn another_store(&self, limits: CacheLimits) -> Store {
        Store::open(&self.database, limits).await.unwrap()
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self.database, Database::Postgres(_))
    }

    pub async fn project(&self) -> ProjectId {
        let id = ProjectId(Uuid::now_v7());
        let project = Project {
            id,
            name: "shoal".into(),
            path: format!("/repositories/{id}"),
            created_at: now(),
            mask_secrets: true,
        };
        self.store.insert_project(&project).await.unwrap();
        id
    }

    /// A card in the backlog of a project of its own.
    pub async fn card(&self) -> CardId {
        let project = self.project().await;
        let card = CardId(Uuid::now_v7());
        let text = NewCard { description: "Description".into(), ..titled(project, "Title") };
        self.store.insert_card(card, &text, "demo", now()).await.unwrap().id
    }

    /// A card whose first stage runs.
    pub async fn running_card(&self) -> (CardId, ExecutionId) {
        let (card, execution) = (self.card().await, execution_id());
        self.store.begin(card, START, execution, &[], now()).await.unwrap();
        (card, execution)
    }

    /// Carries out what was deleted for good, as a server does; answers in how many steps.
    pub async fn purge_all(&self) -> usize {
        let mut steps = 0;
        for pending in self.store.pending_purges().await.unwrap() {
            let purge = self.store.purge(pending.card).await.unwrap().unwrap();
            for id in &purge.executions {
                let mut gone = Some(0);
                while let Some(after) = gone {
                    gone = self.store.purge_log(*id, after).await.unwrap();
                    steps += 1;
                }
            }
            self.store.complete_purge(&purge).await.unwrap();
        }
        steps
    }

    pub async fn count(&self, table: &'static str) -> i64 {
        let query = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
        sqlx::query_scalar(query).fetch_one(&self.raw).await.unwrap()
    }

    /// An execution with rows `1..=count`, whose contents are their sequences.
    pub async fn log_of(&self, count: i64) -> ExecutionId {
        let (_, execution) = self.running_card().await;
        self.store.append(execution, &numbered(1..=count)).await.unwrap();
        execution
    }
}

/// The column is the store's to fill in.
pub const START: Event = Event::Start(Column::Backlog);

pub const ALL: LogSlice = LogSlice::After(0);

pub fn execution_id() -> ExecutionId {
    ExecutionId(Uuid::now_v7())
}

/// A moment later than every one before.
pub fn now() -> Timestamp {
    static MILLIS: AtomicI64 = AtomicI64::new(1_763_798_400_000);
    Timestamp::from_millis(MILLIS.fetch_add(1, Ordering::Relaxed))
}

pub fn line(content: impl Into<String>) -> NewLine {
    NewLine { timestamp: now(), kind: LogType::Text, content: content.into(), partial: false }
}

pub fn numbered(sequences: impl Iterator<Item = i64>) -> Vec<NewLine> {
    sequences.map(|sequence| line(sequence.to_string())).collect()
}

pub fn contents(log: &ExecutionLog) -> Vec<&str> {
    log.logs.iter().map(|line| line.content.as_str()).collect()
}

pub fn sequences(log: &ExecutionLog) -> Vec<i64> {
    log.logs.iter().map(|line| line.sequence).collect()
}

pub fn success() -> Ending {
    Ending {
        status: ExecutionStatus::Success,
        error: None,
        result: Some("Done.".into()),
        exit_code: Some(0),
        spec_path: None,
        lines: vec![],
        ended_at: None,
        verified: None,
        again: false,
        work_ref: None,
        warning: None,
    }
}

pub fn failure(status: ExecutionStatus) -> Ending {
    Ending {
        status,
        error: Some("The agent went away.".into()),
        result: None,
        exit_code: Some(1),
        spec_path: None,
        lines: vec![line("That did not work.")],
        ended_at: None,
        verified: None,
        again: false,
        work_ref: None,
        warning: None,
    }
}

/// The text of a conflict; fails on anything else.
#[track_caller]
pub fn conflict<T: std::fmt::Debug>(answer: Result<T, cardume::server::store::StoreError>) -> String {
    match answer {
        Err(cardume::server::store::StoreError::Conflict(why)) => why,
        other => panic!("expected a conflict, got {other:?}"),
    }
}

/// Fails unless the answer is that there is no such thing.
#[track_caller]
pub fn not_found<T: std::fmt::Debug>(answer: Result<T, cardume::server::store::StoreError>) {
    match answer {
        Err(cardume::server::store::StoreError::NotFound(_)) => {}
        other => panic!("expected “not found”, got {other:?}"),
    }
}

/// A card with nothing but a title.
pub fn titled(project_id: ProjectId, title: &str) -> NewCard {
    NewCard { project_id, title: title.into(), description: String::new(), agent: None, model: None }
}
