//! Writing the log: rows are only ever added, with sequences that the execution's own row hands out.
//!
//! Whoever adds rows first moves `last_sequence` on, and thereby holds the execution's row until the end of the
//! transaction: two writers get ranges one after the other, and a transaction that is rolled back leaves no hole.

use sqlx::{Any, AnyConnection, FromRow, QueryBuilder};

use super::connection::Engine;
use super::decode::{parse, storable, storable_option};
use super::{CardId, ExecutionId, LogLine, NewLine, Report, Store, StoreError, Stored, Timestamp, Usage};

/// What one statement carries at most; all of a batch's statements are in one transaction. On Postgres it bounds the
/// memory that a batch takes on its way. On SQLite more rows are no faster, and every number of them is a statement to
/// prepare and keep.
const POSTGRES_STATEMENT_ROWS: usize = 1000;
const POSTGRES_STATEMENT_BYTES: usize = 4 * 1024 * 1024;
const SQLITE_STATEMENT_ROWS: usize = 100;

#[derive(FromRow)]
pub(super) struct LineRow {
    sequence: i64,
    logged_at: i64,
    kind: String,
    content: String,
    partial: i64,
}

#[derive(FromRow)]
struct LastLineRow {
    card_id: String,
    #[sqlx(flatten)]
    line: LineRow,
}

impl TryFrom<LineRow> for LogLine {
    type Error = sqlx::Error;

    fn try_from(row: LineRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            sequence: row.sequence,
            timestamp: Timestamp::from_millis(row.logged_at),
            kind: parse(&row.kind)?,
            content: row.content,
            partial: row.partial == 1,
        })
    }
}

impl Report {
    fn tells_of_the_agent(&self) -> bool {
        self.usage != Usage::default() || self.result.is_some() || self.succeeded.is_some()
    }
}

impl NewLine {
    /// The row as it will be read.
    pub(super) fn numbered(&self, sequence: i64) -> LogLine {
        let content = storable(&self.content).into_owned();
        LogLine { sequence, timestamp: self.timestamp, kind: self.kind, content, partial: self.partial }
    }
}

impl Store {
    /// Adds rows with consecutive sequences; answers the last one. Safe with any number of writers. `Conflict` once the
    /// execution has ended: readers were told that every row is in.
    pub async fn append(&self, id: ExecutionId, lines: &[NewLine]) -> Stored<i64> {
        let mut tx = self.begin_write().await?;
        let last = add_lines(&mut tx, self.connection.engine, id, lines).await?;
        tx.commit().await?;
        self.cache.extend(id, last, lines).await;
        Ok(last)
    }

    /// Rows, what they told of the execution, their digest, and the journal's offset, in one transaction. `Conflict` where the offset
    /// is not `from` (somebody else has taken that piece in), or where the execution has ended.
    pub async fn ingest(&self, id: ExecutionId, from: i64, to: i64, lines: &[NewLine], report: &Report) -> Stored<i64> {
        let mut tx = self.begin_write().await?;
        let moved = sqlx::query(
            "update executions set journal_offset = $3, digest = coalesce($4, digest)
             where id = $1 and journal_offset = $2 and status = 'running'",
        )
        .bind(id.to_string())
        .bind(from)
        .bind(to)
        .bind(report.digest.as_deref())
        .execute(&mut *tx)
        .await?;
        if moved.rows_affected() == 0 {
            super::executions::execution_in(&mut tx, id).await?;
            return Err(StoreError::conflict("This piece of the journal is in already, or the execution has ended."));
        }
        let last = add_lines(&mut tx, self.connection.engine, id, lines).await?;
        if report.tells_of_the_agent() {
            merge_report(&mut tx, id, report).await?;
        }
        fail::fail_point!("ingest::uncommitted");
        tx.commit().await?;
        self.cache.extend(id, last, lines).await;
        Ok(last)
    }

    /// The last log row of every running execution; of a long one its beginning, for it is read with every board.
    pub async fn last_lines(&self) -> Stored<Vec<(CardId, LogLine)>> {
        let rows: Vec<LastLineRow> = sqlx::query_as(
            "select e.card_id, l.sequence, l.logged_at, l.kind, substr(l.content, 1, 1000) as content, l.partial
             from executions e join log_lines l on l.execution_id = e.id and l.sequence = e.last_sequence
             where e.status = 'running' order by e.card_id",
        )
        .fetch_all(self.reader())
        .await?;
        let pairs = rows.into_iter().map(|row| Ok((parse(&row.card_id)?, row.line.try_into()?)));
        Ok(pairs.collect::<Result<_, sqlx::Error>>()?)
    }
}

/// Hands out sequences and inserts the rows; answers the last sequence.
pub(super) async fn add_lines(
    connection: &mut AnyConnection,
    engine: Engine,
    id: ExecutionId,
    lines: &[NewLine],
) -> Stored<i64> {
    let count = lines.len() as i64;
    let last: Option<i64> = sqlx::query_scalar(
        "update executions set last_sequence = last_sequence + $2
         where id = $1 and status in ('running', 'idle') returning last_sequence",
    )
    .bind(id.to_string())
    .bind(count)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(last) = last else {
        super::executions::execution_in(connection, id).await?;
        return Err(StoreError::conflict("This execution has ended; its log is complete."));
    };
    let first = last - count + 1;
    match engine {
        Engine::Sqlite => insert_into_sqlite(connection, id, first, lines).await?,
        Engine::Postgres => insert_into_postgres(connection, id, first, lines).await?,
    }
    Ok(last)
}

