//! The connections to either engine, and everything in which the two differ but the schema.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection as _};

use super::marks::Watcher;
pub(super) use super::transaction::Tx;
use super::{Database, Store, Stored, Timestamp};

/// The first SQLite in which a checkpoint cannot corrupt a database in WAL mode (3.7.0 to 3.51.2 can).
const SQLITE_OLDEST: [u32; 3] = [3, 51, 3];
const SQLITE_GREETING: &str = "pragma journal_mode = wal; pragma synchronous = full; pragma busy_timeout = 5000;";
const NEW_SQLITE_GREETING: &str = "pragma auto_vacuum = incremental; pragma journal_mode = wal;
                                   pragma synchronous = full; pragma busy_timeout = 5000;";
const SQLITE_READERS: u32 = 4;
const POSTGRES_READERS: u32 = 6;
const POSTGRES_WRITERS: u32 = 6;
/// How long to wait for a connection. Locks are waited for half as long, so that a wait ends with what it waited for.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    Sqlite,
    Postgres,
}

/// The pools: writers that wait for a lock keep no reader waiting. On SQLite `writer` is one connection, so that writers
/// queue here and not in the file's lock, and `reader` several that cannot write. `background` reads like `reader` does,
/// for who reads all the time.
#[derive(Clone)]
pub(super) struct Connection {
    pub engine: Engine,
    pub writer: AnyPool,
    pub reader: AnyPool,
    pub background: AnyPool,
    /// On SQLite.
    pub watcher: Option<Watcher>,
}

impl Connection {
    /// Leaves the schema as it is. Where there is no SQLite file, one is made.
    pub async fn open(database: &Database) -> Stored<Self> {
        sqlx::any::install_default_drivers();
        match database {
            Database::Sqlite(path) => {
                make_file(path)?;
                open_sqlite(path).await
            }
            Database::Postgres(url) => open_postgres(url).await,
        }
    }

    /// Leaves the schema as it is, makes nothing, and writes nothing unless it is asked to: beside a server that may be
    /// in the middle of a transaction.
    pub async fn open_beside(database: &Database) -> Stored<Self> {
        sqlx::any::install_default_drivers();
        match database {
            Database::Sqlite(path) => {
                let greeting = "pragma synchronous = full; pragma busy_timeout = 5000;";
                let writer = pool(1, greeting).connect_with(sqlite_options(path, "rw")?).await?;
                let (reader, background) = sqlite_readers(path).await?;
                let watcher = Some(Watcher::new(sqlite_options(path, "ro")?));
                Ok(Self { engine: Engine::Sqlite, writer, reader, background, watcher })
            }
            Database::Postgres(url) => open_postgres(url).await,
        }
    }

    pub async fn close(&self) {
        if let Some(watcher) = &self.watcher {
            watcher.close().await;
        }
        self.background.close().await;
        self.reader.close().await;
        // The last connection to close folds SQLite's write-ahead log into the file.
        self.writer.close().await;
    }
}

/// For this user only, before SQLite opens it: it gives its write-ahead log the same mode.
fn make_file(path: &Path) -> Stored<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(sqlx::Error::Io(error).into()),
    }
}

async fn open_sqlite(path: &Path) -> Stored<Connection> {
    let is_new = path.metadata().is_ok_and(|metadata| metadata.len() == 0);
    // A new database gives back what it no longer needs; `journal_mode` would already make it an old one.
    let greeting = if is_new { NEW_SQLITE_GREETING } else { SQLITE_GREETING };
    let writer = pool(1, greeting).test_before_acquire(false).connect_with(sqlite_options(path, "rw")?).await?;
    let version: String = sqlx::query_scalar("select sqlite_version()").fetch_one(&writer).await?;
    check_sqlite_version(&version)?;
    let (reader, background) = sqlite_readers(path).await?;
    let watcher = Some(Watcher::new(sqlite_options(path, "ro")?));
    Ok(Connection { engine: Engine::Sqlite, writer, reader, background, watcher })
}

async fn sqlite_readers(path: &Path) -> Stored<(AnyPool, AnyPool)> {
    let readers =
        pool(SQLITE_READERS, "pragma query_only = on; pragma busy_timeout = 5000;").test_before_acquire(false);
    let reader = readers.clone().connect_with(sqlite_options(path, "ro")?).await?;
    let background = readers.connect_lazy_with(sqlite_options(path, "ro")?);
    Ok((reader, background))
}

async fn open_postgres(url: &str) -> Stored<Connection> {
    let options: AnyConnectOptions = url.parse()?;
    // A pool would try again and again, and then say no more than that it took too long.
    options.connect().await?.close().await?;
    let greeting = "set lock_timeout = '5s'; set idle_in_transaction_session_timeout = '60s';";
    let writer = pool(POSTGRES_WRITERS, greeting).connect_with(options.clone()).await?;
    let readers = pool(POSTGRES_READERS, greeting);
    let reader = readers.clone().connect_with(options.clone()).await?;
    let background = readers.connect_lazy_with(options);
    Ok(Connection { engine: Engine::Postgres, writer, reader, background, watcher: None })
}

