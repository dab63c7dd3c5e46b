//! Terminal colours, as stretches of text that the style sheet colours. Whatever else a terminal can be told is left out.

use anstream::adapter::WinconBytes;
use anstyle::{Color, Effects, Style};

/// A stretch of text, the classes that it is shown with, and whether a search has found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub classes: String,
    pub text: String,
    pub is_found: bool,
}

/// The stretches of a text of which `found` was found: byte offsets, from and to, in order. Offsets that do not fit the
/// text mark nothing.
pub fn stretches(text: &str, found: &[(u32, u32)]) -> Vec<Stretch> {
    let mut reader = WinconBytes::new();
    let mut stretches = vec![];
    let mut add = |part: &str, is_found| {
        let parts = reader.extract_next(part.as_bytes());
        stretches.extend(parts.map(|(style, text)| Stretch { classes: classes(style), text, is_found }));
    };
    let mut at = 0;
    for (from, to) in found.iter().map(|(from, to)| (*from as usize, *to as usize)) {
        if let (Some(before), Some(hit)) = (text.get(at..from), text.get(from..to)) {
            add(before, false);
            add(hit, true);
            at = to;
        }
    }
    add(text.get(at..).unwrap_or_default(), false);
    stretches
}

fn classes(style: Style) -> String {
    let mut classes = String::new();
    let mut add = |class: &str| {
        classes.push_str(if classes.is_empty() { "" } else { " " });
        classes.push_str(class);
    };
    let effects = style.get_effects();
    let is_inverted = effects.contains(Effects::INVERT);
    let colour = if is_inverted { style.get_bg_color() } else { style.get_fg_color() };
    if let Some(number) = colour.and_then(number) {
        add(&format!("ansi-{number}"));
    }
    let ground = if is_inverted { style.get_fg_color() } else { style.get_bg_color() };
    if ground.is_some() || is_inverted {
        add("ansi-ground");
    }
    for (effect, class) in [
        (Effects::BOLD, "ansi-bold"),
        (Effects::DIMMED, "ansi-dim"),
        (Effects::ITALIC, "ansi-italic"),
        (Effects::UNDERLINE, "ansi-underline"),
    ] {
        if effects.contains(effect) {
            add(class);
        }
    }
    classes
}

/// Of the sixteen colours that every theme has; others are shown as text is.
fn number(colour: Color) -> Option<u8> {
    match colour {
        Color::Ansi(colour) => Some(anstyle::Ansi256Color::from_ansi(colour).index()),
        Color::Ansi256(colour) => Some(colour.index()).filter(|index| *index < 16),
        Color::Rgb(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(String, String)> {
        stretches(text, &[]).into_iter().map(|stretch| (stretch.classes, stretch.text)).collect()
    }

    #[test]
    fn colours_become_classes_and_nothing_else_is_left_of_them() {
        let pair = |classes: &str, text: &str| (classes.to_owned(), text.to_owned());
        assert_eq!(
            of("a \u{1b}[1;31mred\u{1b}[0m b\u{1b}[38;5;12mblue\u{1b}[m [31m"),
            [
                pair("", "a "),
                pair("ansi-1 ansi-bold", "red"),
                pair("", " b"),
                pair("ansi-12", "blue"),
                pair("", " [31m")
            ]
        );
    }

    #[test]
    fn what_was_found_keeps_its_colour() {
        let text = "a \u{1b}[32mgreen fish\u{1b}[0m";
        let all = stretches(text, &[(7, 12), (90, 99)]);
        let seen: Vec<_> = all.iter().map(|part| (part.classes.as_str(), part.text.as_str(), part.is_found)).collect();
        assert_eq!(seen, [("", "a ", false), ("ansi-2", "green", true), ("ansi-2", " fish", false)]);
    }

    #[test]
    fn links_titles_and_cursor_movements_leave_their_text_at_most() {
        let text = of("\u{1b}]8;;javascript:alert(1)\u{1b}\\click\u{1b}]8;;\u{1b}\\ \u{1b}]0;title\u{7}\u{1b}[2Jend");
        assert_eq!(text.into_iter().map(|(_, text)| text).collect::<String>(), "click end");
    }
}
