//! Ingest: takes what is new in a journal into the database, rows and offset together.

use std::path::PathBuf;

use tokio::task::JoinHandle;

use super::batch::Batch;
use crate::domain::{ExecutionId, LogSlice, LogType, Timestamp};
use crate::server::agents::{self, Format, Reading, Said};
use crate::server::process::LogDigest;
use crate::server::process::journal::{self, Entry, JournalError, Record, Stream};
use crate::server::secrets::Masker;
use crate::server::store::{NewLine, Report, Store};

/// A line that is to be interpreted as a whole is put together up to this size; a longer one is taken in as it comes.
const LINE_MAX_BYTES: usize = 64 * 1024 * 1024;

/// Reads one execution's journal from where the database has got to.
pub struct Intake {
    store: Store,
    execution: ExecutionId,
    journal: PathBuf,
    reading: Reading,
    clock: fn() -> Timestamp,
    /// No row is from before this.
    earliest: Timestamp,
    /// Of all records up to `read`.
    digest: LogDigest,
    /// Up to here everything is in the database, or on its way there.
    handed_over: u64,
    /// What was handed over last. The next piece is read and masked meanwhile, and waits for it before it goes in. Where
    /// it fails, this intake is at its end: another one begins from where the database has got to.
    on_its_way: Option<JoinHandle<anyhow::Result<()>>>,
    /// Up to here everything has been read.
    read: u64,
    batch: Batch<Place>,
    /// The pieces so far of a line that is interpreted only as a whole. While there are any nothing is committed: the
    /// offset must not pass a line that is not in.
    line: Vec<u8>,
    /// It was told already that nothing more can be had from this journal.
    is_unreadable: bool,
}

/// What is taken in.
pub struct Source {
    pub execution: ExecutionId,
    pub journal: PathBuf,
    pub reading: Reading,
    /// How many bytes of the journal are in the database.
    pub offset: u64,
    /// Of the records in these bytes.
    pub digest: LogDigest,
    pub started_at: Timestamp,
    /// For standard output and standard error, where what looks like a secret is masked.
    pub maskers: Option<[Masker; 2]>,
}

/// A place in the journal: an offset, and the digest of all records before it.
type Place = (u64, LogDigest);

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Something was taken in, and there may be more.
    TookIn,
    NothingNew,
    /// This Cardume must not read the journal, and nothing of it is lost: what was not taken in stays where it is.
    UnknownVersion,
}

impl Intake {
    pub fn new(source: Source, store: Store, clock: fn() -> Timestamp) -> Self {
        let Source { execution, journal, reading, offset, digest, started_at, maskers } = source;
        Self {
            store,
            execution,
            journal,
            reading,
            clock,
            earliest: started_at,
            digest,
            handed_over: offset,
            on_its_way: None,
            read: offset,
            batch: Batch::new(maskers),
            line: vec![],
            is_unreadable: false,
        }
    }

    /// Up to here everything has been read, in bytes of the journal.
    pub fn position(&self) -> u64 {
        self.read
    }

    /// The digest of all that has been read.
    pub fn digest(&self) -> LogDigest {
        self.digest
    }

    /// Takes in a piece of what is new. With [`Step::NothingNew`] all that was read is in the database.
    pub async fn step(&mut self) -> anyhow::Result<Step> {
        if self.is_unreadable {
            return Ok(Step::NothingNew);
        }
        let (path, offset) = (self.journal.clone(), self.read);
        let piece = match tokio::task::spawn_blocking(move || journal::read(&path, offset)).await? {
            Ok(piece) => piece,
            Err(JournalError::Io(error)) => return Err(error.into()),
            Err(JournalError::UnknownVersion(version)) => {
                self.tell_once(&format!(
                    "The journal of this run is of version {version}, and Cardume {} reads version 1. Nothing is lost: the \
                     agent goes on, and a Cardume that knows this version takes its output in.",
                    env!("CARGO_PKG_VERSION")
                ))
                .await?;
                return Ok(Step::UnknownVersion);
            }
            Err(JournalError::Shorter { length, offset }) => {
                self.go_back(length, offset).await?;
                return Ok(Step::TookIn);
            }
            Err(error @ JournalError::Unreadable(_)) => {
                self.is_unreadable = true;
                self.end_line();
                self.tell(&format!("What the agent prints is missing from here on: {error}"));
                self.flush().await?;
                self.settle().await?;
                return Ok(Step::NothingNew);
            }
        };
        if piece.end == offset {
            self.settle().await?;
            return Ok(Step::NothingNew);
        }
        for (entry, end) in piece.entries {
            match entry {
                Entry::Record(record) => self.take(record),
                Entry::Damaged(bytes) => self.lost(bytes),
                Entry::Unknown => {}
            }
            self.read = end;
            if self.batch.is_full() {
                self.commit().await?;
            }
        }
        self.read = piece.end;
        self.commit().await?;
        Ok(Step::TookIn)
    }

