//! Reading the log after a cursor, through the cache or without it.
//!
//! Every read begins with the execution's own row, from the database: status and `last_sequence` as of one moment. The
//! rows up to `last_sequence` were committed by then and never change, so that it does not matter when, or from where,
//! they are taken: head and rows agree as if both had been read at that moment. `cache` says why none can be missing.

use std::sync::Arc;

use sqlx::{AnyConnection, FromRow};

use super::cache::{LogCache, Page};
use super::decode::{moment, parse};
use super::slices::{self, Budget, Piece};
use super::{
    ExecutionId, ExecutionLog, ExecutionStatus, LogLine, LogSlice, Store, StoreError, Stored, Timestamp, packing,
};

/// An answer has at most so much content, and at least one row: of very long rows it has fewer than were asked for. What
/// is left out is what the same question would ask for next. Readers come by the dozen, and what they are shown is
/// several times as much.
const ANSWER_MAX_BYTES: usize = 4 * 1024 * 1024;

#[derive(FromRow)]
struct HeadRow {
    card_id: String,
    status: String,
    command: String,
    workflow_stage: String,
    workflow_error: Option<String>,
    started_at: i64,
    completed_at: Option<i64>,
    result: Option<String>,
    exit_code: Option<i32>,
    last_sequence: i64,
}

impl HeadRow {
    /// The execution, with no rows yet.
    fn into_log(self, id: ExecutionId) -> Result<ExecutionLog, sqlx::Error> {
        let status: ExecutionStatus = parse(&self.status)?;
        Ok(ExecutionLog {
            card_id: parse(&self.card_id)?,
            execution_id: id,
            status,
            command: parse(&self.command)?,
            workflow_stage: parse(&self.workflow_stage)?,
            workflow_error: self.workflow_error,
            started_at: Timestamp::from_millis(self.started_at),
            completed_at: moment(self.completed_at),
            result: self.result,
            exit_code: self.exit_code,
            logs: vec![],
            last_sequence: self.last_sequence,
            // Nothing is added to the log of an execution that has ended.
            complete: status.has_ended(),
        })
    }
}

/// From where rows are read.
enum Source<'a> {
    Cache,
    /// With the cache or without it; the log ends at `last`.
    Database {
        tx: &'a mut AnyConnection,
        cached: Option<&'a LogCache>,
        last: i64,
    },
}

impl Store {
    /// A slice of the log with the execution as of the same moment; through the cache. `limit` is brought within
    /// [`LogSlice::LIMIT_MAX`]; very long rows make for a shorter answer.
    pub async fn log(&self, id: ExecutionId, slice: LogSlice, limit: i64) -> Stored<ExecutionLog> {
        let limit = limit.clamp(1, LogSlice::LIMIT_MAX);
        let mut log = head(&mut *self.reader().acquire().await?, id).await?;
        let pieces = Piece::of(slice, limit, log.last_sequence);
        if let Some(lines) = self.answer(id, &pieces, Source::Cache).await? {
            log.logs = lines;
            return Ok(log);
        }
        // From here on in one transaction, so that the execution cannot be deleted between its head and its rows.
        self.log_from_database(id, slice, limit, Some(&self.cache)).await
    }

    /// The same, without the cache.
    pub async fn log_uncached(&self, id: ExecutionId, slice: LogSlice, limit: i64) -> Stored<ExecutionLog> {
        self.log_from_database(id, slice, limit.clamp(1, LogSlice::LIMIT_MAX), None).await
    }

    async fn log_from_database(
        &self,
        id: ExecutionId,
        slice: LogSlice,
        limit: i64,
        cached: Option<&LogCache>,
    ) -> Stored<ExecutionLog> {
        let mut tx = self.begin_read().await?;
        let mut log = head(&mut tx, id).await?;
        let last = log.last_sequence;
        let source = Source::Database { tx: &mut tx, cached, last };
        log.logs = self.answer(id, &Piece::of(slice, limit, last), source).await?.unwrap_or_default();
        tx.commit().await?;
        Ok(log)
    }

