//! Purging: what is deleted for good is marked first, and its rows go later, in small transactions.
//!
//! A card that is marked (`purging_since`) is out of everybody's sight at once: off the board, and "not found" by its id,
//! as its executions are. The marked rows are the record of what has to be cleaned up: the card's row names the worktree,
//! its executions' rows name their directories, the project's row names the repository. So they go last, a card's once
//! nothing of it is on disk any more, and a project's once its last card is gone. Every step can be repeated.

use std::collections::HashSet;

use sqlx::{AnyConnection, FromRow};

use super::cards::card_in;
use super::connection::Tx;
use super::decode::{parse, storable};
use super::{CardId, ExecutionId, ProjectId, Store, StoreError, Stored, Timestamp, columns};

/// One step deletes at most so many rows of a log, and about so many bytes: a moment's work, after which others write.
const ROWS_AT_ONCE: i64 = 1000;
const BYTES_AT_ONCE: i64 = 1024 * 1024;
/// A chunk takes the place of up to 1000 rows.
const CHUNKS_AT_ONCE: i64 = 8;
/// The index of a page has up to 20,000 words.
const PAGES_AT_ONCE: i64 = 25;

/// A card that is being purged, and what there is of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purge {
    pub card: CardId,
    pub project: ProjectId,
    /// Where the project's repository is, or was.
    pub repository: String,
    pub executions: Vec<ExecutionId>,
}

/// A card whose clean-up is not complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingPurge {
    pub card: CardId,
    pub since: Timestamp,
    /// Why the last try failed, if it did.
    pub error: Option<String>,
}

#[derive(FromRow)]
struct PendingRow {
    id: String,
    purging_since: i64,
    purge_error: Option<String>,
}

#[derive(FromRow)]
struct PurgeRow {
    project_id: String,
    repository: String,
}

impl Store {
    /// Deletes a card for good: it is out of sight from now on, and [`Store::purge_requested`] says that there is
    /// something to clean up. `Conflict` while it runs.
    pub async fn purge_card(&self, id: CardId, now: Timestamp) -> Stored<()> {
        let mut tx = self.begin_board().await?;
        let card = card_in(&mut tx, id).await?;
        if card.is_running() {
            return Err(is_running(&card.title));
        }
        sqlx::query("update cards set archived_at = coalesce(archived_at, $2), purging_since = $2 where id = $1")
            .bind(id.to_string())
            .bind(now.as_millis())
            .execute(&mut *tx)
            .await?;
        sqlx::query("update executions set purging = 1 where card_id = $1")
            .bind(id.to_string())
            .execute(&mut *tx)
            .await?;
        if card.archived_at.is_none() {
            columns::close_gap(&mut tx, card.column_id, card.position).await?;
        }
        self.commit_purge(tx).await
    }

