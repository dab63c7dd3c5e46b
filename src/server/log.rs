//! Cardume's own log, on standard error, in which secrets are masked as they are in the logs of runs.
//!
//! Besides what looks like a secret, it masks the values that the server was given as such ([`keep_secret`]).

use std::io::{self, IsTerminal, Write};
use std::sync::{PoisonError, RwLock};

use tracing_subscriber::EnvFilter;

use super::secrets;

/// A shorter value would be found in half of all words.
const VALUE_MIN_BYTES: usize = 6;

static VALUES: RwLock<Vec<String>> = RwLock::new(vec![]);

/// Begins the log: what `CARDUME_LOG` asks for, else `info`.
pub fn begin() {
    let filter = EnvFilter::try_from_env("CARDUME_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Masking(io::stderr()))
        .with_ansi(io::stderr().is_terminal())
        .init();
}

/// From now on the value is masked wherever the log would say it.
pub fn keep_secret(value: &str) {
    if value.len() >= VALUE_MIN_BYTES {
        VALUES.write().unwrap_or_else(PoisonError::into_inner).push(value.to_owned());
    }
}

/// The same for the password in a URL.
pub fn keep_password_secret(url: &str) {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split(['/', '?', '#']).next();
    let credentials = authority.and_then(|authority| authority.rsplit_once('@')).map(|(credentials, _)| credentials);
    // One that is also the user's name is no secret, and may be a word that is said for other reasons.
    if let Some((user, password)) = credentials.and_then(|credentials| credentials.split_once(':'))
        && user != password
    {
        keep_secret(password);
        keep_secret(&decoded(password));
    }
}

/// The text as it may be shown in the log.
pub fn harmless(text: &str) -> String {
    let mut text = secrets::mask(text).into_owned();
    for value in VALUES.read().unwrap_or_else(PoisonError::into_inner).iter() {
        if text.contains(value) {
            text = text.replace(value, "[masked: configured]");
        }
    }
    text
}

/// With `%41` as `A`.
fn decoded(text: &str) -> String {
    let mut bytes = vec![];
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let code = behind.get(..2).filter(|_| *first == b'%').and_then(|code| std::str::from_utf8(code).ok());
        let byte = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Masks what is written through it; each event of the log comes as one write.
struct Masking<W>(W);

impl<W: Write> Write for Masking<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(harmless(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_in_confidence_is_not_repeated() {
        keep_password_secret("postgres://cardume:correct%20horse@db:5432/cardume?x=a@b");
        keep_password_secret("postgres://somebody:somebody@db/cardume");
        keep_secret("abc");
        let mut written = Masking(vec![]);
        let token = ["gh", "p_98NcxrvkQfBCLgYuNlZW28qOte81VQqwQ4vz"].concat();
        write!(written, "correct%20horse, correct horse, somebody, abc, {token}").unwrap();
        let written = String::from_utf8(written.0).unwrap();
        assert!(!written.contains("horse") && !written.contains(&token), "{written}");
        assert!(written.contains("somebody, abc, "), "{written}");
    }
}
