//! What the machine can run out of for a while: room on the disk, open files, memory, processes. Work waits for these; a
//! card never fails because of them.

use std::fmt;
use std::io::{self, ErrorKind};

use rustix::io::Errno;

/// Something that the machine has too little of. Waiting helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shortage {
    Disk,
    Files,
    Memory,
    Processes,
}

/// The C library's own words, as programs print them in the C locale.
const WORDS: [(&str, Shortage); 6] = [
    ("No space left on device", Shortage::Disk),
    ("Disk quota exceeded", Shortage::Disk),
    ("Too many open files", Shortage::Files),
    ("Cannot allocate memory", Shortage::Memory),
    ("Out of memory", Shortage::Memory),
    ("Resource temporarily unavailable", Shortage::Processes),
];

impl Shortage {
    /// What an error of the system is about. `EAGAIN` is what `fork` says; who reads without blocking looks at that first.
    pub fn of(error: &io::Error) -> Option<Self> {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => return Some(Self::Disk),
            ErrorKind::OutOfMemory => return Some(Self::Memory),
            _ => {}
        }
        match Errno::from_io_error(error)? {
            Errno::MFILE | Errno::NFILE => Some(Self::Files),
            Errno::AGAIN => Some(Self::Processes),
            _ => None,
        }
    }

    /// What another program's words are about.
    pub fn in_words(words: &str) -> Option<Self> {
        WORDS.iter().find(|(phrase, _)| words.contains(phrase)).map(|(_, shortage)| *shortage)
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disk => "the disk is full",
            Self::Files => "too many files are open",
            Self::Memory => "there is no memory left",
            Self::Processes => "no more processes can be started",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_told_from_what_will_not() {
        let of = |errno: Errno| Shortage::of(&errno.into());
        assert_eq!(of(Errno::NOSPC), Some(Shortage::Disk));
        assert_eq!(of(Errno::DQUOT), Some(Shortage::Disk));
        assert_eq!((of(Errno::MFILE), of(Errno::NFILE)), (Some(Shortage::Files), Some(Shortage::Files)));
        assert_eq!((of(Errno::NOMEM), of(Errno::AGAIN)), (Some(Shortage::Memory), Some(Shortage::Processes)));
        for other in [Errno::NOENT, Errno::ACCESS, Errno::IO, Errno::ROFS] {
            assert_eq!(of(other), None, "{other:?}");
        }
    }

    #[test]
    fn other_programs_say_it_in_the_c_librarys_words() {
        // The system's own text, so that a new one would be noticed.
        for errno in [Errno::NOSPC, Errno::DQUOT, Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::AGAIN] {
            let error = io::Error::from(errno);
            assert_eq!(Shortage::in_words(&format!("fatal: cannot do it: {error}")), Shortage::of(&error), "{error}");
        }
        assert_eq!(Shortage::in_words("fatal: not a git repository"), None);
    }
}
