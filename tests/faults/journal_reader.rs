//! Row 6, the journal's reader by itself: whatever is done to a journal, it does not panic, it comes to an end, and it
//! reads every record that was left alone.

use std::collections::HashSet;

use cardume::domain::Timestamp;
use cardume::server::process::journal::{self, Entry, Stream};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::rounds;

/// Something that happens to the bytes behind the header. Places are fractions of the length.
#[derive(Clone, Debug)]
enum Edit {
    Flip { at: f64, bit: u8 },
    Remove { at: f64, length: usize },
    Insert { at: f64, bytes: Vec<u8> },
    CutOff { at: f64 },
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => (0.0..1.0, 0..8u8).prop_map(|(at, bit)| Edit::Flip { at, bit }),
        2 => (0.0..1.0, 1..300usize).prop_map(|(at, length)| Edit::Remove { at, length }),
        2 => (0.0..1.0, prop::collection::vec(any::<u8>(), 1..300)).prop_map(|(at, bytes)| Edit::Insert { at, bytes }),
        1 => (0.5..1.0).prop_map(|at| Edit::CutOff { at }),
    ]
}

impl Edit {
    fn apply(self, bytes: &mut Vec<u8>) {
        let place = |at: f64| ((bytes.len() as f64 * at) as usize).min(bytes.len());
        match self {
            Self::Flip { at, bit } => {
                let at = place(at);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << bit;
                }
            }
            Self::Remove { at, length } => {
                let at = place(at);
                bytes.drain(at..(at + length).min(bytes.len()));
            }
            Self::Insert { at, bytes: new } => {
                let at = place(at);
                bytes.splice(at..at, new);
            }
            Self::CutOff { at } => bytes.truncate(place(at)),
        }
    }
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("a record is a line", |byte| *byte != b'\n');
    prop_oneof![10 => prop::collection::vec(byte, 0..80), 1 => Just(vec![b'x'; journal_piece_bytes()])]
}

/// A long line's piece, as the supervisor cuts it.
fn journal_piece_bytes() -> usize {
    256 * 1024
}

fn record() -> impl Strategy<Value = Vec<u8>> {
    (any::<bool>(), any::<bool>(), 0..4_000_000_000_000i64, payload()).prop_map(|(out, partial, time, payload)| {
        let stream = if out { Stream::Stdout } else { Stream::Stderr };
        let mut bytes = vec![];
        journal::encode(stream, Timestamp::from_millis(time), &payload, partial, &mut bytes);
        bytes
    })
}

/// Reads from the beginning until nothing more comes; answers the records, encoded again. Fails where that does not end.
fn read_all(bytes: &[u8]) -> Vec<Vec<u8>> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let mut offset = 0;
    let mut records = vec![];
    loop {
        let Ok(piece) = journal::read(file.path(), offset) else { return records };
        if piece.end == offset {
            return records;
        }
        assert!(piece.end > offset && piece.end <= bytes.len() as u64, "from {offset} to {}", piece.end);
        for (entry, _) in piece.entries {
            if let Entry::Record(record) = entry {
                let mut bytes = vec![];
                journal::encode(record.stream, record.time, &record.payload, record.partial, &mut bytes);
                records.push(bytes);
            }
        }
        offset = piece.end;
    }
}

fn config() -> ProptestConfig {
    let cases = 256 * u32::try_from(rounds::rounds()).unwrap();
    let rng_seed = RngSeed::Fixed(rounds::seed());
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn row_6_undamaged_records_are_all_read(
        records in prop::collection::vec(record(), 1..60),
        edits in prop::collection::vec(edit(), 0..6),
    ) {
        let mut body = records.concat();
        edits.into_iter().for_each(|edit| edit.apply(&mut body));
        let originals: HashSet<&[u8]> = records.iter().map(Vec::as_slice).collect();
        let is_whole = |line: &&[u8]| originals.contains(line);
        let undamaged: Vec<&[u8]> = body.split_inclusive(|byte| *byte == b'\n').filter(is_whole).collect();
        let read = read_all(&[journal::header(), &body].concat());
        prop_assert!(read.iter().all(|record| originals.contains(&record[..])), "a record that nobody wrote");
        // More may be read than was left alone to the byte: a checksum in capitals is the same.
        let mut read = read.iter();
        prop_assert!(undamaged.iter().all(|line| read.any(|record| record == line)), "an undamaged record was not read");
    }

    #[test]
    fn row_6_any_bytes_at_all_come_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..4000), headed: bool) {
        let header = if headed { journal::header() } else { b"" };
        read_all(&[header, &bytes].concat());
    }
}
