//! The journal: what a supervised agent printed, on disk before anybody interprets it.
//!
//! A file of lines, so that it can be read with the eye and found again after damage:
//!
//! ```text
//! cardume-journal 1
//! o 1763798400123 9ae0daaf a line that the agent wrote to its standard output
//! E 1763798400124 352441c2 the first piece of a very long line on standard error
//! e 1763798400124 1cd3a9f1 and its end
//! ```
//!
//! Stream (`o` or `e`; a capital means that the line goes on in the stream's next record), time in milliseconds since
//! the epoch, CRC-32 of stream, time and payload, payload. One supervisor appends; any number of readers read. The
//! reader trusts nothing: what does not check out is [`Entry::Damaged`], and it goes on behind it.
//!
//! The first line carries the version, `MAJOR` or `MAJOR.MINOR`. Another minor version may have kinds of records that
//! this reader does not know, and skips; another major version is not read at all.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::domain::Timestamp;

use super::lines::PIECE_MAX_BYTES;

const HEADER: &str = "cardume-journal 1\n";
const HEADER_NAME: &[u8] = b"cardume-journal ";
const MAJOR: &[u8] = b"1";
/// A first line that is longer is no header.
const HEADER_MAX_BYTES: usize = 64;
/// A record longer than this is none: the largest piece and what stands before it.
const RECORD_MAX_BYTES: usize = PIECE_MAX_BYTES + 64;
/// How much is read at once.
const READ_BYTES: usize = 1024 * 1024;

/// Which of the agent's streams a record is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// One record of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub stream: Stream,
    pub time: Timestamp,
    pub payload: Vec<u8>,
    /// The line goes on in the next record of this stream.
    pub partial: bool,
}

/// The journal's first bytes.
pub fn header() -> &'static [u8] {
    HEADER.as_bytes()
}

/// Appends the record's bytes to `buffer`.
pub fn encode(stream: Stream, time: Timestamp, payload: &[u8], partial: bool, buffer: &mut Vec<u8>) {
    let letter = letter(stream, partial);
    let head = format!("{letter} {}", time.as_millis());
    let checksum = checksum(head.as_bytes(), payload);
    buffer.extend_from_slice(head.as_bytes());
    buffer.extend_from_slice(format!(" {checksum:08x} ").as_bytes());
    buffer.extend_from_slice(payload);
    buffer.push(b'\n');
}

pub(super) fn letter(stream: Stream, partial: bool) -> char {
    match (stream, partial) {
        (Stream::Stdout, false) => 'o',
        (Stream::Stdout, true) => 'O',
        (Stream::Stderr, false) => 'e',
        (Stream::Stderr, true) => 'E',
    }
}

fn checksum(head: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(payload);
    hasher.finalize()
}

/// `None`: damaged.
fn decode(line: &[u8]) -> Option<Entry> {
    let mut parts = line.splitn(4, |byte| *byte == b' ');
    let (letter, time, sum, payload) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let head = &line[..letter.len() + 1 + time.len()];
    let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
    if sum != checksum(head, payload) {
        return None;
    }
    let (stream, partial) = match letter {
        b"o" => (Stream::Stdout, false),
        b"O" => (Stream::Stdout, true),
        b"e" => (Stream::Stderr, false),
        b"E" => (Stream::Stderr, true),
        _ => return Some(Entry::Unknown),
    };
    let time = Timestamp::from_millis(std::str::from_utf8(time).ok()?.parse().ok()?);
    Some(Entry::Record(Record { stream, time, payload: payload.to_vec(), partial }))
}

/// What stands at a place of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    Record(Record),
    /// So many bytes that are no record.
    Damaged(u64),
    /// Unharmed, and of a kind that a newer minor version has.
    Unknown,
}

/// A piece of the journal: its entries, each with the offset at which it ends.
#[derive(Debug, Default)]
pub struct Piece {
    pub entries: Vec<(Entry, u64)>,
    /// Where the reader has got to.
    pub end: u64,
}