/// One connection to a database that is about to be filled, and that nobody else has: an SQLite file is new, and thrown
/// away where that fails.
pub(super) async fn open_to_fill(database: &Database) -> Stored<(Engine, AnyPool)> {
    match database {
        Database::Sqlite(path) => {
            make_file(path)?;
            let greeting = "pragma auto_vacuum = incremental; pragma journal_mode = memory; pragma synchronous = off;";
            Ok((Engine::Sqlite, pool(1, greeting).connect_with(sqlite_options(path, "rw")?).await?))
        }
        Database::Postgres(url) => {
            let options: AnyConnectOptions = url.parse()?;
            options.connect().await?.close().await?;
            Ok((Engine::Postgres, pool(1, "set lock_timeout = '5s';").connect_with(options).await?))
        }
    }
}

/// A pool whose connections each begin with `greeting`.
fn pool(connections: u32, greeting: &'static str) -> AnyPoolOptions {
    AnyPoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE_TIMEOUT).after_connect(
        move |connection: &mut AnyConnection, _| {
            Box::pin(async move { sqlx::raw_sql(greeting).execute(connection).await.map(drop) })
        },
    )
}

/// The path in a URL, whatever characters are in it: all but letters and digits are escaped, slashes too, so that
/// nobody on the way takes `?`, `#` or `..` for a part of the URL.
pub(super) fn sqlite_options(path: &Path, mode: &str) -> Stored<AnyConnectOptions> {
    let mut url = "sqlite:".to_owned();
    for &byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() {
            url.push(byte.into());
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(format!("{url}?mode={mode}").parse()?)
}

fn check_sqlite_version(version: &str) -> Result<(), sqlx::Error> {
    let numbers: Vec<u32> = version.split('.').map_while(|number| number.parse().ok()).collect();
    if numbers[..] >= SQLITE_OLDEST[..] {
        return Ok(());
    }
    let [major, minor, patch] = SQLITE_OLDEST;
    Err(sqlx::Error::Configuration(
        format!("SQLite {version} can corrupt its write-ahead log; at least {major}.{minor}.{patch} is needed").into(),
    ))
}

/// The lock of all transactions that change the board. The number is "cardume" in ASCII; it only has to differ from other
/// programs' locks.
pub(super) async fn lock_board(tx: &mut Tx) -> Stored<()> {
    sqlx::query("select pg_advisory_xact_lock(27973166633938277)").execute(&mut **tx).await?;
    Ok(())
}

impl Store {
    /// A transaction that may change where cards stand and what is active. There is one at a time, so that such
    /// transactions see each other whole; on SQLite every writer is alone anyway.
    pub(super) async fn begin_board(&self) -> Stored<Tx> {
        let mut tx = self.begin_write().await?;
        if self.connection.engine == Engine::Postgres {
            lock_board(&mut tx).await?;
        }
        Ok(tx)
    }

    /// A transaction that writes, without a proof of the right to. Only for `begin_write`, and for taking over.
    pub(super) async fn begin_unproven(&self) -> Stored<Tx> {
        let writer = &self.connection.writer;
        Ok(Tx::new(match self.connection.engine {
            Engine::Sqlite => loop {
                // A deferred transaction that reads first and writes then would fail where another process wrote between.
                match writer.begin_with("begin immediate").await {
                    // When the disk is full SQLite ends a transaction by itself, and sqlx goes on believing in it: this
                    // connection would never begin another one.
                    Err(sqlx::Error::InvalidSavePointStatement) => writer.acquire().await?.close().await?,
                    begun => break begun?,
                }
            },
            Engine::Postgres => self.connection.writer.begin_with("begin").await?,
        }))
    }

    /// A transaction in which every query sees the same moment.
    pub(super) async fn begin_read(&self) -> Stored<Tx> {
        Ok(Tx::new(match self.connection.engine {
            Engine::Sqlite => self.connection.reader.begin_with("begin deferred").await?,
            Engine::Postgres => {
                self.connection.reader.begin_with("begin isolation level repeatable read, read only").await?
            }
        }))
    }

    pub(super) fn reader(&self) -> &AnyPool {
        &self.connection.reader
    }

    /// Writes something, to learn whether that works.
    pub async fn check_writable(&self, now: Timestamp) -> Stored<()> {
        let beat = sqlx::query(
            "insert into heartbeats (id, beaten_at) values (1, $1)
             on conflict (id) do update set beaten_at = excluded.beaten_at",
        );
        self.write(beat.bind(now.as_millis())).await.map(drop)
    }

    /// "SQLite 3.51.3" or "PostgreSQL 15.4".
    pub async fn engine_version(&self) -> Stored<String> {
        let (name, query) = match self.connection.engine {
            Engine::Sqlite => ("SQLite", "select sqlite_version()"),
            Engine::Postgres => ("PostgreSQL", "select current_setting('server_version')"),
        };
        let version: String = sqlx::query_scalar(query).fetch_one(self.reader()).await?;
        // Distributors add their own words: "15.4 (Debian 15.4-1)".
        Ok(format!("{name} {}", version.split_whitespace().next().unwrap_or("?")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sqlite_with_the_wal_bug_is_refused() {
        for good in ["3.51.3", "3.52.0", "4.0.0", "3.51.10"] {
            assert!(check_sqlite_version(good).is_ok(), "{good}");
        }
        for bad in ["3.51.2", "3.7.0", "3.51", "", "three"] {
            assert!(check_sqlite_version(bad).unwrap_err().to_string().contains("3.51.3"), "{bad}");
        }
    }
}