/// Many rows by one statement. JSON as below takes SQLite twice as long.
async fn insert_into_sqlite(
    connection: &mut AnyConnection,
    id: ExecutionId,
    first: i64,
    lines: &[NewLine],
) -> Stored<()> {
    let mut sequences = first..;
    for lines in lines.chunks(SQLITE_STATEMENT_ROWS) {
        let mut statement = QueryBuilder::<Any>::new(
            "insert into log_lines (execution_id, sequence, logged_at, kind, content, partial) ",
        );
        statement.push_values(lines.iter().zip(sequences.by_ref()), |mut row, (line, sequence)| {
            row.push_bind(id.to_string())
                .push_bind(sequence)
                .push_bind(line.timestamp.as_millis())
                .push_bind(line.kind.as_str())
                .push_bind(storable(&line.content).into_owned())
                .push_bind(i64::from(line.partial));
        });
        statement.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// The rows come as one JSON array of `[time, type, content, partial]`, which Postgres takes apart far faster than it
/// takes statements in.
async fn insert_into_postgres(
    connection: &mut AnyConnection,
    id: ExecutionId,
    first: i64,
    lines: &[NewLine],
) -> Stored<()> {
    let mut next = first;
    for Batch { rows, json } in batches(lines) {
        sqlx::query(
            "insert into log_lines (execution_id, sequence, logged_at, kind, content, partial)
             select $1, $2 + ordinality - 1, (value ->> 0)::bigint, value ->> 1, value ->> 2, (value ->> 3)::bigint
             from jsonb_array_elements($3::jsonb) with ordinality",
        )
        .bind(id.to_string())
        .bind(next)
        .bind(json)
        .execute(&mut *connection)
        .await?;
        next += rows;
    }
    Ok(())
}

struct Batch {
    rows: i64,
    json: String,
}

fn batches(lines: &[NewLine]) -> impl Iterator<Item = Batch> {
    let mut lines = lines.iter().peekable();
    std::iter::from_fn(move || {
        lines.peek()?;
        let mut batch = Batch { rows: 0, json: String::new() };
        while (batch.rows as usize) < POSTGRES_STATEMENT_ROWS && batch.json.len() < POSTGRES_STATEMENT_BYTES {
            let Some(line) = lines.next() else { break };
            let content = serde_json::Value::from(storable(&line.content));
            let (time, kind, partial) = (line.timestamp.as_millis(), line.kind, i64::from(line.partial));
            let before = if batch.rows == 0 { '[' } else { ',' };
            batch.json.push_str(&format!(r#"{before}[{time},"{kind}",{content},{partial}]"#));
            batch.rows += 1;
        }
        batch.json.push(']');
        Some(batch)
    })
}

/// What is absent from the report leaves what is known.
async fn merge_report(connection: &mut AnyConnection, id: ExecutionId, report: &Report) -> Stored<()> {
    let usage = &report.usage;
    sqlx::query(
        "update executions
         set result = coalesce($2, result), succeeded = coalesce($3, succeeded), session_id = coalesce($4, session_id),
             model = coalesce($5, model), turns = coalesce($6, turns), input_tokens = coalesce($7, input_tokens),
             output_tokens = coalesce($8, output_tokens)
         where id = $1",
    )
    .bind(id.to_string())
    .bind(storable_option(report.result.as_deref()))
    .bind(report.succeeded.map(i64::from))
    .bind(storable_option(usage.session_id.as_deref()))
    .bind(storable_option(usage.model.as_deref()))
    .bind(usage.turns)
    .bind(usage.input_tokens)
    .bind(usage.output_tokens)
    .execute(&mut *connection)
    .await?;
    if let Some(cost) = usage.cost_usd {
        // By itself, because `Any` sends an absent double as a `real`: Postgres would keep that type for the prepared
        // statement and misread the next cost that is there.
        sqlx::query("update executions set cost_usd = $2 where id = $1")
            .bind(id.to_string())
            .bind(cost)
            .execute(connection)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::LogType;

    fn line(content: &str) -> NewLine {
        NewLine { timestamp: Timestamp::from_millis(7), kind: LogType::Text, content: content.into(), partial: false }
    }

    #[test]
    fn a_batch_is_bounded_in_rows_and_bytes() {
        let rows = |lines: &[NewLine]| batches(lines).map(|batch| batch.rows).collect::<Vec<_>>();
        assert_eq!(rows(&[]), [0; 0]);
        assert_eq!(rows(&vec![line("x"); 2500]), [1000, 1000, 500]);
        let big = line(&"x".repeat(POSTGRES_STATEMENT_BYTES / 2));
        assert_eq!(rows(&vec![big; 5]), [2, 2, 1]);
    }

    #[test]
    fn a_batch_is_json_whatever_is_in_it() {
        let json = batches(&[line("a\"b\\\n\0"), line("ü")]).next().unwrap().json;
        let rows: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(rows, serde_json::json!([[7, "text", "a\"b\\\n\u{fffd}", 0], [7, "text", "ü", 0]]));
    }
}
