//! A transaction on either engine, and what a failed commit means.
//!
//! All transactions of the store end here, so none can take a lost answer to its commit for "nothing was changed".

use std::ops::{Deref, DerefMut};

use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;
use sqlx::{Any, AnyConnection, Transaction};

use super::{StoreError, Stored};

/// Dropped without `commit`, it is rolled back.
pub(super) struct Tx(Transaction<'static, Any>);

impl Tx {
    pub fn new(transaction: Transaction<'static, Any>) -> Self {
        Self(transaction)
    }

    /// Makes the changes last. `Unknown` if the database didn't say whether it did.
    pub async fn commit(self) -> Stored<()> {
        self.0.commit().await.map_err(commit_error)
    }
}

impl Deref for Tx {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.0
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.0
    }
}

/// Only a database that says why it didn't commit has not committed.
fn commit_error(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(database) if !leaves_it_open(database.as_ref()) => error.into(),
        _ => StoreError::Unknown(error),
    }
}

/// Whether an error that came in answer to a commit can also mean that it was carried out.
fn leaves_it_open(error: &dyn DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<PgDatabaseError>().is_some() {
        // A connection that failed, an operator who ended it, and a crash.
        return code.starts_with("08") || code.starts_with("57P");
    }
    // SQLite's IOERR: the write-ahead log may have been written and not synced. The low byte is the kind.
    code.parse::<i32>().is_ok_and(|code| code & 0xff == 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_answer_to_a_commit_is_no_failure() {
        let cut = || std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        for error in [sqlx::Error::Io(cut()), sqlx::Error::WorkerCrashed, sqlx::Error::Protocol("cut off".into())] {
            assert!(matches!(commit_error(error), StoreError::Unknown(_)));
        }
        // The same error before the commit: nothing was changed.
        assert!(matches!(StoreError::from(sqlx::Error::Io(cut())), StoreError::Unwritable(_)));
    }
}
