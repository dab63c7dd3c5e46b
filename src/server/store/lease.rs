//! The right to write: held by the one server of a database, and proven in every transaction that writes.
//!
//! A server holds the database's lock and takes the database over under a new number. Each of its transactions reads
//! that number first, and keeps it from changing until the commit. So a server that has lost the lock without knowing
//! it can't commit anything once another one has taken over, and the other one waits for transactions under way.

use std::time::Duration;

use sqlx::any::{AnyArguments, AnyQueryResult};
use sqlx::pool::PoolConnection;
use sqlx::query::Query;
use sqlx::{Any, Error};
use tokio::sync::watch;

use super::connection::Tx;
use super::{Store, StoreError, Stored};

/// How long the proof before a start may take.
const PROVE_WITHIN: Duration = Duration::from_secs(5);

/// What is known of the right to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    Held {
        generation: i64,
    },
    /// The lock was lost, and nobody else has it as far as known.
    Broken,
    /// The database does not answer.
    Away,
    /// Somebody else has the database. The text says who.
    Elsewhere(String),
}

impl Proof {
    /// Why nothing is written, in words for everybody.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Held { .. } => None,
            Self::Broken => Some(
                "The lock that makes this the only server of its database was lost. Nothing is started or written \
                 until it is held again, which is tried all the time."
                    .into(),
            ),
            Self::Away => Some(
                "The database does not answer. Nothing is started or written until it does; agents that run go on, and \
                 nothing that they print is lost."
                    .into(),
            ),
            Self::Elsewhere(who) => Some(format!(
                "Another server has this database: {who}. This one starts and writes nothing. Stop one of the two."
            )),
        }
    }
}

/// What is known of the right to write. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Lease(watch::Sender<Proof>);

impl Lease {
    pub fn held(generation: i64) -> Self {
        Self(watch::Sender::new(Proof::Held { generation }))
    }

    pub fn proof(&self) -> Proof {
        self.0.borrow().clone()
    }

    pub fn is_held(&self) -> bool {
        matches!(*self.0.borrow(), Proof::Held { .. })
    }

    pub fn is_away(&self) -> bool {
        *self.0.borrow() == Proof::Away
    }

    /// Notes what was found out. True if that is news.
    pub fn note(&self, proof: Proof) -> bool {
        self.0.send_if_modified(|known| {
            let is_new = *known != proof;
            *known = proof;
            is_new
        })
    }

    /// Waits until the database is found not to answer.
    pub async fn away(&self) {
        // It ends only with the lease.
        let _ = self.0.subscribe().wait_for(|proof| *proof == Proof::Away).await;
    }

    fn generation(&self) -> Stored<i64> {
        match &*self.0.borrow() {
            Proof::Held { generation } => Ok(*generation),
            other => Err(StoreError::Unproven(other.reason().unwrap_or_default())),
        }
    }
}

impl Store {
    /// The same database, written only while the lease is held.
    pub fn under(mut self, lease: Lease) -> Self {
        self.lease = Some(lease);
        self
    }

    /// What is known of the right to write. `None` for commands that work beside a server: they need no lease.
    pub fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    /// Whether something may be started or written, as far as is known at this moment.
    pub fn may_write(&self) -> bool {
        self.lease.as_ref().is_none_or(Lease::is_held)
    }

    /// Asks the database whether it is still this server's, before something is started outside of it.
    pub async fn prove(&self) -> Stored<()> {
        let Some(lease) = &self.lease else { return Ok(()) };
        let ours = lease.generation()?;
        match tokio::time::timeout(PROVE_WITHIN, Store::generation(self)).await {
            Ok(Ok(current)) if current == Some(ours) => Ok(()),
            Ok(Ok(_)) => Err(overtaken(lease)),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(StoreError::Unwritable(Error::PoolTimedOut)),
        }
    }

    /// A transaction that writes. Nothing is written except through this or [`Store::begin_board`].
    pub(super) async fn begin_write(&self) -> Stored<Tx> {
        let Some(lease) = &self.lease else { return self.begin_unproven().await };
        lease.generation()?;
        let mut tx = self.begin_unproven().await?;
        // Read again: the wait for a connection may have been long.
        let ours = lease.generation()?;
        // SQLite has one writer at a time. On Postgres the row's lock keeps the next owner waiting until the commit.
        let query = match self.is_on_postgres() {
            false => "select generation from server_owner where id = 1",
            true => "select generation from server_owner where id = 1 for share",
        };
        let current: Option<i64> = sqlx::query_scalar(query).fetch_optional(&mut *tx).await?;
        if current == Some(ours) { Ok(tx) } else { Err(overtaken(lease)) }
    }

    /// One statement, in a transaction of its own.
    pub(super) async fn write(&self, query: Query<'_, Any, AnyArguments>) -> Stored<AnyQueryResult> {
        let mut tx = self.begin_write().await?;
        let done = query.execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// A connection for work that changes no row: folding the write-ahead log in, giving space back.
    pub(super) async fn maintenance(&self) -> Stored<PoolConnection<Any>> {
        if let Some(lease) = &self.lease {
            lease.generation()?;
        }
        Ok(self.connection.writer.acquire().await?)
    }
}

fn overtaken(lease: &Lease) -> StoreError {
    lease.note(Proof::Broken);
    StoreError::Unproven(Proof::Broken.reason().unwrap_or_default())
}
