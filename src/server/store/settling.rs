//! When what lies beside the database is no longer needed: whose log is verified, and what would survive the loss of
//! the write-ahead log.

use super::connection::Engine;
use super::{ExecutionId, Store, Stored, Timestamp};

impl Store {
    /// Whether the execution ended at `before` or earlier, and every record of its journal is in the database, as its
    /// digest proves.
    pub async fn is_verified(&self, id: ExecutionId, before: Timestamp) -> Stored<bool> {
        let found: i64 = sqlx::query_scalar(
            "select count(*) from executions
             where id = $1 and verified = 1 and status not in ('running', 'idle') and completed_at <= $2",
        )
        .bind(id.to_string())
        .bind(before.as_millis())
        .fetch_one(self.reader())
        .await?;
        Ok(found > 0)
    }

    /// How many logs are not what their supervisors wrote.
    pub async fn unverified(&self) -> Stored<i64> {
        Ok(sqlx::query_scalar("select count(*) from executions where verified = 0 and purging = 0")
            .fetch_one(self.reader())
            .await?)
    }

    /// Makes all that is committed independent of SQLite's write-ahead log. False where somebody reads an older state
    /// just now: to be tried again later. Postgres has it durable with the commit.
    pub async fn settle(&self) -> Stored<bool> {
        if self.connection.engine == Engine::Postgres {
            return Ok(true);
        }
        let mut connection = self.maintenance().await?;
        // Whoever wants to write waits meanwhile; hence not for long.
        sqlx::raw_sql("pragma busy_timeout = 200").execute(&mut *connection).await?;
        let checkpointed =
            sqlx::query_scalar::<_, i64>("pragma wal_checkpoint(truncate)").fetch_one(&mut *connection).await;
        sqlx::raw_sql("pragma busy_timeout = 5000").execute(&mut *connection).await?;
        // The first column: 1 where it could not be completed.
        Ok(checkpointed? == 0)
    }
}
