//! Any command: each line it prints is a row.

use super::Said;
use crate::domain::LogType;
use crate::server::process::journal::Stream;

pub fn read_line(stream: Stream, line: &str) -> Said {
    let kind = match stream {
        Stream::Stdout => LogType::Text,
        Stream::Stderr => LogType::Stderr,
    };
    Said { rows: vec![(kind, line.to_owned())], ..Said::default() }
}
