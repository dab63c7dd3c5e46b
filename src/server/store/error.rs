//! How the store fails, and which failure of the database is which.

use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::postgres::PgDatabaseError;

/// What the store answers when it cannot do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// Somebody else was faster, or the state does not allow it. The text is for the user.
    #[error("{0}")]
    Conflict(String),
    /// The database cannot be written now (full, locked, read-only, away); trying again later may work.
    #[error("the database cannot be written now: {0}")]
    Unwritable(#[source] sqlx::Error),
    /// The database did not say whether it carried out the commit.
    #[error("it is unknown whether the database has saved this: {0}")]
    Unknown(#[source] sqlx::Error),
    /// The key of this request was another request's.
    #[error("this Idempotency-Key was used for another request")]
    KeyReused,
    /// This server can't prove that the database is its own. Nothing was changed; the text says why.
    #[error("{0}")]
    Unproven(String),
    #[error("database: {0}")]
    Database(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether the database can't be reached at all.
    pub fn is_away(&self) -> bool {
        match self {
            // 57P01 to 57P03: it is shutting down or starting up.
            Self::Unwritable(sqlx::Error::Database(error)) => error.code().is_some_and(|code| code.starts_with("57P")),
            Self::Unwritable(_) => true,
            _ => false,
        }
    }

    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound(_))
    }

    pub(super) fn conflict(why: impl ToString) -> Self {
        Self::Conflict(why.to_string())
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let temporary = match &error {
            sqlx::Error::Database(database) => match database.kind() {
                ErrorKind::UniqueViolation => {
                    return Self::conflict("Somebody else was faster. Look again, then repeat what you meant.");
                }
                ErrorKind::ForeignKeyViolation => return Self::NotFound("record"),
                _ => is_temporary(database.as_ref()),
            },
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) => true,
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => true,
            sqlx::Error::BeginFailed => true,
            _ => false,
        };
        if temporary { Self::Unwritable(error) } else { Self::Database(error) }
    }
}

/// Whether the database says that it cannot serve now, rather than that it was asked something wrong.
fn is_temporary(error: &dyn DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<PgDatabaseError>().is_some() {
        // https://www.postgresql.org/docs/current/errcodes-appendix.html: connections, resources, an operator's
        // intervention, I/O; then a read-only server, a lock that took too long, and races that lost.
        return ["08", "53", "57P", "58"].iter().any(|class| code.starts_with(class))
            || ["25006", "55P03", "40001", "40P01"].contains(&&*code);
    }
    // https://www.sqlite.org/rescode.html: BUSY, LOCKED, NOMEM, READONLY, IOERR, FULL, CANTOPEN. The low byte is the kind.
    code.parse::<i32>().is_ok_and(|code| matches!(code & 0xff, 5..=8 | 10 | 13 | 14))
}
