//! An agent's verdict: the line `CARDUME: pass`, or `CARDUME: fail` and the reason, in what it said.
//!
//! Pure. Which words are the agent's final ones, and what a missing verdict means, is the engine's to decide.

use std::borrow::Cow;

/// What a line that begins with `CARDUME:` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    /// The reason may be empty.
    Fail(String),
    /// Something else stands behind `CARDUME:`.
    Unclear(String),
}

/// What a line with a verdict begins with, in any case.
pub const KEYWORD: &str = "cardume";
/// Marks of emphasis and quotation: they stand around words and say nothing.
const MARKS: [char; 12] = ['*', '_', '`', '~', '"', '\'', '“', '”', '‘', '’', '«', '»'];
/// What may stand between `fail` and the reason.
const SEPARATORS: [char; 7] = [':', ',', '.', ';', '!', '—', '–'];

impl Verdict {
    /// The verdict of the last line that begins with `CARDUME:`; `None` if no line does. The last such line decides, even
    /// if it is no verdict.
    pub fn in_text(text: &str) -> Option<Self> {
        text.lines().rev().find_map(Self::of_line)
    }

    /// What the line says, if it begins with `CARDUME:`. Marks of emphasis, quotes and lists, colours and case don't count.
    pub fn of_line(line: &str) -> Option<Self> {
        let line = without_colours(line);
        let (rest, opened) = behind_leading_marks(&line);
        let behind = behind_word(rest, KEYWORD)?;
        let colon = behind.trim_start_matches(MARKS).strip_prefix(':')?;
        let said = colon.trim_start_matches(|c: char| c.is_whitespace() || MARKS.contains(&c));
        let between = &behind[..behind.len() - said.len()];
        // Marks before the word and behind the colon are pairs, or else they are closed at the end.
        let open = opened.abs_diff(count_marks(between));
        Some(Self::of_words(said.trim_end(), open))
    }

    /// What stands behind `CARDUME:`, with so many marks still open.
    fn of_words(said: &str, open: usize) -> Self {
        let ends_the_word = |rest: &str| {
            let next = rest.chars().next();
            next.is_none_or(|c| c.is_whitespace() || c == '(' || MARKS.contains(&c) || SEPARATORS.contains(&c))
        };
        match (behind_word(said, "pass"), behind_word(said, "fail")) {
            (Some(rest), _)
                if rest.chars().all(|c| c.is_whitespace() || ['.', '!'].contains(&c) || MARKS.contains(&c)) =>
            {
                Self::Pass
            }
            (_, Some(rest)) if ends_the_word(rest) => Self::Fail(reason(rest, open)),
            _ => Self::Unclear(without_closing_marks(said, open).to_owned()),
        }
    }
}

/// The reason behind the word `fail`.
fn reason(rest: &str, open: usize) -> String {
    let bare = rest.trim_start_matches(MARKS);
    let open = open.saturating_sub(count_marks(&rest[..rest.len() - bare.len()]));
    let bare = bare.trim_start_matches(|c: char| c.is_whitespace() || "*_~-".contains(c) || SEPARATORS.contains(&c));
    without_closing_marks(bare, open).to_owned()
}

fn without_closing_marks(text: &str, open: usize) -> &str {
    (0..open).fold(text.trim_end(), |text, _| text.strip_suffix(MARKS).unwrap_or(text).trim_end())
}

fn count_marks(text: &str) -> usize {
    text.chars().filter(|c| MARKS.contains(c)).count()
}

fn behind_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let start = text.get(..word.len())?;
    start.eq_ignore_ascii_case(word).then(|| &text[word.len()..])
}

/// The line without the marks that it begins with, and how many of them are of emphasis or quotation.
fn behind_leading_marks(line: &str) -> (&str, usize) {
    let (mut rest, mut opened) = (line.trim_start(), 0);
    loop {
        let next = match rest.strip_prefix(MARKS) {
            Some(behind) => {
                opened += 1;
                behind
            }
            None => match rest.strip_prefix(['>', '#']).or_else(|| behind_list_mark(rest)) {
                Some(behind) => behind,
                None => return (rest, opened),
            },
        };
        rest = next.trim_start();
    }
}