    /// The same for the cards that were deleted on the board before `then`: they have been kept long enough.
    pub async fn purge_discarded(&self, then: Timestamp, now: Timestamp) -> Stored<()> {
        if self.discarded_before(then).await?.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin_board().await?;
        // They are archived, so none of them runs or stands in a column.
        sqlx::query("update cards set purging_since = $2 where discarded_at < $1 and purging_since is null")
            .bind(then.as_millis())
            .bind(now.as_millis())
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "update executions set purging = 1
             where purging = 0 and card_id in (select id from cards where purging_since is not null)",
        )
        .execute(&mut *tx)
        .await?;
        self.commit_purge(tx).await
    }

    /// Deletes a project for good, with all its cards. `Conflict` while one of them runs: then nothing has happened.
    pub async fn purge_project(&self, id: ProjectId, now: Timestamp) -> Stored<()> {
        let mut tx = self.begin_board().await?;
        let running: Option<String> = sqlx::query_scalar(
            "select c.title from cards c join executions e on e.card_id = c.id
             where c.project_id = $1 and e.status = 'running' order by c.position limit 1",
        )
        .bind(id.to_string())
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(title) = running {
            return Err(is_running(&title));
        }
        let marked =
            sqlx::query("update projects set purging_path = path, path = id where id = $1 and purging_path is null")
                .bind(id.to_string())
                .execute(&mut *tx)
                .await?;
        if marked.rows_affected() == 0 {
            return Err(StoreError::NotFound("project"));
        }
        sqlx::query(
            "update cards set archived_at = coalesce(archived_at, $2), purging_since = $2
             where project_id = $1 and purging_since is null",
        )
        .bind(id.to_string())
        .bind(now.as_millis())
        .execute(&mut *tx)
        .await?;
        sqlx::query("update executions set purging = 1 where card_id in (select id from cards where project_id = $1)")
            .bind(id.to_string())
            .execute(&mut *tx)
            .await?;
        columns::close_all_gaps(&mut tx).await?;
        self.commit_purge(tx).await
    }

    async fn commit_purge(&self, tx: Tx) -> Stored<()> {
        tx.commit().await?;
        self.purge_requests.notify_one();
        Ok(())
    }

    /// Waits until somebody has deleted something for good; at once where that has happened since the last call.
    pub async fn purge_requested(&self) {
        self.purge_requests.notified().await;
    }

    /// The cards that are being purged, the longest first.
    pub async fn pending_purges(&self) -> Stored<Vec<PendingPurge>> {
        let rows: Vec<PendingRow> = sqlx::query_as(
            "select id, purging_since, purge_error from cards where purging_since is not null
             order by purging_since, id",
        )
        .fetch_all(self.reader())
        .await?;
        let pending = rows.into_iter().map(|row| {
            let since = Timestamp::from_millis(row.purging_since);
            Ok(PendingPurge { card: parse(&row.id)?, since, error: row.purge_error })
        });
        Ok(pending.collect::<Result<_, sqlx::Error>>()?)
    }

    /// What there is to clean up of a card; `None` where it is gone.
    pub async fn purge(&self, card: CardId) -> Stored<Option<Purge>> {
        let row: Option<PurgeRow> = sqlx::query_as(
            "select c.project_id, coalesce(p.purging_path, p.path) as repository
             from cards c join projects p on p.id = c.project_id where c.id = $1 and c.purging_since is not null",
        )
        .bind(card.to_string())
        .fetch_optional(self.reader())
        .await?;
        let Some(PurgeRow { project_id, repository }) = row else { return Ok(None) };
        let ids: Vec<String> = sqlx::query_scalar("select id from executions where card_id = $1 order by ordinal")
            .bind(card.to_string())
            .fetch_all(self.reader())
            .await?;
        let executions = ids.iter().map(|id| parse(id)).collect::<Result<_, _>>()?;
        Ok(Some(Purge { card, project: parse(&project_id)?, repository, executions }))
    }

    /// Deletes some more of an execution's log, of whose rows those up to `after` are gone. Answers up to where they are
    /// gone now; `None` where nothing is left, be it a row, a chunk or what is indexed.
    pub async fn purge_log(&self, id: ExecutionId, after: i64) -> Stored<Option<i64>> {
        let mut tx = self.begin_write().await?;
        let last = delete_log_lines(&mut tx, id, after).await?;
        let is_done = last.is_none()
            && delete_chunks(&mut tx, id).await?.is_none()
            && delete_search_pages(&mut tx, id).await?.is_none();
        fail::fail_point!("purge::log-uncommitted");
        tx.commit().await?;
        Ok(if is_done { None } else { last.or(Some(after)) })
    }

    /// Forgets the card, once its logs are purged and nothing of it is on disk; and the project that is being purged, if
    /// it was its last card. Does nothing to a card that is not being purged.
    pub async fn complete_purge(&self, purge: &Purge) -> Stored<()> {
        let mut tx = self.begin_board().await?;
        sqlx::query("delete from executions where card_id = $1 and purging = 1")
            .bind(purge.card.to_string())
            .execute(&mut *tx)
            .await?;
        sqlx::query("delete from cards where id = $1 and purging_since is not null")
            .bind(purge.card.to_string())
            .execute(&mut *tx)
            .await?;
        fail::fail_point!("purge::card-uncommitted");
        tx.commit().await?;
        self.complete_project_purges().await
    }

    /// Forgets the projects that are being purged and have no card left.
    pub async fn complete_project_purges(&self) -> Stored<()> {
        const EMPTY: &str =
            "purging_path is not null and not exists (select 1 from cards c where c.project_id = projects.id)";
        let count = sqlx::AssertSqlSafe(format!("select count(*) from projects where {EMPTY}"));
        if sqlx::query_scalar::<_, i64>(count).fetch_one(self.reader()).await? > 0 {
            let mut tx = self.begin_board().await?;
            let delete = sqlx::AssertSqlSafe(format!("delete from projects where {EMPTY}"));
            sqlx::query(delete).execute(&mut *tx).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Notes why a card could not be cleaned up, for the doctor.
    pub async fn note_purge_error(&self, card: CardId, error: &str) -> Stored<()> {
        let note = sqlx::query(
            "update cards set purge_error = $2
             where id = $1 and purging_since is not null and (purge_error is null or purge_error <> $2)",
        )
        .bind(card.to_string())
        .bind(storable(error).into_owned());
        self.write(note).await.map(drop)
    }

    /// All cards and executions that the database knows, those that are being purged as well.
    pub async fn known_ids(&self) -> Stored<(HashSet<CardId>, HashSet<ExecutionId>)> {
        let cards: Vec<String> = sqlx::query_scalar("select id from cards").fetch_all(self.reader()).await?;
        let executions: Vec<String> = sqlx::query_scalar("select id from executions").fetch_all(self.reader()).await?;
        let cards = cards.iter().map(|id| parse(id)).collect::<Result<_, _>>()?;
        Ok((cards, executions.iter().map(|id| parse(id)).collect::<Result<_, _>>()?))
    }
}

fn is_running(title: &str) -> StoreError {
    StoreError::conflict(format!("“{title}” is running. Cancel it before you delete it."))
}

/// As many rows as one step may delete, and one at least; answers the last of them. `after` spares Postgres the walk over
/// what was deleted before.
async fn delete_log_lines(connection: &mut AnyConnection, id: ExecutionId, after: i64) -> Stored<Option<i64>> {
    let last: Option<i64> = sqlx::query_scalar(
        "select max(case when bytes <= $2 then place else lowest end) from (
             select place, min(place) over () as lowest, sum(length) over (order by place) as bytes
             from (select sequence as place, octet_length(content) as length from log_lines
                   where execution_id = $1 and sequence > $4 order by sequence limit $3) some_rows
         ) sums",
    )
    .bind(id.to_string())
    .bind(BYTES_AT_ONCE)
    .bind(ROWS_AT_ONCE)
    .bind(after)
    .fetch_one(&mut *connection)
    .await?;
    delete(connection, "delete from log_lines where execution_id = $1 and sequence <= $2", id, last).await
}