    /// The journal has ended: what is left of an unfinished line goes in as it is, and what lies behind the last whole
    /// record, up to `length` bytes (`None`: the file's own length), is told to be missing.
    pub async fn finish(&mut self, length: Option<u64>) -> anyhow::Result<()> {
        let length = match length {
            Some(length) => length,
            None => tokio::fs::metadata(&self.journal).await.map_or(0, |metadata| metadata.len()),
        };
        self.end_line();
        if length > self.read && !self.is_unreadable {
            self.lost(length - self.read);
            self.read = length;
        }
        self.commit().await?;
        self.settle().await
    }

    /// Says so in the log, unless that is the last thing it says.
    pub async fn tell_once(&mut self, content: &str) -> anyhow::Result<()> {
        self.settle().await?;
        let last = self.store.log(self.execution, LogSlice::Tail, 1).await?;
        if last.logs.last().is_none_or(|line| line.content != content) {
            let timestamp = (self.clock)().max(self.earliest);
            let line = NewLine { timestamp, kind: LogType::Error, content: content.to_owned(), partial: false };
            self.store.append(self.execution, &[line]).await?;
        }
        Ok(())
    }

    /// The journal has become shorter than what was taken in. What is in stays in; what may come is read from its end.
    async fn go_back(&mut self, length: u64, offset: u64) -> anyhow::Result<()> {
        self.end_line();
        self.tell(&format!(
            "The journal on disk was cut short: {offset} bytes of it had been taken in, and it ends at byte {length}. \
             What the agent printed around then may be missing here."
        ));
        self.read = length;
        self.flush().await
    }

    /// What is there of an unfinished line goes in as it is.
    fn end_line(&mut self) {
        if !self.line.is_empty() {
            let line = std::mem::take(&mut self.line);
            let row = self.row(LogType::Text, agents::readable(line), false, (self.clock)());
            self.batch.add(Stream::Stdout, row, &(self.read, self.digest));
        }
        self.batch.wait_no_longer();
    }

    fn take(&mut self, mut record: Record) {
        let before = (self.read, self.digest);
        self.digest.add(&record);
        if self.reading.format == Format::Text || record.stream == Stream::Stderr {
            let content = agents::readable(std::mem::take(&mut record.payload));
            let said = agents::read_line(&self.reading, record.stream, &content);
            return self.keep(said, &record, &before);
        }
        self.line.extend_from_slice(&record.payload);
        if record.partial && self.line.len() < LINE_MAX_BYTES {
            return;
        }
        let line = std::mem::take(&mut self.line);
        let content = agents::readable(line);
        self.keep(agents::read_line(&self.reading, record.stream, &content), &record, &before);
    }

    fn keep(&mut self, mut said: Said, record: &Record, before: &Place) {
        for (kind, content) in std::mem::take(&mut said.rows) {
            let row = self.row(kind, content, record.partial, record.time);
            self.batch.add(record.stream, row, before);
        }
        self.batch.report(said);
    }

    fn row(&self, kind: LogType, content: String, partial: bool, timestamp: Timestamp) -> NewLine {
        NewLine { timestamp: timestamp.max(self.earliest), kind, content, partial }
    }

    fn lost(&mut self, bytes: u64) {
        self.tell(&format!("{bytes} bytes of the agent's output are damaged on disk and could not be read"));
    }

    /// Adds a row of Cardume's own about something that is missing.
    fn tell(&mut self, content: &str) {
        let row = self.row(LogType::Error, content.to_owned(), false, (self.clock)());
        self.batch.tell(row);
    }

    async fn commit(&mut self) -> anyhow::Result<()> {
        if !self.line.is_empty() || self.read == self.handed_over {
            return Ok(());
        }
        self.flush().await
    }

    /// Hands over what is ready, behind what was handed over before.
    async fn flush(&mut self) -> anyhow::Result<()> {
        let ready = self.batch.ready();
        let (to, digest) = ready.until.unwrap_or((self.read, self.digest));
        if ready.lines.is_empty() && to == self.handed_over {
            return Ok(());
        }
        self.settle().await?;
        let report = Report { digest: Some(digest.to_string()), ..ready.report };
        let (store, execution, from) = (self.store.clone(), self.execution, self.handed_over);
        self.on_its_way = Some(tokio::spawn(async move {
            fail::fail_point!("intake::before-commit");
            store.ingest(execution, from as i64, to as i64, &ready.lines, &report).await?;
            fail::fail_point!("intake::committed");
            Ok(())
        }));
        self.handed_over = to;
        Ok(())
    }

    /// Waits until all that was handed over is in the database.
    async fn settle(&mut self) -> anyhow::Result<()> {
        match self.on_its_way.take() {
            Some(on_its_way) => on_its_way.await?,
            None => Ok(()),
        }
    }
}