/// Behind `- `, `+ `, `• `, `1. `, `1) ` or `[x] `. What follows it at once is a word, and no list.
fn behind_list_mark(line: &str) -> Option<&str> {
    let number = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let behind = match number.len() < line.len() {
        true => number.strip_prefix(['.', ')'])?,
        false => ["-", "+", "•", "[ ]", "[x]", "[X]"].iter().find_map(|mark| line.strip_prefix(mark))?,
    };
    behind.starts_with(char::is_whitespace).then_some(behind)
}

/// Without the escape sequences (`ESC [ … letter`) with which a terminal's colours are set.
fn without_colours(line: &str) -> Cow<'_, str> {
    if !line.contains('\u{1b}') {
        return line.into();
    }
    let mut pieces = line.split("\u{1b}[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|c: char| ('@'..='~').contains(&c));
        plain.push_str(end.map_or("", |end| &piece[end + 1..]));
    }
    plain.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fail(reason: &str) -> Option<Verdict> {
        Some(Verdict::Fail(reason.into()))
    }

    fn unclear(said: &str) -> Option<Verdict> {
        Some(Verdict::Unclear(said.into()))
    }

    #[test]
    fn marks_and_case_do_not_change_a_verdict() {
        for line in [
            "CARDUME: pass",
            "cardume: Pass",
            "CARDUME:pass",
            "  \tCARDUME:   PASS  ",
            "CARDUME: pass.",
            "CARDUME: pass!",
            "**CARDUME: pass**",
            "**CARDUME:** pass",
            "**CARDUME**: pass",
            "CARDUME: **pass**",
            "__CARDUME:__ pass",
            "*CARDUME: pass.*",
            "`CARDUME: pass`",
            "CARDUME: `pass`",
            "~~CARDUME:~~ pass",
            "\"CARDUME: pass\"",
            "“CARDUME: pass”",
            "> CARDUME: pass",
            ">>CARDUME: pass",
            "> > - **`CARDUME: pass`**",
            "- CARDUME: pass",
            "* CARDUME: pass",
            "+ CARDUME: pass",
            "• CARDUME: pass",
            "- [x] CARDUME: pass",
            "1. CARDUME: pass",
            "12) **CARDUME:** pass",
            "## CARDUME: pass",
            "\u{1b}[1;32mCARDUME: pass\u{1b}[0m",
            "CARDUME: \u{1b}[32mpass\u{1b}[m",
        ] {
            assert_eq!(Verdict::of_line(line), Some(Verdict::Pass), "{line:?}");
        }
    }

    #[test]
    fn a_failure_has_its_reason_and_no_marks_around_it() {
        for (line, reason) in [
            ("CARDUME: fail", ""),
            ("CARDUME: FAIL", ""),
            ("**CARDUME:** fail", ""),
            ("**CARDUME: fail**", ""),
            ("> CARDUME: fail", ""),
            ("- CARDUME: fail", ""),
            ("CARDUME: fail.", ""),
            ("CARDUME: fail two tests are red", "two tests are red"),
            ("CARDUME: fail: two tests are red.", "two tests are red."),
            ("CARDUME: Fail - two tests", "two tests"),
            ("CARDUME: fail — two tests", "two tests"),
            ("CARDUME: fail—two tests", "two tests"),
            ("CARDUME: fail (two tests)", "(two tests)"),
            ("CARDUME: fail(two tests)", "(two tests)"),
            ("**CARDUME: fail two tests**", "two tests"),
            ("**CARDUME:** **fail** two tests", "two tests"),
            ("**CARDUME:** *fail two tests*", "two tests"),
            ("CARDUME: **fail** two **red** tests", "two **red** tests"),
            ("`CARDUME: fail two tests`", "two tests"),
            ("CARDUME: fail `Store::log` loses `limit`", "`Store::log` loses `limit`"),
            ("CARDUME: `fail` in `log`", "in `log`"),
            ("\"CARDUME: fail two tests\"", "two tests"),
            ("CARDUME: fail \"x\" is no number", "\"x\" is no number"),
            ("\u{1b}[31mCARDUME: fail\u{1b}[0m red", "red"),
        ] {
            assert_eq!(Verdict::of_line(line), fail(reason), "{line:?}");
        }
    }

    #[test]
    fn anything_else_behind_the_colon_is_no_verdict() {
        for (line, said) in [
            ("CARDUME:", ""),
            ("CARDUME: blocked", "blocked"),
            ("CARDUME: failure-free run", "failure-free run"),
            ("CARDUME: fail-free", "fail-free"),
            ("CARDUME: failed", "failed"),
            ("CARDUME: fails", "fails"),
            ("CARDUME: passed", "passed"),
            ("CARDUME: pass with reservations", "pass with reservations"),
            ("CARDUME: pass, mostly", "pass, mostly"),
            ("CARDUME: pass?", "pass?"),
            ("CARDUME: pass/fail", "pass/fail"),
            ("CARDUME: fail/pass", "fail/pass"),
            ("CARDUME: pass, or CARDUME: fail", "pass, or CARDUME: fail"),
            ("CARDUME: not pass", "not pass"),
            ("**CARDUME: blocked**", "blocked"),
            ("CARDUME: pässt", "pässt"),
            ("CARDUME: CARDUME: pass", "CARDUME: pass"),
        ] {
            assert_eq!(Verdict::of_line(line), unclear(said), "{line:?}");
        }
    }

    #[test]
    fn other_lines_say_nothing_of_a_verdict() {
        for line in [
            "",
            "pass",
            "fail",
            "My verdict is CARDUME: pass",
            "End with `CARDUME: pass`",
            "CARDUME",
            "CARDUME pass",
            "CARDUMES: pass",
            "-CARDUME: pass",
            "+CARDUME: pass",
            "1.CARDUME: pass",
            "| CARDUME: fail |",
            "x> CARDUME: fail",
            "\u{1b}[",
        ] {
            assert_eq!(Verdict::of_line(line), None, "{line:?}");
        }
    }

    #[test]
    fn the_last_line_decides_even_if_it_is_no_verdict() {
        assert_eq!(Verdict::in_text(""), None);
        assert_eq!(Verdict::in_text("No verdict at all"), None);
        assert_eq!(Verdict::in_text("All is well.\nCARDUME: pass\n\nBye."), Some(Verdict::Pass));
        assert_eq!(Verdict::in_text("CARDUME: pass\nlater\r\nCARDUME: fail two tests\r\n"), fail("two tests"));
        assert_eq!(Verdict::in_text("CARDUME: fail two tests\nmended\nCARDUME: pass"), Some(Verdict::Pass));
        assert_eq!(Verdict::in_text("CARDUME: pass\nCARDUME: blocked"), unclear("blocked"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            Verdict::in_text(&text);
        }

        #[test]
        fn nothing_behind_the_keyword_makes_it_panic(
            before in "[ >#*_`~\"“•+.)0-9\u{1b}\\[-]{0,12}",
            behind in "[ *_`~.!:,—(a-zA-Z\u{1b}\\[é]{0,12}",
            word in prop::sample::select(vec!["pass", "fail", "PASS", "Fail", ""]),
            end in any::<String>(),
        ) {
            for colon in [":", "**:", ":**", ""] {
                Verdict::in_text(&format!("{before}CARDUME{colon}{word}{behind}{end}"));
            }
        }

        #[test]
        fn words_behind_pass_are_never_a_pass(words in "[ *.!,:;—-]{0,3}[a-zA-Z0-9é🐟]{1,8}") {
            prop_assert_ne!(Verdict::in_text(&format!("CARDUME: pass{words}")), Some(Verdict::Pass));
        }
    }
}
