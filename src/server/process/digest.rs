//! The digest of a log: one number for all that an agent printed, in order.
//!
//! The supervisor makes it of what it writes, ingest of what it takes in, and where both are equal the log is complete
//! and unharmed. It is a chain, so that it can be kept with the journal's offset and gone on with after a restart:
//! d₀ is 32 zero bytes, and dₙ = SHA-256(dₙ₋₁ ‖ letter ‖ length ‖ payload) for each record, with the record's letter as
//! in the journal and its payload's length in bytes as 64 bits, little endian. Times are not in it.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::journal::Record;

/// The digest of the records so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogDigest([u8; 32]);

impl LogDigest {
    /// Goes on by one record of the journal.
    pub fn add(&mut self, record: &Record) {
        self.add_parts(super::journal::letter(record.stream, record.partial), &record.payload);
    }

    pub(super) fn add_parts(&mut self, letter: char, payload: &[u8]) {
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        // One of `o`, `O`, `e`, `E`: a byte each.
        hasher.update([letter as u8]);
        hasher.update((payload.len() as u64).to_le_bytes());
        hasher.update(payload);
        self.0 = hasher.finalize().into();
    }
}

impl fmt::Display for LogDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The text is no digest.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no SHA-256 in hexadecimal digits")]
pub struct NoDigest;

impl FromStr for LogDigest {
    type Err = NoDigest;

    fn from_str(text: &str) -> Result<Self, NoDigest> {
        let mut digest = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(NoDigest);
        }
        for (index, byte) in digest.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).map_err(|_| NoDigest)?;
        }
        Ok(Self(digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_goes_on_from_its_text() {
        let mut whole = LogDigest::default();
        whole.add_parts('o', b"one");
        let mut resumed: LogDigest = whole.to_string().parse().unwrap();
        whole.add_parts('E', b"two");
        resumed.add_parts('E', b"two");
        assert_eq!(whole, resumed);
    }

    /// Computed with coreutils: `(head -c 32 /dev/zero; printf 'o\3\0\0\0\0\0\0\0one') | sha256sum`.
    #[test]
    fn it_is_what_its_definition_says() {
        let mut digest = LogDigest::default();
        digest.add_parts('o', b"one");
        assert_eq!(digest.to_string(), "543307a2f64c468e48cdd5c0a56b8963614cf7023829c094210ba62c37b45a35");
    }

    #[test]
    fn stream_order_and_boundaries_all_count() {
        let digest = |parts: &[(char, &[u8])]| {
            let mut digest = LogDigest::default();
            parts.iter().for_each(|(letter, payload)| digest.add_parts(*letter, payload));
            digest
        };
        let all = [
            digest(&[('o', b"ab")]),
            digest(&[('o', b"a"), ('o', b"b")]),
            digest(&[('o', b"b"), ('o', b"a")]),
            digest(&[('e', b"ab")]),
            digest(&[('O', b"ab")]),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(all[index + 1..].iter().all(|other| other != one));
        }
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        for text in ["", "00", &"0".repeat(63), &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(text.parse::<LogDigest>(), Err(NoDigest), "{text}");
        }
    }
}
