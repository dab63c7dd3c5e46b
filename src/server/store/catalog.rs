//! What tables there are, of whatever version of the schema, so that a backup holds all that a database holds.
//!
//! It knows no table by name but the one in which sqlx notes the migrations. It leaves out those whose names begin with
//! `search_`, which are made from the others, and with `server_`, which are about who serves this very database.

use sqlx::{AnyConnection, FromRow};

use super::connection::Engine;
use super::{StoreError, Stored};

/// A table, as the database describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub name: String,
    pub columns: Vec<Column>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub name: String,
    pub kind: Kind,
}

/// What a column holds: the types that both engines and sqlx's `Any` have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Text,
    Double,
    Bytes,
}

#[derive(FromRow)]
struct ColumnRow {
    name: String,
    kind: String,
}

/// Cardume's tables, each behind those that it refers to: a table can refer only to what was there when it was made.
pub(super) async fn tables(connection: &mut AnyConnection, engine: Engine) -> Stored<Vec<Table>> {
    let names: Vec<String> = sqlx::query_scalar(match engine {
        Engine::Sqlite => {
            "select name from sqlite_master
             where type = 'table' and name not like 'sqlite\\_%' escape '\\' and name <> '_sqlx_migrations'
               and name not like 'search\\_%' escape '\\' and name not like 'server\\_%' escape '\\' order by rowid"
        }
        Engine::Postgres => {
            "select relname::text from pg_class
             where relkind = 'r' and relnamespace = current_schema()::regnamespace and relname <> '_sqlx_migrations'
               and relname not like 'search\\_%' and relname not like 'server\\_%'
             order by oid"
        }
    })
    .fetch_all(&mut *connection)
    .await?;
    let mut tables = vec![];
    for name in names {
        let columns: Vec<ColumnRow> = sqlx::query_as(match engine {
            Engine::Sqlite => "select name, lower(type) as kind from pragma_table_info($1) order by cid",
            Engine::Postgres => {
                "select attname::text as name, format_type(atttypid, atttypmod) as kind from pg_attribute
                 where attrelid = to_regclass($1) and attnum > 0 and not attisdropped order by attnum"
            }
        })
        .bind(name.as_str())
        .fetch_all(&mut *connection)
        .await?;
        let columns = columns.into_iter().map(|row| Column::of(&name, row)).collect::<Stored<_>>()?;
        tables.push(Table { name: plain(name)?, columns });
    }
    Ok(tables)
}

/// Whether sqlx has noted any migration here.
pub(super) async fn has_migrations(connection: &mut AnyConnection, engine: Engine) -> Stored<bool> {
    has_table(connection, engine, "_sqlx_migrations").await
}

pub(super) async fn has_table(connection: &mut AnyConnection, engine: Engine, name: &str) -> Stored<bool> {
    let found: i64 = sqlx::query_scalar(match engine {
        Engine::Sqlite => "select count(*) from sqlite_master where type = 'table' and name = $1",
        Engine::Postgres => "select count(to_regclass($1))",
    })
    .bind(name)
    .fetch_one(connection)
    .await?;
    Ok(found > 0)
}

impl Column {
    fn of(table: &str, row: ColumnRow) -> Stored<Self> {
        let kind = match row.kind.as_str() {
            "bigint" | "integer" => Kind::Integer,
            "text" => Kind::Text,
            "double precision" => Kind::Double,
            "blob" | "bytea" => Kind::Bytes,
            other => return Err(unknown(format!("the column {table}.{} is of the type “{other}”", row.name))),
        };
        Ok(Self { name: plain(row.name)?, kind })
    }
}

/// A name that can stand in a statement as it is.
fn plain(name: String) -> Stored<String> {
    let is_plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if is_plain { Ok(name) } else { Err(unknown(format!("“{name}” is no name of Cardume's"))) }
}

fn unknown(what: String) -> StoreError {
    StoreError::Database(sqlx::Error::Protocol(what))
}