async fn delete_chunks(connection: &mut AnyConnection, id: ExecutionId) -> Stored<Option<i64>> {
    let last: Option<i64> = sqlx::query_scalar(
        "select max(case when bytes <= $2 then place else lowest end) from (
             select place, min(place) over () as lowest, sum(length) over (order by place) as bytes
             from (select first_sequence as place, octet_length(data) as length from log_chunks
                   where execution_id = $1 order by first_sequence limit $3) some_chunks
         ) sums",
    )
    .bind(id.to_string())
    .bind(BYTES_AT_ONCE)
    .bind(CHUNKS_AT_ONCE)
    .fetch_one(&mut *connection)
    .await?;
    delete(connection, "delete from log_chunks where execution_id = $1 and first_sequence <= $2", id, last).await
}

async fn delete_search_pages(connection: &mut AnyConnection, id: ExecutionId) -> Stored<Option<i64>> {
    let last: Option<i64> = sqlx::query_scalar(
        "select max(number) from (
             select number from search_pages where execution_id = $1 order by number limit $2
         ) some_pages",
    )
    .bind(id.to_string())
    .bind(PAGES_AT_ONCE)
    .fetch_one(&mut *connection)
    .await?;
    delete(connection, "delete from search_pages where execution_id = $1 and number <= $2", id, last).await
}

/// Deletes up to `last`, if there is anything to delete.
async fn delete(
    connection: &mut AnyConnection,
    delete: &'static str,
    id: ExecutionId,
    last: Option<i64>,
) -> Stored<Option<i64>> {
    if let Some(last) = last {
        sqlx::query(delete).bind(id.to_string()).bind(last).execute(connection).await?;
    }
    Ok(last)
}