/// Why a journal cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("the journal is of version {0}, and this Cardume reads version 1")]
    UnknownVersion(String),
    #[error("the journal ends at byte {length}, and {offset} bytes of it were taken in before")]
    Shorter { length: u64, offset: u64 },
    /// It is there and will not be read, however often one tries.
    #[error("the journal cannot be read: {0}")]
    Unreadable(io::Error),
    /// Trying again may help.
    #[error(transparent)]
    Io(io::Error),
}

impl From<io::Error> for JournalError {
    fn from(error: io::Error) -> Self {
        // EIO: the disk itself.
        let is_final = matches!(error.kind(), ErrorKind::IsADirectory | ErrorKind::PermissionDenied)
            || error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error());
        if is_final { Self::Unreadable(error) } else { Self::Io(error) }
    }
}

/// Reads the complete records behind `offset`, up to about a megabyte of them. `end` equals `offset` where there is
/// nothing new. A record whose end is not written yet is left for later.
pub fn read(path: &Path, offset: u64) -> Result<Piece, JournalError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound && offset == 0 => return Ok(Piece::default()),
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(JournalError::Shorter { length: 0, offset }),
        Err(error) => return Err(error.into()),
    };
    let length = file.metadata()?.len();
    if length < offset {
        return Err(JournalError::Shorter { length, offset });
    }
    let wanted = READ_BYTES.min(usize::try_from(length - offset).unwrap_or(READ_BYTES));
    let mut bytes = vec![0; wanted];
    file.read_exact_at(&mut bytes, offset)?;
    let mut piece = Piece { entries: vec![], end: offset };
    if offset == 0 && !skip_header(&mut bytes, &mut piece)? {
        return Ok(piece);
    }
    split(&bytes, &mut piece);
    Ok(piece)
}

/// Takes the header away. False where it is not all there yet. A first line that is none is damage like any other.
fn skip_header(bytes: &mut Vec<u8>, piece: &mut Piece) -> Result<bool, JournalError> {
    let Some(newline) = bytes.iter().take(HEADER_MAX_BYTES).position(|byte| *byte == b'\n') else {
        return Ok(bytes.len() >= HEADER_MAX_BYTES);
    };
    let Some(version) = bytes[..newline].strip_prefix(HEADER_NAME) else { return Ok(true) };
    let major = version.split(|byte| *byte == b'.').next().unwrap_or_default();
    if major == MAJOR {
        bytes.drain(..=newline);
        piece.end += newline as u64 + 1;
        return Ok(true);
    }
    if major.is_empty() || !major.iter().all(u8::is_ascii_digit) {
        return Ok(true);
    }
    Err(JournalError::UnknownVersion(String::from_utf8_lossy(version).into_owned()))
}

