//! Ingest: takes what is new in a journal into the database, rows and offset together.

use std::path::PathBuf;

use crate::domain::{ExecutionId, LogType, Timestamp, Usage};
use crate::server::agents::{self, Format, Said};
use crate::server::process::journal::{self, Entry, JournalError, Record, Stream};
use crate::server::store::{NewLine, Report, Store};

/// Rows go in by at most so many, or so many bytes, a transaction.
const BATCH_ROWS: usize = 1000;
const BATCH_BYTES: usize = 1024 * 1024;
/// A line that is to be interpreted as a whole is put together up to this size; a longer one is taken in as it comes.
const LINE_MAX_BYTES: usize = 64 * 1024 * 1024;

/// Reads one execution's journal from where the database has got to.
pub struct Intake {
    store: Store,
    execution: ExecutionId,
    journal: PathBuf,
    format: Format,
    worktree: PathBuf,
    clock: fn() -> Timestamp,
    /// Up to here everything is in the database.
    committed: u64,
    /// Up to here everything has been read.
    read: u64,
    batch: Batch,
    /// The pieces so far of a line that is interpreted only as a whole. While there are any nothing is committed: the
    /// offset must not pass a line that is not in.
    line: Vec<u8>,
}

/// What is taken in.
pub struct Source {
    pub execution: ExecutionId,
    pub journal: PathBuf,
    pub format: Format,
    /// Paths in it are shown without it.
    pub worktree: PathBuf,
    /// How many bytes of the journal are in the database.
    pub offset: u64,
}

#[derive(Default)]
struct Batch {
    lines: Vec<NewLine>,
    bytes: usize,
    report: Report,
}

impl Intake {
    pub fn new(source: Source, store: Store, clock: fn() -> Timestamp) -> Self {
        let Source { execution, journal, format, worktree, offset } = source;
        let (batch, line) = (Batch::default(), vec![]);
        Self { store, execution, journal, format, worktree, clock, committed: offset, read: offset, batch, line }
    }

    /// Up to here everything is in the database, in bytes of the journal.
    pub fn committed(&self) -> u64 {
        self.committed
    }

    /// Takes in a piece of what is new. False where there was nothing new.
    pub async fn step(&mut self) -> anyhow::Result<bool> {
        let (path, offset) = (self.journal.clone(), self.read);
        let piece = match tokio::task::spawn_blocking(move || journal::read(&path, offset)).await? {
            Ok(piece) => piece,
            Err(JournalError::Io(error)) => return Err(error.into()),
            // Nothing more can be had from this journal; whoever concludes says so.
            Err(JournalError::UnknownVersion(_) | JournalError::Shorter { .. }) => return Ok(false),
        };
        if piece.end == offset {
            return Ok(false);
        }
        for (entry, end) in piece.entries {
            match entry {
                Entry::Record(record) => self.take(record),
                Entry::Damaged(bytes) => self.lost(bytes),
            }
            self.read = end;
            if self.batch.lines.len() >= BATCH_ROWS || self.batch.bytes >= BATCH_BYTES {
                self.commit().await?;
            }
        }
        self.read = piece.end;
        self.commit().await?;
        Ok(true)
    }

    /// The journal has ended: what is left of an unfinished line goes in as it is, and what lies behind the last whole
    /// record, up to `length`, is told to be missing.
    pub async fn finish(&mut self, length: u64) -> anyhow::Result<()> {
        if !self.line.is_empty() {
            let line = std::mem::take(&mut self.line);
            self.add(LogType::Text, &agents::readable(&line), false, (self.clock)());
        }
        if length > self.read {
            self.lost(length - self.read);
            self.read = length;
        }
        self.commit().await
    }

    fn take(&mut self, record: Record) {
        if self.format == Format::Text || record.stream == Stream::Stderr {
            let content = agents::readable(&record.payload);
            let said = agents::read_line(self.format, record.stream, &content, &self.worktree);
            return self.keep(said, record.time, record.partial);
        }
        self.line.extend_from_slice(&record.payload);
        if record.partial && self.line.len() < LINE_MAX_BYTES {
            return;
        }
        let line = std::mem::take(&mut self.line);
        let content = agents::readable(&line);
        self.keep(agents::read_line(self.format, record.stream, &content, &self.worktree), record.time, record.partial);
    }

    fn keep(&mut self, said: Said, time: Timestamp, partial: bool) {
        for (kind, content) in &said.rows {
            self.add(*kind, content, partial, time);
        }
        let report = &mut self.batch.report;
        merge(&mut report.usage, said.usage);
        report.result = said.result.or(report.result.take());
        report.succeeded = said.succeeded.or(report.succeeded);
    }

    fn add(&mut self, kind: LogType, content: &str, partial: bool, timestamp: Timestamp) {
        let pieces = agents::pieces(content);
        let last = pieces.len() - 1;
        for (index, piece) in pieces.into_iter().enumerate() {
            let partial = partial || index < last;
            self.batch.bytes += piece.len();
            self.batch.lines.push(NewLine { timestamp, kind, content: piece.to_owned(), partial });
        }
    }

    fn lost(&mut self, bytes: u64) {
        let content = format!("{bytes} bytes of the agent's output are damaged on disk and could not be read");
        self.add(LogType::Error, &content, false, (self.clock)());
    }

    async fn commit(&mut self) -> anyhow::Result<()> {
        if !self.line.is_empty() || self.read == self.committed {
            return Ok(());
        }
        let (from, to) = (self.committed as i64, self.read as i64);
        fail::fail_point!("intake::before-commit");
        self.store.ingest(self.execution, from, to, &self.batch.lines, &self.batch.report).await?;
        fail::fail_point!("intake::committed");
        self.committed = self.read;
        self.batch = Batch::default();
        Ok(())
    }
}

fn merge(usage: &mut Usage, newer: Usage) {
    usage.session_id = newer.session_id.or(usage.session_id.take());
    usage.model = newer.model.or(usage.model.take());
    usage.turns = newer.turns.or(usage.turns);
    usage.input_tokens = newer.input_tokens.or(usage.input_tokens);
    usage.output_tokens = newer.output_tokens.or(usage.output_tokens);
    usage.cost_usd = newer.cost_usd.or(usage.cost_usd);
}
