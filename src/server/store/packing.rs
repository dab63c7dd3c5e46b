//! Logs of executions that have ended, compressed: rows of `log_lines` become chunks of `log_chunks`.
//!
//! A log is packed from its beginning, chunk by chunk. One transaction adds a chunk and takes away its rows, so that who
//! reads in one snapshot finds each row once, in the one place or in the other. What a chunk holds never changes, nor do
//! the rows that it is made from: their execution has ended. A chunk ends where a page of the log cache ends, unless that
//! page is very long: reading one row unpacks its whole chunk.
//!
//! A chunk carries the SHA-256 of its rows and of their place. It is checked whenever the chunk is read.

use std::io::Read;

use sha2::{Digest, Sha256};
use sqlx::{AnyConnection, FromRow};

use super::cache::PAGE_ROWS;
use super::connection::Engine;
use super::decode::parse;
use super::slices::{self, Budget};
use super::{ExecutionId, LogLine, LogType, Store, StoreError, Stored, Timestamp};

/// A chunk holds so many pages of the log, unless they are long.
const PAGES_MAX: i64 = 4;
/// No page is added to a chunk that is this long, in bytes of its rows' contents.
const FULL_BYTES: usize = 2 * 1024 * 1024;
/// A chunk that unpacks to more than this is not one of ours.
const UNPACKED_MAX_BYTES: u64 = 2 * 1024 * 1024 * 1024;
const COMPRESSION_LEVEL: i32 = 6;
/// So many free pages of an SQLite file are given back in one step, and so many stay for the rows to come.
const GIVE_BACK_PAGES: i64 = 256;
const STAY_FREE_PAGES: i64 = 1024;

#[derive(FromRow)]
struct ChunkRow {
    first_sequence: i64,
    last_sequence: i64,
    digest: String,
    data: Vec<u8>,
}

/// A row, as a chunk holds it.
type PackedLine<'a> = (i64, &'a str, std::borrow::Cow<'a, str>, i64);

impl Store {
    /// Executions that ended at `before` or earlier and have rows that are not packed, the oldest first.
    pub async fn unpacked(&self, before: Timestamp, limit: i64) -> Stored<Vec<ExecutionId>> {
        let ids: Vec<String> = sqlx::query_scalar(
            "select e.id from executions e
             where e.status not in ('running', 'idle') and e.completed_at <= $1 and e.purging = 0
               and exists (select 1 from log_lines l where l.execution_id = e.id)
             order by e.completed_at, e.id limit $2",
        )
        .bind(before.as_millis())
        .bind(limit)
        .fetch_all(self.reader())
        .await?;
        Ok(ids.iter().map(|id| parse(id)).collect::<Result<_, _>>()?)
    }

    /// Packs the next chunk of an execution that has ended; false where all of it is packed. What is read and compressed
    /// is read and compressed before anybody has to wait for it.
    pub async fn pack_next(&self, id: ExecutionId) -> Stored<bool> {
        let first: Option<i64> = sqlx::query_scalar("select min(sequence) from log_lines where execution_id = $1")
            .bind(id.to_string())
            .fetch_one(self.reader())
            .await?;
        let Some(first) = first else { return Ok(false) };
        let lines = self.chunk_from(id, first).await?;
        let last = first + lines.len() as i64 - 1;
        let has_errors = lines.iter().any(|line| line.kind == LogType::Error);
        let (digest, data) = blocking(move || pack(id, first, &lines)).await?;

        let mut tx = self.begin_write().await?;
        let ended: i64 = sqlx::query_scalar(
            "select count(*) from executions where id = $1 and purging = 0 and status not in ('running', 'idle')",
        )
        .bind(id.to_string())
        .fetch_one(&mut *tx)
        .await?;
        if ended == 0 {
            return Err(StoreError::conflict("Only the log of an execution that has ended is packed."));
        }
        sqlx::query(
            "insert into log_chunks (execution_id, first_sequence, last_sequence, digest, data, has_errors)
             values ($1, $2, $3, $4, $5, $6)",
        )
        .bind(id.to_string())
        .bind(first)
        .bind(last)
        .bind(digest)
        .bind(data)
        .bind(i64::from(has_errors))
        .execute(&mut *tx)
        .await?;
        let removed =
            sqlx::query("delete from log_lines where execution_id = $1 and sequence >= $2 and sequence <= $3")
                .bind(id.to_string())
                .bind(first)
                .bind(last)
                .execute(&mut *tx)
                .await?;
        if removed.rows_affected() as i64 != last - first + 1 {
            return Err(damaged(id, first, "its rows changed while they were packed"));
        }
        tx.commit().await?;
        Ok(true)
    }

