//! Requests that may come again: their keys, each with the first answer.
//!
//! The transaction that makes a change also writes its key and its answer. So neither a crash nor a lost answer can
//! separate them: a request that comes again finds the answer, or nothing has happened. Of two at once the board's
//! transactions put one behind the other, and the second finds the answer of the first.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::AnyConnection;

use super::connection::Tx;
use super::{RequestKey, Store, StoreError, Stored, Timestamp};

/// How long a key is remembered: a day.
const KEPT_MS: i64 = 24 * 60 * 60 * 1000;

/// A request that may come again.
#[derive(Clone, Debug)]
pub struct Repeat {
    pub key: RequestKey,
    /// The same only for the same request.
    pub fingerprint: String,
    /// When it came.
    pub at: Timestamp,
}

impl Repeat {
    fn oldest_kept(&self) -> i64 {
        self.at.as_millis() - KEPT_MS
    }
}

impl Store {
    /// The same database, for a request that may come again: what creates or starts something then does it once, and
    /// answers the same every time.
    pub fn for_request(&self, repeat: Option<Repeat>) -> Self {
        Self { repeat, ..self.clone() }
    }

    /// What this request was answered when it came first. `KeyReused` if that was another request.
    pub async fn first_answer<T: DeserializeOwned>(&self) -> Stored<Option<T>> {
        match &self.repeat {
            Some(repeat) => find(&mut *self.reader().acquire().await?, repeat).await,
            None => Ok(None),
        }
    }

    /// The same in a transaction of the board: nobody can answer it in the meantime.
    pub(super) async fn first_answer_in<T: DeserializeOwned>(&self, tx: &mut Tx) -> Stored<Option<T>> {
        match &self.repeat {
            Some(repeat) => find(tx, repeat).await,
            None => Ok(None),
        }
    }

    /// Makes the changes last, together with the answer to the request.
    pub(super) async fn commit_answer<T: Serialize>(&self, mut tx: Tx, answer: T) -> Stored<T> {
        if let Some(repeat) = &self.repeat {
            remember(&mut tx, repeat, &answer).await?;
        }
        tx.commit().await?;
        Ok(answer)
    }
}

async fn find<T: DeserializeOwned>(connection: &mut AnyConnection, repeat: &Repeat) -> Stored<Option<T>> {
    let row: Option<(String, String)> =
        sqlx::query_as("select fingerprint, answer from repeats where key = $1 and answered_at > $2")
            .bind(repeat.key.as_str())
            .bind(repeat.oldest_kept())
            .fetch_optional(connection)
            .await?;
    let Some((fingerprint, answer)) = row else { return Ok(None) };
    if fingerprint != repeat.fingerprint {
        return Err(StoreError::KeyReused);
    }
    serde_json::from_str(&answer).map(Some).map_err(|_| {
        StoreError::conflict(
            "This request was carried out by an older version of Cardume. Look again to see the result.",
        )
    })
}

async fn remember(connection: &mut AnyConnection, repeat: &Repeat, answer: &impl Serialize) -> Stored<()> {
    let answer = serde_json::to_string(answer).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query("delete from repeats where answered_at <= $1")
        .bind(repeat.oldest_kept())
        .execute(&mut *connection)
        .await?;
    sqlx::query("insert into repeats (key, fingerprint, answer, answered_at) values ($1, $2, $3, $4)")
        .bind(repeat.key.as_str())
        .bind(repeat.fingerprint.as_str())
        .bind(answer)
        .bind(repeat.at.as_millis())
        .execute(connection)
        .await?;
    Ok(())
}