    /// As many rows of the pieces as an answer may have. `None`: the cache has not all of them.
    async fn answer(&self, id: ExecutionId, pieces: &[Piece], mut source: Source<'_>) -> Stored<Option<Vec<LogLine>>> {
        let (mut lines, mut left_bytes) = (vec![], ANSWER_MAX_BYTES);
        for (index, piece) in pieces.iter().enumerate() {
            // What lies on the two sides of a row has a share each.
            let mut budget = Budget { left_bytes: left_bytes / (pieces.len() - index), needs_row: index == 0 };
            let more = match &mut source {
                Source::Cache => match self.cached_rows(id, *piece, &mut budget).await {
                    Some(lines) => lines,
                    None => return Ok(None),
                },
                Source::Database { tx, cached: Some(cache), last } => {
                    rows_through(cache, tx, (id, *last), *piece, &mut budget).await?
                }
                Source::Database { tx, cached: None, .. } => slices::rows(tx, id, *piece, &mut budget).await?.0,
            };
            left_bytes = left_bytes.saturating_sub(more.iter().map(|line| line.content.len()).sum());
            piece.join(&mut lines, more);
        }
        Ok(Some(lines))
    }

    /// As many rows of the piece as the budget takes; `None` where they are not all in the cache.
    async fn cached_rows(&self, id: ExecutionId, piece: Piece, budget: &mut Budget) -> Option<Vec<LogLine>> {
        let mut lines = vec![];
        for number in piece.pages() {
            let page = self.cache.page(id, number).await.filter(|page| page.has_all_to(piece.end))?;
            let (more, is_all) = piece.take(page.between(piece.start, piece.end), budget);
            piece.join(&mut lines, more);
            if !is_all {
                break;
            }
        }
        Some(lines)
    }

    /// The sequence of the first row behind `after` that tells of a failure.
    pub async fn next_error(&self, id: ExecutionId, after: i64) -> Stored<Option<i64>> {
        let mut tx = self.begin_read().await?;
        head(&mut tx, id).await?;
        // A log is packed from its beginning.
        let mut next = packing::next_error(&mut tx, id, after).await?;
        if next.is_none() {
            next = sqlx::query_scalar(
                "select min(sequence) from log_lines where execution_id = $1 and sequence > $2 and kind = 'error'",
            )
            .bind(id.to_string())
            .bind(after)
            .fetch_one(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(next)
    }
}

/// As many rows of the piece as the budget takes, page by page: from the cache, with what that lacks read and put there.
/// `log`: the execution, and where its log ends.
async fn rows_through(
    cache: &LogCache,
    tx: &mut AnyConnection,
    log: (ExecutionId, i64),
    piece: Piece,
    budget: &mut Budget,
) -> Stored<Vec<LogLine>> {
    let mut lines = vec![];
    for number in piece.pages() {
        let page = page_to(cache, tx, log, number).await?;
        let (more, is_all) = if page.has_all_to(piece.end) {
            piece.take(page.between(piece.start, piece.end), budget)
        } else {
            // The page is too long to be kept as a whole.
            slices::rows(tx, log.0, piece.within(page.start()..=page.end()), budget).await?
        };
        piece.join(&mut lines, more);
        if !is_all {
            break;
        }
    }
    Ok(lines)
}

/// The page as it is when the log ends at `last`, or the beginning of it that a page may hold: from the cache, with what
/// that lacks read and put there.
async fn page_to(
    cache: &LogCache,
    tx: &mut AnyConnection,
    (id, last): (ExecutionId, i64),
    number: i64,
) -> Stored<Page> {
    let page = cache.page(id, number).await.unwrap_or(Page::empty(number));
    if page.has_all_to(last) || page.is_full() {
        return Ok(page);
    }
    let missing = Piece { start: page.next_sequence(), end: page.end().min(last), forward: true };
    let mut budget = Budget { left_bytes: page.left_bytes(), needs_row: true };
    let (missing, _) = slices::rows(tx, id, missing, &mut budget).await?;
    let page = page.with(missing.into_iter().map(Arc::new));
    cache.keep(id, page.clone()).await;
    Ok(page)
}

async fn head(connection: &mut AnyConnection, id: ExecutionId) -> Stored<ExecutionLog> {
    let row: Option<HeadRow> = sqlx::query_as(
        "select card_id, status, command, workflow_stage, workflow_error, started_at, completed_at, result, exit_code,
                last_sequence
         from executions where id = $1 and purging = 0",
    )
    .bind(id.to_string())
    .fetch_optional(connection)
    .await?;
    Ok(row.ok_or(StoreError::NotFound("execution"))?.into_log(id)?)
}
