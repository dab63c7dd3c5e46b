//! Private keys, which go over many lines: where in a text their bodies are, and where the text leaves off within one.
//!
//! What stands between the first and the last line is the secret. A first line alone proves nothing, since agents read
//! code that speaks of such lines: a key goes on only as long as the lines look like one.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// Every first line has this, whatever its case.
pub const KEYWORD: &str = "-----begin";
/// What stands in place of a line of a key.
pub const MASK: &str = "[masked: private-key]";
/// A line of a key is made of so many letters, but for the last one.
const LINE_MIN_CHARS: usize = 24;

static BEGIN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i-u)-----BEGIN (?:[A-Z0-9_]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-----").ok());
static END: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i-u)-----END (?:[A-Z0-9_]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-----").ok());
static HEADER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\s*(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset|MessageID): ").ok());

/// Where a text leaves off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    #[default]
    Outside,
    /// Behind a key's first line.
    Begun,
    /// Behind a line of its body.
    Inside,
}

/// A stretch of text that belongs to a key.
#[derive(Debug, PartialEq, Eq)]
pub struct Stretch {
    pub range: Range<usize>,
    /// A piece of the body, not of the lines around it.
    pub is_body: bool,
    /// Where one is behind it.
    pub after: Place,
}

/// The keys in a text that begins at `place`, which becomes the place where it ends.
pub fn find(text: &str, place: &mut Place) -> Vec<Stretch> {
    let mut found = vec![];
    let mut at = 0;
    let first = |expression: &Option<Regex>, range: Range<usize>| {
        let hit = expression.as_ref()?.find(&text[range.clone()])?;
        Some(range.start + hit.start()..range.start + hit.end())
    };
    while at < text.len() {
        if *place == Place::Outside {
            let Some(begin) = first(&BEGIN, at..text.len()) else { break };
            at = begin.end;
            *place = Place::Begun;
            found.push(Stretch { range: begin, is_body: false, after: *place });
            continue;
        }
        let line_end = text[at..].find('\n').map_or(text.len(), |length| at + length);
        if let Some(end) = first(&END, at..line_end) {
            if !is_blank(&text[at..end.start]) {
                found.push(Stretch { range: at..end.start, is_body: true, after: Place::Inside });
            }
            at = end.end;
            *place = Place::Outside;
            found.push(Stretch { range: end, is_body: false, after: *place });
        } else if is_blank(&text[at..line_end]) {
            at = (line_end + 1).min(text.len());
        } else if is_body(&text[at..line_end], *place) {
            *place = Place::Inside;
            found.push(Stretch { range: at..line_end, is_body: true, after: *place });
            at = (line_end + 1).min(text.len());
        } else {
            *place = Place::Outside;
            found.push(Stretch { range: at..at, is_body: false, after: *place });
        }
    }
    found
}

/// Where a log leaves off whose last row, as it was masked, is this: what a reader has to know who goes on there.
pub fn place_after(row: &str) -> Place {
    let mut place = if row == MASK { Place::Inside } else { Place::Outside };
    find(row, &mut place);
    place
}

/// Nothing but what may stand around the lines of a key in source code.
fn is_blank(line: &str) -> bool {
    without_ending(line).trim_start_matches([' ', '\t', '+', '"', '\'', '\\', 'n']).is_empty()
}

fn is_body(line: &str, place: Place) -> bool {
    let is_of_key = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let line = without_ending(line);
    if line.ends_with(MASK) || HEADER.as_ref().is_some_and(|header| header.is_match(line)) {
        return true;
    }
    let run = line.bytes().rev().take_while(|byte| is_of_key(*byte)).count();
    let is_last_line = || {
        let last = line.trim_start();
        place == Place::Inside && run == last.len() && (run % 4 == 0 || last.starts_with('='))
    };
    run >= LINE_MIN_CHARS || is_last_line()
}

/// Without what source code puts behind such a line.
fn without_ending(line: &str) -> &str {
    let mut line = line.trim_end_matches([' ', '\t', '\r', '"', '\'', ',', ';', ')', '`']);
    while let Some(rest) = line.strip_suffix("\\n").or_else(|| line.strip_suffix("\\r")) {
        line = rest;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Built from parts, so that no scanner takes this file for a leak.
    fn line(what: &str) -> String {
        format!("-----{what} RSA PRIVATE{}KEY-----", ' ')
    }

    fn body(text: &str, place: Place) -> (Vec<&str>, Place) {
        let mut place = place;
        let found = find(text, &mut place);
        (found.into_iter().filter(|stretch| stretch.is_body).map(|stretch| &text[stretch.range]).collect(), place)
    }

    #[test]
    fn a_key_is_all_that_is_between_its_first_and_its_last_line() {
        let (first, second) = ("a1B2".repeat(16), "c3D4".repeat(4));
        let key = format!("before\n{}\n{first}\n{second}\n{}\nafter", line("BEGIN"), line("END"));
        assert_eq!(body(&key, Place::Outside), (vec![&*first, &*second], Place::Outside));
        let one_line = format!("x = \"{}\\n{first}\\n{second}\\n{}\\n\"", line("BEGIN"), line("END"));
        assert_eq!(body(&one_line, Place::Outside).0, [format!("\\n{first}\\n{second}\\n")]);
    }

    #[test]
    fn a_key_goes_on_in_the_next_text() {
        let first = "a1B2".repeat(16);
        assert_eq!(body(&line("BEGIN"), Place::Outside).1, Place::Begun);
        assert_eq!(body("", Place::Begun).1, Place::Begun);
        assert_eq!(body("Proc-Type: 4,ENCRYPTED", Place::Begun).1, Place::Inside);
        assert_eq!(body(&first, Place::Begun), (vec![&*first], Place::Inside));
        assert_eq!(body("c3D4", Place::Inside), (vec!["c3D4"], Place::Inside));
        assert_eq!(body(&line("END"), Place::Inside), (vec![], Place::Outside));
    }

    #[test]
    fn to_speak_of_such_a_line_begins_no_key() {
        let (text, end) = (format!("grep \"{}\" found nothing\nDone", line("BEGIN")), Place::Outside);
        assert_eq!(body(&text, Place::Outside), (vec![], end));
        assert_eq!(body("Then it ended.", Place::Begun), (vec![], end));
        assert_eq!(body("Done", Place::Begun), (vec![], end));
        assert_eq!(body("a public matter", Place::Inside), (vec![], end));
    }

    #[test]
    fn where_a_log_leaves_off_is_told_by_its_last_row() {
        assert_eq!(place_after(MASK), Place::Inside);
        assert_eq!(place_after(&line("BEGIN")), Place::Begun);
        assert_eq!(place_after(&line("END")), Place::Outside);
        assert_eq!(place_after("anything"), Place::Outside);
    }
}
