//! Printing to standard output. What others said goes through `domain::harmless` first.

use std::fmt;
use std::io::{self, Write};

/// Whoever read our output has had enough (`cardume logs CARD | head`): no failure, but nothing more to do either.
#[derive(Debug)]
pub struct NobodyReads;

impl std::error::Error for NobodyReads {}

impl fmt::Display for NobodyReads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads the output any more")
    }
}

/// Writes text to stdout as it is, at once.
pub fn say(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(NobodyReads.into()),
        written => Ok(written?),
    }
}
