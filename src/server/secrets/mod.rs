//! Masks what looks like a secret (a token, an API key, a private key) before it is kept or shown.
//!
//! Pure: text in, text out. It knows secrets by their shape, as published lists have them, and so neither a password
//! that looks like a word nor a token of a kind that nobody has described. Whoever wants to smuggle a secret past it
//! can; it is against accidents.

mod keys;
mod rules;

use std::borrow::Cow;
use std::ops::Range;

use keys::Place;

/// How often a text is looked at again in which something was masked: what stands beside a mask may be a secret that
/// nobody saw in what it was before.
const LOOKS_MAX: usize = 8;

/// Masks a text that stands by itself.
pub fn mask(text: &str) -> Cow<'_, str> {
    Masker::default().mask(text)
}

/// The same for an owned text.
pub fn masked(text: String) -> String {
    match mask(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(masked) => masked,
    }
}

/// Masks the texts of one stream, one after the other: a private key may go over many of them.
#[derive(Clone, Debug, Default)]
pub struct Masker {
    place: Place,
}

impl Masker {
    /// For a stream whose last text so far, as it was masked, is this.
    pub fn after(last: Option<&str>) -> Self {
        Self { place: last.map(keys::place_after).unwrap_or_default() }
    }

    /// The text with its secrets masked; untouched, to the byte, where it has none.
    pub fn mask<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        let marks = marks(text, &mut self.place);
        if marks.iter().all(|mark| mark.rule.is_none()) {
            return Cow::Borrowed(text);
        }
        Cow::Owned(render(text, &marks))
    }

    /// Masks a piece of a line of which the next piece is known: what lies across both is masked in the first one.
    /// Answers the first, masked, and what is left of the next, for which it is then this one's turn.
    pub fn mask_across<'a>(&mut self, piece: &str, next: &'a str) -> (String, Cow<'a, str>) {
        let text = [piece, next].concat();
        let mut place = self.place;
        let marks = marks(&text, &mut place);
        let cut = marks.iter().find(|mark| mark.range.start < piece.len() && mark.range.end > piece.len());
        let cut = cut.map_or(piece.len(), |mark| mark.range.end);
        let before: Vec<Mark> = marks.into_iter().take_while(|mark| mark.range.end <= cut).collect();
        if let Some(after) = before.iter().rev().find_map(|mark| mark.after) {
            self.place = after;
        }
        (render(&text[..cut], &before), Cow::Borrowed(&next[cut - piece.len()..]))
    }
}

/// A stretch of text that must not be cut; where a rule names it, a secret.
struct Mark {
    range: Range<usize>,
    rule: Option<&'static str>,
    /// For a stretch of a private key: where one is behind it.
    after: Option<Place>,
}

/// What there is in a text, in order and without overlaps.
fn marks(text: &str, place: &mut Place) -> Vec<Mark> {
    let (found, is_key_near) = rules::find(text);
    if *place == Place::Outside && !is_key_near {
        return if found.is_empty() { vec![] } else { marks_of(found) };
    }
    let mut marks: Vec<Mark> = keys::find(text, place)
        .into_iter()
        .map(|stretch| Mark {
            range: stretch.range,
            rule: stretch.is_body.then_some("private-key"),
            after: Some(stretch.after),
        })
        .collect();
    // What lies within a key is masked with it; what runs into one ends there.
    let mut others = marks_of(found);
    others.retain_mut(|other| {
        let behind = marks.partition_point(|mark| mark.range.end <= other.range.start);
        let Some(mark) = marks.get(behind) else { return true };
        other.range.end = other.range.end.min(mark.range.start);
        other.range.start < other.range.end
    });
    marks.extend(others);
    marks.sort_by_key(|mark| (mark.range.start, mark.range.end));
    marks
}

/// Secrets that overlap become one.
fn marks_of(mut found: Vec<rules::Found>) -> Vec<Mark> {
    found.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
    let mut marks: Vec<Mark> = vec![];
    for (range, rule) in found {
        match marks.last_mut() {
            Some(last) if range.start < last.range.end => last.range.end = last.range.end.max(range.end),
            _ => marks.push(Mark { range, rule: Some(rule), after: None }),
        }
    }
    marks
}

fn render(text: &str, marks: &[Mark]) -> String {
    let mut masked = render_once(text, marks);
    if marks.iter().any(|mark| mark.rule.is_some()) {
        for _ in 0..LOOKS_MAX {
            let marks = marks_of(rules::find(&masked).0);
            if marks.is_empty() {
                break;
            }
            masked = render_once(&masked, &marks);
        }
    }
    masked
}

fn render_once(text: &str, marks: &[Mark]) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    for mark in marks {
        let Some(rule) = mark.rule else { continue };
        masked.push_str(&text[at..mark.range.start]);
        masked.push_str("[masked: ");
        masked.push_str(rule);
        masked.push(']');
        at = mark.range.end;
    }
    masked.push_str(&text[at..]);
    masked
}

#[cfg(test)]
mod tests;
