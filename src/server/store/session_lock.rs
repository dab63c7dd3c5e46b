//! The lock on a Postgres database: an advisory lock that belongs to a session, on a connection of its own.
//!
//! Postgres releases it when the session ends, so the lock is held exactly while the connection lives. A pooler that
//! shares sessions between clients (pgbouncer in transaction mode) breaks this; `cardume serve` needs a direct
//! connection.

use std::io;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection as _, PgConnection};

use super::Holder;

/// How long a connection attempt may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(4);
/// "card" in ASCII. The second half of the lock's number is the schema, because a database can hold several boards.
const LOCK: i32 = 0x6361_7264;
const NAME: &str = "cardume lock";
/// If this machine disappears without a word, Postgres notices within about 11 s. On a local socket it knows at once.
const GREETING: &str = "set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 3;
                        set idle_session_timeout = 0; set lock_timeout = '5s';";

/// A lock that is held until this is dropped, or its connection is cut.
#[derive(Debug)]
pub struct SessionLock {
    connection: PgConnection,
    /// The number of the server process behind the connection.
    pub(super) session: i32,
}

impl SessionLock {
    /// Takes the lock. `None` if another session holds it.
    pub(super) async fn try_take(url: &str) -> Result<Option<Self>, sqlx::Error> {
        let mut connection = connect(url).await?;
        // An older Postgres doesn't know every setting, and the lock is good without them.
        for setting in GREETING.split_inclusive(';') {
            match sqlx::raw_sql(setting).execute(&mut connection).await {
                Err(sqlx::Error::Database(_)) | Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
        let (session, is_taken): (i32, bool) = sqlx::query_as(
            "select pg_backend_pid(), pg_try_advisory_lock($1, (current_schema()::regnamespace::oid::bigint % 2147483647)::int)",
        )
        .bind(LOCK)
        .fetch_one(&mut connection)
        .await?;
        Ok(is_taken.then_some(Self { connection, session }))
    }

    /// Who holds the lock: the outer `None` if nobody does, the inner one if the holder has not said who it is.
    pub(super) async fn held_by(url: &str) -> Result<Option<Option<Holder>>, sqlx::Error> {
        let mut connection = connect(url).await?;
        let session: Option<i32> = sqlx::query_scalar(
            "select pid from pg_locks
             where locktype = 'advisory' and granted and objsubid = 2 and classid::bigint = $1
               and database = (select oid from pg_database where datname = current_database())
               and objid::bigint = current_schema()::regnamespace::oid::bigint % 2147483647",
        )
        .bind(i64::from(LOCK))
        .fetch_optional(&mut connection)
        .await?;
        let Some(session) = session else { return Ok(None) };
        let has_table: bool =
            sqlx::query_scalar("select to_regclass('server_owner') is not null").fetch_one(&mut connection).await?;
        let told: Option<String> = if has_table {
            let holder = sqlx::query_scalar("select holder from server_owner where id = 1");
            holder.fetch_optional(&mut connection).await?.flatten()
        } else {
            None
        };
        let _ = connection.close().await;
        // The row may be about an earlier holder.
        let holder: Option<Holder> = told.and_then(|text| serde_json::from_str(&text).ok());
        Ok(Some(holder.filter(|holder| holder.session == Some(session))))
    }

    /// Takes the database over under a new number, through the lock's own connection: if the lock is lost before, nothing
    /// happens.
    pub(super) async fn take_over(&mut self, statement: &'static str, holder: String) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar(statement).bind(holder).fetch_one(&mut self.connection).await
    }

    /// Asks through the lock's own connection for the number under which the database may be written: an answer proves
    /// that the session lives, and so that it holds the lock.
    pub(super) async fn generation(&mut self) -> Result<Option<i64>, sqlx::Error> {
        sqlx::query_scalar("select generation from server_owner where id = 1")
            .fetch_optional(&mut self.connection)
            .await
    }
}

async fn connect(url: &str) -> Result<PgConnection, sqlx::Error> {
    let options: PgConnectOptions = url.parse()?;
    let options = options.application_name(NAME);
    match tokio::time::timeout(CONNECT_WITHIN, options.connect()).await {
        Ok(connected) => connected,
        Err(_) => Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "the database does not answer"))),
    }
}
