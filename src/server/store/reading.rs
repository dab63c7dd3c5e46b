//! Reading the log after a cursor, through the cache or without it.
//!
//! Every read begins with the execution's own row, from the database: status and `last_sequence` as of one moment. The
//! rows up to `last_sequence` were committed by then and never change, so that it does not matter when, or from where,
//! they are taken: head and rows agree as if both had been read at that moment. `cache` says why none can be missing.

use std::sync::Arc;

use sqlx::{AnyConnection, FromRow};

use super::cache::Page;
use super::decode::{moment, parse};
use super::logs::LineRow;
use super::{
    ExecutionId, ExecutionLog, ExecutionStatus, LogLine, LogSlice, Store, StoreError, Stored, Timestamp, packing,
};

/// An answer has at most so much content, and at least one row: of very long rows it has fewer than were asked for. What
/// is left out is what the same question would ask for next.
const ANSWER_MAX_BYTES: usize = 32 * 1024 * 1024;

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

impl Store {
    /// A slice of the log with the execution as of the same moment; through the cache. `limit` is brought within
    /// [`LogSlice::LIMIT_MAX`]; very long rows make for a shorter answer.
    pub async fn log(&self, id: ExecutionId, slice: LogSlice, limit: i64) -> Stored<ExecutionLog> {
        let limit = limit.clamp(1, LogSlice::LIMIT_MAX);
        let mut log = head(&mut *self.reader().acquire().await?, id).await?;
        let (start, end) = slice.range(limit, log.last_sequence);
        if let Some(lines) = self.cache.lines(id, start, end).await {
            log.logs = bounded(slice, lines);
            return Ok(log);
        }
        // From here on in one transaction, so that the execution cannot be deleted between its head and its rows.
        let mut tx = self.begin_read().await?;
        let mut log = head(&mut tx, id).await?;
        let (start, end) = slice.range(limit, log.last_sequence);
        let mut numbers: Vec<i64> = Page::numbers(start, end).collect();
        if !is_forward(slice) {
            numbers.reverse();
        }
        let (mut pages, mut bytes) = (vec![], 0);
        for number in numbers {
            let page = self.whole_page(&mut tx, id, number, log.last_sequence).await?;
            let lines: Vec<LogLine> = page.between(start, end).map(|line| LogLine::clone(line)).collect();
            bytes += lines.iter().map(|line| line.content.len()).sum::<usize>();
            pages.push(lines);
            if bytes > ANSWER_MAX_BYTES {
                break;
            }
        }
        tx.commit().await?;
        if !is_forward(slice) {
            pages.reverse();
        }
        log.logs = bounded(slice, pages.into_iter().flatten().collect());
        Ok(log)
    }

    /// The same, without the cache.
    pub async fn log_uncached(&self, id: ExecutionId, slice: LogSlice, limit: i64) -> Stored<ExecutionLog> {
        let mut tx = self.begin_read().await?;
        let mut log = head(&mut tx, id).await?;
        let (start, end) = slice.range(limit.clamp(1, LogSlice::LIMIT_MAX), log.last_sequence);
        log.logs = bounded(slice, lines(&mut tx, id, start, end).await?);
        tx.commit().await?;
        Ok(log)
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

    /// The page as it is when the log ends at `last`: from the cache, with what that lacks read and put there.
    async fn whole_page(&self, tx: &mut AnyConnection, id: ExecutionId, number: i64, last: i64) -> Stored<Page> {
        let page = self.cache.page(id, number).await.unwrap_or(Page::empty(number));
        let end = page.end().min(last);
        if page.next_sequence() > end {
            return Ok(page);
        }
        let missing = lines(tx, id, page.next_sequence(), end).await?;
        let page = page.with(missing.into_iter().map(Arc::new));
        self.cache.keep(id, page.clone()).await;
        Ok(page)
    }
}

/// Whether what lies behind the answer is what is asked for next.
fn is_forward(slice: LogSlice) -> bool {
    matches!(slice, LogSlice::After(_))
}

/// As many of the rows as an answer may have, from the end at which the slice begins.
fn bounded(slice: LogSlice, mut lines: Vec<LogLine>) -> Vec<LogLine> {
    let mut left = ANSWER_MAX_BYTES;
    let mut fits = |line: &LogLine| {
        let does = line.content.len() <= left;
        left = left.saturating_sub(line.content.len());
        does
    };
    if is_forward(slice) {
        let count = lines.iter().take_while(|line| fits(line)).count();
        lines.truncate(count.max(1));
    } else {
        let count = lines.iter().rev().take_while(|line| fits(line)).count();
        lines.drain(..lines.len().saturating_sub(count.max(1)));
    }
    lines
}

async fn head(connection: &mut AnyConnection, id: ExecutionId) -> Stored<ExecutionLog> {
    let row: Option<HeadRow> = sqlx::query_as(
        "select card_id, status, command, workflow_stage, workflow_error, started_at, completed_at, result, exit_code,
                last_sequence
         from executions where id = $1",
    )
    .bind(id.to_string())
    .fetch_optional(connection)
    .await?;
    Ok(row.ok_or(StoreError::NotFound("execution"))?.into_log(id)?)
}

/// The rows from `start` to `end`, both included, all of which must be there, packed or not. `connection` must see one
/// moment: a row may be packed at any time.
async fn lines(connection: &mut AnyConnection, id: ExecutionId, start: i64, end: i64) -> Stored<Vec<LogLine>> {
    let count = usize::try_from(end - start + 1).unwrap_or(0);
    let mut lines = unpacked_lines(connection, id, start, end).await?;
    if lines.len() < count {
        // A log is packed from its beginning.
        let packed = packing::lines(connection, id, start, end).await?;
        lines.splice(0..0, packed);
    }
    if lines.len() != count || lines.iter().zip(start..).any(|(line, sequence)| line.sequence != sequence) {
        return Err(StoreError::Database(sqlx::Error::Protocol(format!("rows are missing from the log of {id}"))));
    }
    Ok(lines)
}

/// Those of the rows from `start` to `end` that are not packed.
pub(super) async fn unpacked_lines(
    connection: &mut AnyConnection,
    id: ExecutionId,
    start: i64,
    end: i64,
) -> Stored<Vec<LogLine>> {
    if start > end {
        return Ok(vec![]);
    }
    let rows: Vec<LineRow> = sqlx::query_as(
        "select sequence, logged_at, kind, content, partial from log_lines
         where execution_id = $1 and sequence >= $2 and sequence <= $3 order by sequence",
    )
    .bind(id.to_string())
    .bind(start)
    .bind(end)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(LogLine::try_from).collect::<Result<_, _>>()?)
}