    /// The rows of the chunk that begins with `first`.
    async fn chunk_from(&self, id: ExecutionId, first: i64) -> Stored<Vec<LogLine>> {
        let mut lines: Vec<LogLine> = vec![];
        let mut bytes = 0;
        // To the end of the page that `first` lies in, then whole pages.
        let mut end = (first - 1) / PAGE_ROWS * PAGE_ROWS;
        for _ in 0..PAGES_MAX {
            end += PAGE_ROWS;
            let next = first + lines.len() as i64;
            let mut budget = Budget { left_bytes: FULL_BYTES, needs_row: true };
            let connection = &mut *self.reader().acquire().await?;
            let page = slices::unpacked_from(connection, id, (next, end), &mut budget).await?;
            bytes += page.iter().map(|line| line.content.len()).sum::<usize>();
            lines.extend(page);
            if first + lines.len() as i64 - 1 < end || bytes >= FULL_BYTES {
                break;
            }
        }
        match lines.iter().zip(first..).find(|(line, sequence)| line.sequence != *sequence) {
            Some((_, sequence)) => Err(damaged(id, first, &format!("row {sequence} is missing"))),
            None => Ok(lines),
        }
    }

    /// Gives a piece of an SQLite file's free space back to the disk; false where none is left to be given.
    pub async fn give_back_space(&self) -> Stored<bool> {
        if self.connection.engine == Engine::Postgres {
            return Ok(false);
        }
        let mut connection = self.maintenance().await?;
        // 2: incremental. A file that was made before that was asked for keeps its space, for rows to come.
        let (mode, free): (i64, i64) = sqlx::query_as(
            "select (select auto_vacuum from pragma_auto_vacuum), (select freelist_count from pragma_freelist_count)",
        )
        .fetch_one(&mut *connection)
        .await?;
        if mode != 2 || free <= STAY_FREE_PAGES {
            return Ok(false);
        }
        let pages = GIVE_BACK_PAGES.min(free - STAY_FREE_PAGES);
        let pragma = sqlx::AssertSqlSafe(format!("pragma incremental_vacuum({pages})"));
        sqlx::raw_sql(pragma).execute(&mut *connection).await?;
        Ok(true)
    }
}

/// All rows of the chunk that holds `sequence`; none if it is not packed.
pub(super) async fn rows_with(connection: &mut AnyConnection, id: ExecutionId, sequence: i64) -> Stored<Vec<LogLine>> {
    let chunk: Option<ChunkRow> = sqlx::query_as(
        "select first_sequence, last_sequence, digest, data from log_chunks
         where execution_id = $1 and first_sequence <= $2 and last_sequence >= $2",
    )
    .bind(id.to_string())
    .bind(sequence)
    .fetch_optional(connection)
    .await?;
    match chunk {
        Some(chunk) => blocking(move || unpack(id, &chunk)).await,
        None => Ok(vec![]),
    }
}

