//! Terminal colours, as stretches of text that the style sheet colours. Whatever else a terminal can be told is left out.

use anstream::adapter::WinconBytes;
use anstyle::{Color, Effects, Style};

/// A stretch of text, and the classes that it is shown with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub classes: String,
    pub text: String,
}

/// `None` for a text without an escape sequence.
pub fn stretches(text: &str) -> Option<Vec<Stretch>> {
    if !text.contains('\u{1b}') {
        return None;
    }
    let mut reader = WinconBytes::new();
    let stretches = reader.extract_next(text.as_bytes()).map(|(style, text)| Stretch { classes: classes(style), text });
    Some(stretches.collect())
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
        stretches(text).unwrap().into_iter().map(|stretch| (stretch.classes, stretch.text)).collect()
    }

    #[test]
    fn colours_become_classes_and_nothing_else_is_left_of_them() {
        assert_eq!(stretches("plain [31m"), None);
        let pair = |classes: &str, text: &str| (classes.to_owned(), text.to_owned());
        assert_eq!(
            of("a \u{1b}[1;31mred\u{1b}[0m b\u{1b}[38;5;12mblue\u{1b}[m"),
            [pair("", "a "), pair("ansi-1 ansi-bold", "red"), pair("", " b"), pair("ansi-12", "blue")]
        );
    }

    #[test]
    fn links_titles_and_cursor_movements_leave_their_text_at_most() {
        let text = of("\u{1b}]8;;javascript:alert(1)\u{1b}\\click\u{1b}]8;;\u{1b}\\ \u{1b}]0;title\u{7}\u{1b}[2Jend");
        assert_eq!(text.into_iter().map(|(_, text)| text).collect::<String>(), "click end");
    }
}
