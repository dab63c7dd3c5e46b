//! Filling an empty database from a copy ([`super::dump`]), in one transaction: all of it is there, or nothing.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use sqlx::{AnyPool, AssertSqlSafe};

use super::catalog::{self, Kind, Table};
use super::connection::{self, Engine, Tx};
use super::decode::parse;
use super::{CardId, Database, StoreError, Stored, migrations};

/// So many bytes of rows go in with one statement, unless one row is longer.
const STATEMENT_BYTES: usize = 1024 * 1024;

/// A database that is being filled.
pub struct Filling {
    pool: AnyPool,
    tx: Tx,
    engine: Engine,
    tables: HashMap<String, Table>,
}

impl Filling {
    /// Makes the schema as it was after `versions` of the migrations, in a database without any table; an SQLite file
    /// is made. `Conflict` (a line for the user) where there are tables, or a migration that this Cardume does not know.
    pub async fn begin(database: &Database, versions: &[i64]) -> Stored<Self> {
        sqlx::any::install_default_drivers();
        let (engine, pool) = connection::open_to_fill(database).await?;
        let mut tx = Tx::new(pool.begin().await?);
        if catalog::has_migrations(&mut tx, engine).await? || !catalog::tables(&mut tx, engine).await?.is_empty() {
            return Err(StoreError::conflict("the database is not empty; give the URL of one without any table"));
        }
        if !migrations::run_exactly(&mut tx, engine, versions).await? {
            return Err(StoreError::conflict("the backup was made by a newer Cardume; restore it with that one"));
        }
        let tables = catalog::tables(&mut tx, engine).await?;
        for table in tables.iter().rev() {
            // What migrations put there is in the copy too.
            sqlx::query(AssertSqlSafe(format!("delete from {}", table.name))).execute(&mut *tx).await?;
        }
        let tables = tables.into_iter().map(|table| (table.name.clone(), table)).collect();
        Ok(Self { pool, tx, engine, tables })
    }

    /// All tables that there are, each of which a copy has.
    pub fn tables(&self) -> BTreeSet<&str> {
        self.tables.keys().map(String::as_str).collect()
    }

    /// Adds a part of a copy; answers how many rows it has. Parts must come in the order in which they were made.
    pub async fn add(&mut self, table: &str, part: &str) -> Stored<u64> {
        let table = self.tables.get(table).ok_or_else(|| unknown(format!("there is no table “{table}”")))?;
        let mut lines = part.lines();
        let header: Vec<String> = serde_json::from_str(lines.next().unwrap_or_default()).map_err(unknown)?;
        let insert = insert_statement(self.engine, table, &header)?;
        let (mut batch, mut count) = (String::new(), 0);
        for line in lines {
            batch.push(if batch.is_empty() { '[' } else { ',' });
            batch.push_str(line);
            count += 1;
            if batch.len() >= STATEMENT_BYTES {
                insert_batch(&mut self.tx, &insert, &mut batch).await?;
            }
        }
        if !batch.is_empty() {
            insert_batch(&mut self.tx, &insert, &mut batch).await?;
        }
        Ok(count)
    }

    /// The cards' worktrees will lie in the folder `worktrees`, each under its card's id.
    pub async fn move_worktrees(&mut self, worktrees: &Path) -> Stored<()> {
        let cards: Vec<String> =
            sqlx::query_scalar("select id from cards where worktree_path is not null").fetch_all(&mut *self.tx).await?;
        for card in cards {
            let id: CardId = parse(&card)?;
            let path = worktrees.join(id.to_string()).to_string_lossy().into_owned();
            sqlx::query("update cards set worktree_path = $2 where id = $1")
                .bind(card)
                .bind(path)
                .execute(&mut *self.tx)
                .await?;
        }
        Ok(())
    }

    /// Checks what is there, and makes it last.
    pub async fn commit(mut self) -> Stored<()> {
        if self.engine == Engine::Sqlite {
            let orphans: i64 =
                sqlx::query_scalar("select count(*) from pragma_foreign_key_check").fetch_one(&mut *self.tx).await?;
            if orphans > 0 {
                return Err(unknown(format!("{orphans} rows refer to others that are not in the backup")));
            }
        }
        self.tx.commit().await?;
        self.pool.close().await;
        Ok(())
    }
}

async fn insert_batch(tx: &mut Tx, insert: &str, batch: &mut String) -> Stored<()> {
    batch.push(']');
    sqlx::query(AssertSqlSafe(insert.to_owned())).bind(std::mem::take(batch)).execute(&mut **tx).await?;
    Ok(())
}

/// The rows come as one JSON array of arrays, whose members are in the order of `header`.
fn insert_statement(engine: Engine, table: &Table, header: &[String]) -> Stored<String> {
    let mut values = vec![];
    for (index, name) in header.iter().enumerate() {
        let column = table.columns.iter().find(|column| column.name == *name);
        let kind = column.ok_or_else(|| unknown(format!("the table {} has no column “{name}”", table.name)))?.kind;
        values.push(match (engine, kind) {
            (Engine::Sqlite, Kind::Bytes) => format!("unhex(value ->> {index})"),
            (Engine::Sqlite, _) | (Engine::Postgres, Kind::Text) => format!("value ->> {index}"),
            (Engine::Postgres, Kind::Integer) => format!("(value ->> {index})::bigint"),
            (Engine::Postgres, Kind::Double) => format!("(value ->> {index})::double precision"),
            (Engine::Postgres, Kind::Bytes) => format!("decode(value ->> {index}, 'hex')"),
        });
    }
    let each = match engine {
        Engine::Sqlite => "json_each($1)",
        Engine::Postgres => "json_array_elements($1::json)",
    };
    // Every name was compared with the database's own.
    Ok(format!("insert into {} ({}) select {} from {each}", table.name, header.join(", "), values.join(", ")))
}

fn unknown(what: impl ToString) -> StoreError {
    StoreError::Database(sqlx::Error::Protocol(what.to_string()))
}