fn split(bytes: &[u8], piece: &mut Piece) {
    let mut rest = bytes;
    while let Some(newline) = memchr::memchr(b'\n', rest) {
        let (line, behind) = (&rest[..newline], &rest[newline + 1..]);
        piece.end += newline as u64 + 1;
        let entry = decode(line).unwrap_or(Entry::Damaged(newline as u64 + 1));
        piece.entries.push((entry, piece.end));
        rest = behind;
    }
    if rest.len() > RECORD_MAX_BYTES {
        piece.end += rest.len() as u64;
        piece.entries.push((Entry::Damaged(rest.len() as u64), piece.end));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(payload: &[u8]) -> Record {
        Record {
            stream: Stream::Stdout,
            time: Timestamp::from_millis(1_763_798_400_123),
            payload: payload.to_vec(),
            partial: false,
        }
    }

    fn encoded(payload: &[u8]) -> Vec<u8> {
        let mut buffer = vec![];
        let record = record(payload);
        encode(record.stream, record.time, payload, record.partial, &mut buffer);
        buffer
    }

    fn journal(parts: &[&[u8]]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), parts.concat()).unwrap();
        file
    }

    fn entries(file: &tempfile::NamedTempFile) -> (Vec<Entry>, u64) {
        let piece = read(file.path(), 0).unwrap();
        (piece.entries.into_iter().map(|(entry, _)| entry).collect(), piece.end)
    }

    #[test]
    fn what_was_written_is_read_to_the_byte() {
        let payloads: [&[u8]; 4] = [b"plain", b"", b"  spaces and \xff\xfe\0 ", "ação".as_bytes()];
        let file = journal(&[header(), &payloads.map(encoded).concat()]);
        let (read, end) = entries(&file);
        assert_eq!(read, payloads.map(|payload| Entry::Record(record(payload))));
        assert_eq!(end, file.path().metadata().unwrap().len());
    }

    #[test]
    fn an_unfinished_record_waits_for_its_end() {
        let torn = encoded(b"second");
        let file = journal(&[header(), &encoded(b"first"), &torn[..torn.len() - 3]]);
        let (read, end) = entries(&file);
        assert_eq!(read, [Entry::Record(record(b"first"))]);
        assert_eq!(end, (HEADER.len() + encoded(b"first").len()) as u64);
    }

    #[test]
    fn a_flipped_bit_costs_one_record_and_says_so() {
        let mut bad = encoded(b"second");
        bad[30] ^= 1;
        let file = journal(&[header(), &encoded(b"first"), &bad, &encoded(b"third")]);
        let (read, _) = entries(&file);
        assert_eq!(read[1], Entry::Damaged(bad.len() as u64));
        assert_eq!(read[2], Entry::Record(record(b"third")));
    }

    #[test]
    fn bytes_without_end_are_damage_and_no_endless_wait() {
        let file = journal(&[header(), &vec![b'x'; RECORD_MAX_BYTES + 1]]);
        let (read, end) = entries(&file);
        assert_eq!(read, [Entry::Damaged(RECORD_MAX_BYTES as u64 + 1)]);
        assert_eq!(end, file.path().metadata().unwrap().len());
    }

    #[test]
    fn another_version_is_refused() {
        for version in ["2", "2.1", "10"] {
            let file = journal(&[format!("cardume-journal {version}\n").as_bytes()]);
            assert!(matches!(read(file.path(), 0), Err(JournalError::UnknownVersion(told)) if told == version));
        }
        let file = journal(&[&header()[..5]]);
        assert_eq!(read(file.path(), 0).unwrap().end, 0);
    }

    #[test]
    fn a_newer_minor_version_is_read_and_its_new_kinds_are_skipped() {
        let head = "x 1";
        let unknown = format!("{head} {:08x} new\n", checksum(head.as_bytes(), b"new"));
        let file = journal(&[b"cardume-journal 1.7\n", unknown.as_bytes(), &encoded(b"known")]);
        let (read, end) = entries(&file);
        assert_eq!(read, [Entry::Unknown, Entry::Record(record(b"known"))]);
        assert_eq!(end, file.path().metadata().unwrap().len());
    }

    #[test]
    fn a_damaged_header_is_damage_and_no_other_version() {
        for header in ["cardume-jourmal 1\n", "cardume-journal \u{1}\n", "\n"] {
            let file = journal(&[header.as_bytes(), &encoded(b"first")]);
            let (read, _) = entries(&file);
            assert_eq!(read, [Entry::Damaged(header.len() as u64), Entry::Record(record(b"first"))], "{header:?}");
        }
    }

    #[test]
    fn what_is_no_file_cannot_be_read() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(read(dir.path(), 0), Err(JournalError::Unreadable(_))));
        let missing = dir.path().join("missing");
        assert_eq!(read(&missing, 0).unwrap().end, 0);
        assert!(matches!(read(&missing, 9), Err(JournalError::Shorter { length: 0, offset: 9 })));
    }

    #[test]
    fn a_journal_that_lost_what_was_taken_in_is_an_error() {
        let file = journal(&[header()]);
        assert!(matches!(read(file.path(), 1000), Err(JournalError::Shorter { .. })));
    }
}
