//! While a server works: proves again and again that the database is its own, and takes it back if that was lost.
//!
//! It only notes what it finds in the [`Lease`]; the store refuses to write by it, and the engine to start anything.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::watch;

use crate::server::store::{
    Attempt, Binding, Database, DatabaseLock, Holder, Lease, LockError, Proof, Store, StoreError,
};

/// How often the lock is proven. Together with `ANSWER_WITHIN` it decides how soon pages say that the database is away.
const PROVE_EVERY: Duration = Duration::from_millis(500);
/// A database that takes longer than this to answer the simplest question is away.
const ANSWER_WITHIN: Duration = Duration::from_millis(1200);
/// After this long without an answer the connection is given up, and with it the lock.
const GIVE_UP_AFTER: Duration = Duration::from_secs(10);

/// A server's hold on its database.
pub struct Ownership {
    store: Store,
    lease: Lease,
    /// `None` while it is lost.
    lock: Option<DatabaseLock>,
    database: Database,
    binding: Binding,
    holder: Holder,
    /// The number under which this server writes.
    generation: Option<i64>,
}

impl Ownership {
    pub(super) fn new(
        store: Store,
        lease: Lease,
        lock: DatabaseLock,
        database: Database,
        claim: (Binding, Holder, i64),
    ) -> Self {
        let (binding, holder, generation) = claim;
        Self { store, lease, lock: Some(lock), database, binding, holder, generation: Some(generation) }
    }

    /// Tells others where this server is. Answers how it describes itself.
    pub async fn announce(&mut self, address: String) -> Result<&Holder, StoreError> {
        self.holder.address = Some(address);
        if let Some(lock) = &self.lock {
            self.store.announce(lock, &self.holder).await?;
        }
        Ok(&self.holder)
    }

    /// Works until `stop` says true; the hold lasts until what is answered then is dropped.
    pub async fn keep(mut self, mut stop: watch::Receiver<bool>) -> Self {
        let stopped = async move {
            let _ = stop.wait_for(|stop| *stop).await;
        };
        let mut stopped = pin!(stopped);
        loop {
            tokio::select! {
                () = &mut stopped => return self,
                () = tokio::time::sleep(PROVE_EVERY) => {}
            }
            tokio::select! {
                () = &mut stopped => return self,
                () = self.prove() => {}
            }
        }
    }

    async fn prove(&mut self) {
        let lease = self.lease.clone();
        if let (Some(lock), Some(generation)) = (&mut self.lock, self.generation) {
            match patiently(&lease, lock.is_held_under(generation)).await {
                // Unless a write has found that somebody else has taken over.
                Some(Ok(true)) if lease.proof() != Proof::Broken => return note(&lease, Proof::Held { generation }),
                Some(_) => note(&lease, Proof::Broken),
                None => {}
            }
        }
        (self.lock, self.generation) = (None, None);
        let proof = match &self.database {
            // A file is never away. If it is busy, only writing has to wait.
            Database::Sqlite(_) => self.take_back().await.unwrap_or(Proof::Broken),
            Database::Postgres(_) => match patiently(&lease, self.take_back()).await {
                Some(Ok(proof)) => proof,
                Some(Err(error)) if !is_away(&error) => Proof::Broken,
                Some(Err(_)) | None => Proof::Away,
            },
        };
        note(&lease, proof);
    }

    async fn take_back(&mut self) -> Result<Proof, LockError> {
        let taken = self.try_to_take_back().await;
        taken.inspect_err(|error| tracing::debug!(%error, "the database cannot be taken back now"))
    }

    async fn try_to_take_back(&mut self) -> Result<Proof, LockError> {
        let mut lock = match DatabaseLock::try_take(&self.database).await? {
            Attempt::Taken(lock) => lock,
            Attempt::HeldBy(holder) => {
                let who = holder.map_or_else(|| "it has not said where it is".to_owned(), |it| it.without_paths());
                return Ok(Proof::Elsewhere(who));
            }
        };
        if let Some(other) = self.store.binding().await?.filter(|binding| binding.id != self.binding.id) {
            tracing::debug!(data_dir = %other.path.display(), "the database belongs to another data directory now");
            return Ok(Proof::Elsewhere("a server with another data directory has taken it over".into()));
        }
        self.holder.session = lock.session();
        let generation = lock.take_over(&self.store, &self.holder).await?;
        (self.lock, self.generation) = (Some(lock), Some(generation));
        Ok(Proof::Held { generation })
    }
}

/// Waits for the database. If it takes long, it counts as away meanwhile. `None`: it never answered.
async fn patiently<T>(lease: &Lease, asked: impl Future<Output = T>) -> Option<T> {
    let mut asked = pin!(asked);
    match tokio::time::timeout(ANSWER_WITHIN, &mut asked).await {
        Ok(answer) => Some(answer),
        Err(_) => {
            note(lease, Proof::Away);
            tokio::time::timeout(GIVE_UP_AFTER, asked).await.ok()
        }
    }
}

fn note(lease: &Lease, proof: Proof) {
    if !lease.note(proof.clone()) {
        return;
    }
    match proof.reason() {
        None => tracing::info!("the database is this server's alone again"),
        Some(reason) => tracing::warn!("{reason}"),
    }
}

fn is_away(error: &LockError) -> bool {
    matches!(error, LockError::Database(error) if error.is_away())
}
