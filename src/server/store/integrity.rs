//! Whether a database can be trusted: looked at before it is opened, and in full beside the work.
//!
//! It changes nothing and decides nothing: what a bad answer means is for whoever asks. Postgres checks its pages by
//! itself; of it no more is asked than whether there is a schema.

use std::path::{Path, PathBuf};

use sqlx::{AnyConnection, ConnectOptions, Connection as _};

use super::connection::{Engine, sqlite_options};
use super::{Database, Store, Stored};

/// What there is where the database should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// No file, or nothing in it.
    Absent,
    /// No database, but a write-ahead log that belongs to one.
    LogAlone,
    /// What is there is no database that can be read. The text says what is wrong.
    Damaged(String),
    /// A Postgres database with this encoding, which can't hold every text.
    WrongEncoding(String),
    /// Nothing is wrong with it, as far as it was looked at.
    Sound {
        /// Every page of it was looked at.
        in_full: bool,
    },
}

impl Condition {
    /// Looks at the database, in full where its file is not larger than `in_full_up_to_bytes`, and makes nothing where
    /// there is none. For Postgres the answer is `Absent` where there is no table.
    pub async fn of(database: &Database, in_full_up_to_bytes: u64) -> Stored<Self> {
        sqlx::any::install_default_drivers();
        match database {
            Database::Sqlite(path) => of_sqlite(path, in_full_up_to_bytes).await,
            Database::Postgres(url) => {
                let options: sqlx::any::AnyConnectOptions = url.parse()?;
                let mut connection = options.connect().await?;
                let encoding: String =
                    sqlx::query_scalar("select current_setting('server_encoding')").fetch_one(&mut connection).await?;
                if encoding != "UTF8" {
                    connection.close().await?;
                    return Ok(Self::WrongEncoding(encoding));
                }
                let tables = super::catalog::tables(&mut connection, Engine::Postgres).await?;
                connection.close().await?;
                Ok(if tables.is_empty() { Self::Absent } else { Self::Sound { in_full: true } })
            }
        }
    }
}

/// The write-ahead log that belongs to an SQLite file, and its index.
pub fn sqlite_companions(path: &Path) -> [PathBuf; 2] {
    ["-wal", "-shm"].map(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        name.into()
    })
}

async fn of_sqlite(path: &Path, in_full_up_to_bytes: u64) -> Stored<Condition> {
    let length = |path: &Path| match path.metadata() {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(sqlx::Error::Io(error)),
    };
    let [log, _] = sqlite_companions(path);
    let bytes = length(path)?;
    if bytes == 0 {
        return Ok(if length(&log)? > 0 { Condition::LogAlone } else { Condition::Absent });
    }
    // Read-only, so that a damaged file stays as it is, to the byte.
    let looked = async {
        let mut connection = sqlite_options(path, "ro")?.connect().await?;
        let in_full = bytes + length(&log)? <= in_full_up_to_bytes;
        let faults = if in_full { sqlite_faults(&mut connection).await } else { read_schema(&mut connection).await };
        connection.close().await?;
        faults.map(|faults| (in_full, faults))
    };
    match looked.await {
        Ok((in_full, faults)) if faults.is_empty() => Ok(Condition::Sound { in_full }),
        Ok((_, faults)) => Ok(Condition::Damaged(faults.join("; "))),
        Err(super::StoreError::Database(error)) if is_damage(&error) => Ok(Condition::Damaged(words(&error))),
        Err(error) => Err(error),
    }
}

/// Reads the first page and the schema: finds what is no database at all, and one whose end is missing.
async fn read_schema(connection: &mut AnyConnection) -> Stored<Vec<String>> {
    sqlx::query("select count(*) from sqlite_master").fetch_one(connection).await?;
    Ok(vec![])
}

/// Reads every page.
async fn sqlite_faults(connection: &mut AnyConnection) -> Stored<Vec<String>> {
    // No more than five are listed.
    let mut faults: Vec<String> = sqlx::query_scalar("pragma quick_check(5)").fetch_all(connection).await?;
    faults.retain(|fault| fault != "ok");
    Ok(faults)
}

/// https://www.sqlite.org/rescode.html: CORRUPT and NOTADB. The low byte is the kind.
fn is_damage(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 11 | 26))
}

fn words(error: &sqlx::Error) -> String {
    error.as_database_error().map_or_else(|| error.to_string(), |error| error.message().to_owned())
}

impl Store {
    /// Looks at every page of the database, which takes as long as reading it does. Answers what is wrong.
    pub async fn faults(&self) -> Stored<Vec<String>> {
        if self.connection.engine == Engine::Postgres {
            return Ok(vec![]);
        }
        let mut connection = self.reader().acquire().await?;
        match sqlite_faults(&mut connection).await {
            Err(super::StoreError::Database(error)) if is_damage(&error) => Ok(vec![words(&error)]),
            other => other,
        }
    }

    /// How many rows refer to others that are not there: none, unless something else than Cardume wrote here.
    pub async fn orphans(&self) -> Stored<i64> {
        Ok(match self.connection.engine {
            Engine::Sqlite => {
                sqlx::query_scalar("select count(*) from pragma_foreign_key_check").fetch_one(self.reader()).await?
            }
            Engine::Postgres => 0,
        })
    }
}
