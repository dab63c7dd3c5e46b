//! A copy of everything in the database as of one moment, row by row: the same for SQLite and for Postgres, so that what
//! comes from the one can go into the other.
//!
//! It comes in parts of a bounded size. A part is JSON lines: the columns' names, then an array a row; bytes are written
//! as hexadecimal digits.

use futures::TryStreamExt;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row};
use tokio::sync::mpsc;

use super::catalog::{self, Kind, Table};
use super::connection::{Engine, Tx};
use super::decode::parse;
use super::{CardId, ExecutionId, ProjectId, Store, StoreError, Stored, migrations};

/// A part is closed once it is this long.
const PART_BYTES: usize = 4 * 1024 * 1024;

/// The database as of one moment.
pub struct Snapshot {
    tx: Tx,
    engine: Engine,
}

/// Some of a table's rows.
#[derive(Debug)]
pub struct Part {
    pub table: String,
    pub rows: u64,
    pub text: Vec<u8>,
}

/// An execution that runs.
#[derive(Clone, Debug)]
pub struct UnfinishedExecution {
    pub id: ExecutionId,
    /// How many bytes of its journal are in the database.
    pub journal_offset: i64,
    /// Its worktree was made, and its directory was next.
    pub is_prepared: bool,
}

/// A card's branch, in the repository of its project.
#[derive(Clone, Debug)]
pub struct CardBranch {
    pub project: ProjectId,
    pub repository: String,
    pub branch: String,
    pub card: CardId,
}

#[derive(FromRow)]
struct UnfinishedRow {
    id: String,
    journal_offset: i64,
    base_commit: Option<String>,
}

#[derive(FromRow)]
struct BranchRow {
    project: String,
    repository: String,
    branch: String,
    card: String,
}

impl Store {
    /// The database as it is now; it stays so for the snapshot while others write.
    pub async fn snapshot(&self) -> Stored<Snapshot> {
        Ok(Snapshot { tx: self.begin_read().await?, engine: self.connection.engine })
    }
}

impl Snapshot {
    /// `sqlite` or `postgres`.
    pub fn engine(&self) -> &'static str {
        match self.engine {
            Engine::Sqlite => "sqlite",
            Engine::Postgres => "postgres",
        }
    }

    /// The migrations that have made the schema.
    pub async fn migrations(&mut self) -> Stored<Vec<i64>> {
        migrations::applied(&mut self.tx, self.engine).await
    }

    pub async fn unfinished(&mut self) -> Stored<Vec<UnfinishedExecution>> {
        let rows: Vec<UnfinishedRow> = sqlx::query_as(
            "select id, journal_offset, base_commit from executions where status = 'running' order by id",
        )
        .fetch_all(&mut *self.tx)
        .await?;
        let parsed = rows
            .into_iter()
            .map(|row| {
                Ok(UnfinishedExecution {
                    id: parse(&row.id)?,
                    journal_offset: row.journal_offset,
                    is_prepared: row.base_commit.is_some(),
                })
            })
            .collect::<Result<_, sqlx::Error>>();
        Ok(parsed?)
    }

    /// The branches of all cards that have one and are not being deleted for good, by project. The schema may be an older
    /// one: a backup is made before an update.
    pub async fn branches(&mut self) -> Stored<Vec<CardBranch>> {
        /// The migration from which on cards can be marked as being deleted for good.
        const PURGING: i64 = 13;
        let knows_purging = self.migrations().await?.contains(&PURGING);
        let kept = if knows_purging { "and c.purging_since is null" } else { "" };
        let select = AssertSqlSafe(format!(
            "select p.id as project, p.path as repository, c.branch, c.id as card
             from cards c join projects p on p.id = c.project_id
             where c.branch is not null {kept} order by p.id, c.branch"
        ));
        let rows: Vec<BranchRow> = sqlx::query_as(select).fetch_all(&mut *self.tx).await?;
        let parsed = rows
            .into_iter()
            .map(|row| {
                Ok(CardBranch {
                    project: parse(&row.project)?,
                    repository: row.repository,
                    branch: row.branch,
                    card: parse(&row.card)?,
                })
            })
            .collect::<Result<_, sqlx::Error>>();
        Ok(parsed?)
    }

    /// Every row of every table goes to `parts`, a table after those that it refers to; a table without rows is one part
    /// without rows. Waits while nobody takes them.
    pub async fn dump(&mut self, parts: &mpsc::Sender<Part>) -> Stored<()> {
        for table in catalog::tables(&mut self.tx, self.engine).await? {
            let columns = table.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
            let select = AssertSqlSafe(format!("select {columns} from {}", table.name));
            let mut rows = sqlx::query(select).fetch(&mut *self.tx);
            let mut part = Part::of(&table)?;
            let mut is_first = true;
            while let Some(row) = rows.try_next().await? {
                part.add(&table, &row)?;
                if part.text.len() >= PART_BYTES {
                    send(parts, std::mem::replace(&mut part, Part::of(&table)?)).await?;
                    is_first = false;
                }
            }
            if part.rows > 0 || is_first {
                send(parts, part).await?;
            }
        }
        Ok(())
    }
}

async fn send(parts: &mpsc::Sender<Part>, part: Part) -> Stored<()> {
    parts.send(part).await.map_err(|_| StoreError::Database(sqlx::Error::Protocol("nobody takes the copy".into())))
}

impl Part {
    fn of(table: &Table) -> Stored<Self> {
        let names = table.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>();
        let mut part = Self { table: table.name.clone(), rows: 0, text: Vec::with_capacity(PART_BYTES / 4) };
        part.write(&names)?;
        part.text.push(b'\n');
        Ok(part)
    }

    fn add(&mut self, table: &Table, row: &AnyRow) -> Stored<()> {
        for (index, column) in table.columns.iter().enumerate() {
            self.text.push(if index == 0 { b'[' } else { b',' });
            match column.kind {
                Kind::Integer => self.write(&row.try_get::<Option<i64>, _>(index)?)?,
                Kind::Double => self.write(&row.try_get::<Option<f64>, _>(index)?)?,
                Kind::Text => self.write(&row.try_get::<Option<&str>, _>(index)?)?,
                Kind::Bytes => self.write(&row.try_get::<Option<&[u8]>, _>(index)?.map(hexadecimal))?,
            }
        }
        self.text.extend_from_slice(b"]\n");
        self.rows += 1;
        Ok(())
    }

    fn write(&mut self, value: &impl serde::Serialize) -> Stored<()> {
        serde_json::to_writer(&mut self.text, value)
            .map_err(|error| StoreError::Database(sqlx::Error::Encode(error.into())))
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15].map(|half| char::from(DIGITS[usize::from(half)]))).collect()
}