/// The first of the packed rows behind `after` that tells of a failure.
pub(super) async fn next_error(connection: &mut AnyConnection, id: ExecutionId, after: i64) -> Stored<Option<i64>> {
    let mut after = after;
    loop {
        let chunk: Option<ChunkRow> = sqlx::query_as(
            "select first_sequence, last_sequence, digest, data from log_chunks
             where execution_id = $1 and last_sequence > $2 and has_errors = 1 order by last_sequence limit 1",
        )
        .bind(id.to_string())
        .bind(after)
        .fetch_optional(&mut *connection)
        .await?;
        let Some(chunk) = chunk else { return Ok(None) };
        let last = chunk.last_sequence;
        let lines = blocking(move || unpack(id, &chunk)).await?;
        if let Some(line) = lines.iter().find(|line| line.sequence > after && line.kind == LogType::Error) {
            return Ok(Some(line.sequence));
        }
        after = last;
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Stored<T> + Send + 'static) -> Stored<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Database(sqlx::Error::WorkerCrashed))?
}

/// The digest of the rows, and the rows compressed.
fn pack(id: ExecutionId, first: i64, lines: &[LogLine]) -> Stored<(String, Vec<u8>)> {
    let rows: Vec<PackedLine> = lines
        .iter()
        .map(|line| {
            (line.timestamp.as_millis(), line.kind.as_str(), line.content.as_str().into(), i64::from(line.partial))
        })
        .collect();
    let failed = |error: &dyn std::fmt::Display| damaged(id, first, &format!("it cannot be packed: {error}"));
    let text = serde_json::to_vec(&rows).map_err(|error| failed(&error))?;
    let data = zstd::encode_all(&text[..], COMPRESSION_LEVEL).map_err(|error| failed(&error))?;
    Ok((digest(id, first, first + lines.len() as i64 - 1, &text), data))
}

fn unpack(id: ExecutionId, chunk: &ChunkRow) -> Stored<Vec<LogLine>> {
    let ChunkRow { first_sequence: first, last_sequence: last, .. } = *chunk;
    let mut text = vec![];
    let unpacked =
        zstd::Decoder::new(&chunk.data[..]).and_then(|decoder| decoder.take(UNPACKED_MAX_BYTES).read_to_end(&mut text));
    if unpacked.is_err() || digest(id, first, last, &text) != chunk.digest {
        return Err(damaged(id, first, "it is not what was packed"));
    }
    let rows: Vec<PackedLine> =
        serde_json::from_slice(&text).map_err(|error| damaged(id, first, &error.to_string()))?;
    let line = |((time, kind, content, partial), sequence): (PackedLine, i64)| {
        let kind: LogType = parse(kind)?;
        let timestamp = Timestamp::from_millis(time);
        Ok(LogLine { sequence, timestamp, kind, content: content.into_owned(), partial: partial == 1 })
    };
    Ok(rows.into_iter().zip(first..=last).map(line).collect::<Result<_, sqlx::Error>>()?)
}

/// Of the rows and of where they belong, so that no chunk can stand for another.
fn digest(id: ExecutionId, first: i64, last: i64, text: &[u8]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(id.0.as_bytes());
    hasher.update(first.to_le_bytes());
    hasher.update(last.to_le_bytes());
    hasher.update(text);
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn damaged(id: ExecutionId, first: i64, what: &str) -> StoreError {
    let what = format!("the log of {id} is damaged in its rows from {first} on: {what}");
    StoreError::Database(sqlx::Error::Protocol(what))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn line(sequence: i64, content: &str) -> LogLine {
        let timestamp = Timestamp::from_millis(1_763_798_400_000 + sequence);
        LogLine { sequence, timestamp, kind: LogType::Text, content: content.into(), partial: sequence % 2 == 0 }
    }

    fn chunk(lines: &[LogLine]) -> ChunkRow {
        let (digest, data) = pack(ExecutionId(Uuid::nil()), lines[0].sequence, lines).unwrap();
        let last_sequence = lines[0].sequence + lines.len() as i64 - 1;
        ChunkRow { first_sequence: lines[0].sequence, last_sequence, digest, data }
    }

    #[test]
    fn what_was_packed_is_unpacked_to_the_byte() {
        let lines = [line(251, ""), line(252, "a\"b\\\n\u{fffd}\u{1b}[31m ação 🐟"), line(253, &"x".repeat(300_000))];
        assert_eq!(unpack(ExecutionId(Uuid::nil()), &chunk(&lines)).unwrap(), lines);
    }

    #[test]
    fn a_chunk_that_is_not_what_was_packed_is_refused() {
        let lines: Vec<LogLine> = (1..=50).map(|sequence| line(sequence, &format!("line {sequence}"))).collect();
        let id = ExecutionId(Uuid::nil());
        let good = chunk(&lines);
        for index in 0..good.data.len() {
            let mut bad = ChunkRow { data: good.data.clone(), digest: good.digest.clone(), ..good };
            bad.data[index] ^= 4;
            // A bit that zstd does not look at changes no row.
            assert!(unpack(id, &bad).is_err() || unpack(id, &bad).unwrap() == lines, "{index}");
        }
        let moved =
            ChunkRow { first_sequence: 2, last_sequence: 51, data: good.data.clone(), digest: good.digest.clone() };
        assert!(unpack(id, &moved).is_err());
        assert!(unpack(ExecutionId(Uuid::max()), &good).unwrap_err().to_string().contains("is damaged"));
    }
}
