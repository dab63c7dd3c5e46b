//! Consecutive lines of a log, as the address of a page names them: `5`, or `5-9`.

use std::fmt;
use std::str::FromStr;

/// Lines of a log, from 1; the last is not before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineRange {
    pub first: i64,
    pub last: i64,
}

impl LineRange {
    pub fn one(line: i64) -> Self {
        Self { first: line, last: line }
    }

    /// From where it begins up to another line, or from that line to where it begins.
    pub fn to(self, line: i64) -> Self {
        Self { first: self.first.min(line), last: self.first.max(line) }
    }

    pub fn has(self, line: i64) -> bool {
        (self.first..=self.last).contains(&line)
    }

    /// As much of it as a log of so many lines has.
    pub fn within(self, lines: i64) -> Self {
        let lines = lines.max(1);
        Self { first: self.first.min(lines), last: self.last.min(lines) }
    }
}

impl FromStr for LineRange {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let line = |text: &str| text.trim().parse().map_err(drop).map(|line: i64| line.max(1));
        match text.split_once('-') {
            Some((first, last)) => Ok(Self::one(line(first)?).to(line(last)?)),
            None => line(text).map(Self::one),
        }
    }
}

impl fmt::Display for LineRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self { first, last } if first == last => write!(f, "{first}"),
            Self { first, last } => write!(f, "{first}-{last}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_written() {
        for text in ["1", "7", "5-9"] {
            assert_eq!(text.parse::<LineRange>().unwrap().to_string(), text);
        }
        assert_eq!("9 - 5".parse(), Ok(LineRange { first: 5, last: 9 }));
        assert_eq!("4-4".parse(), Ok(LineRange::one(4)));
        assert_eq!("0".parse(), Ok(LineRange::one(1)));
        for text in ["", "x", "-", "5-", "-5", "1-2-3", "99999999999999999999"] {
            assert!(text.parse::<LineRange>().is_err(), "{text}");
        }
    }

    #[test]
    fn it_ends_where_the_log_does() {
        assert_eq!(LineRange { first: 5, last: 9 }.within(7), LineRange { first: 5, last: 7 });
        assert_eq!(LineRange::one(5).within(0), LineRange::one(1));
    }
}
