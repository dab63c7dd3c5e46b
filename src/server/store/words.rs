//! The words of a text, as they are searched for: letters and digits, without regard to case and accents.
//!
//! Cardume takes texts apart by itself, so that both engines find the same.

use std::ops::Range;

use anstream::adapter::strip_str;
use unicode_normalization::char::{decompose_canonical, is_combining_mark};

/// A longer word is cut off here, in the text and in what is searched for.
const WORD_MAX_CHARS: usize = 40;

/// A word, and where in the text it stands, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub range: Range<usize>,
    pub folded: String,
}

/// The words of `text`, in order; what a terminal would not show is no part of them.
pub(super) fn words(text: &str) -> impl Iterator<Item = Word> {
    let shown: Vec<&str> = if text.contains('\u{1b}') { strip_str(text).collect() } else { vec![text] };
    shown.into_iter().flat_map(move |part| {
        let at = part.as_ptr().addr() - text.as_ptr().addr();
        words_of(part).map(move |word| Word { range: at + word.range.start..at + word.range.end, ..word })
    })
}

fn words_of(text: &str) -> impl Iterator<Item = Word> {
    let mut rest = text.char_indices().peekable();
    std::iter::from_fn(move || {
        while rest.next_if(|(_, char)| !char.is_alphanumeric()).is_some() {}
        let (start, first) = rest.next()?;
        let mut word = Word { range: start..start + first.len_utf8(), folded: String::new() };
        let mut chars = 1;
        fold(first, &mut word.folded);
        while !stands_alone(first) {
            let goes_on = |char: char| (char.is_alphanumeric() && !stands_alone(char)) || is_combining_mark(char);
            let Some((at, char)) = rest.next_if(|(_, char)| goes_on(*char)) else { break };
            word.range.end = at + char.len_utf8();
            chars += 1;
            if chars <= WORD_MAX_CHARS {
                fold(char, &mut word.folded);
            }
        }
        Some(word)
    })
}

/// Scripts that put no spaces between their words: each sign counts as one.
fn stands_alone(char: char) -> bool {
    matches!(char, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

fn fold(char: char, folded: &mut String) {
    if char.is_ascii() {
        return folded.push(char.to_ascii_lowercase());
    }
    for lower in char.to_lowercase() {
        decompose_canonical(lower, |part| {
            if !is_combining_mark(part) {
                folded.push(part);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Vec<String> {
        words(text).map(|word| word.folded).collect()
    }

    #[test]
    fn words_are_letters_and_digits_without_case_and_accents() {
        assert_eq!(folded("src/server/exit_code.rs:42"), ["src", "server", "exit", "code", "rs", "42"]);
        assert_eq!(folded("AÇÃO Ação ac\u{327}a\u{303}o"), ["acao", "acao", "acao"]);
        assert_eq!(folded("魚群 \u{1b}[31mRED"), ["魚", "群", "red"]);
        assert_eq!(folded(" \u{301}-. "), [""; 0]);
    }

    #[test]
    fn each_word_says_where_it_stands() {
        let text = "…a\u{303}b, 魚 \u{1b}[1;31mc\u{1b}[0md \u{1b}]8;;http://hidden\u{7}link";
        let found: Vec<&str> = words(text).map(|word| &text[word.range]).collect();
        assert_eq!(found, ["a\u{303}b", "魚", "c", "d", "link"]);
    }

    #[test]
    fn a_word_without_end_is_cut_off_and_still_one() {
        let long = "x".repeat(5000);
        let all: Vec<Word> = words(&long).collect();
        assert_eq!((all.len(), all[0].range.len(), all[0].folded.len()), (1, 5000, WORD_MAX_CHARS));
    }
}
