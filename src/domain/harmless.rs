//! Text from agents, tools and repositories, made harmless: it may hold anything, and a terminal obeys what it reads.

/// What could move the cursor, colour, hide or reorder what is on the screen: control characters (of which ESC begins
/// every escape sequence) and the marks that turn the direction of writing. Tab and line feed are harmless.
pub fn is_harmful(c: char) -> bool {
    (c.is_control() && c != '\t' && c != '\n')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with all that could harm made visible: ESC becomes `\u{1b}`.
pub fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.replace("\r\n", "\n").chars() {
        if is_harmful(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}

/// The same on one line.
pub fn harmless_line(text: &str) -> String {
    harmless(text).replace(['\n', '\t'], " ")
}

/// JSON with the same characters as JSON's own escapes: nothing is lost to the program that reads it.
pub fn harmless_json(json: &str) -> String {
    // JSON itself has escaped all below U+0020; what is left can stand in its strings only.
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if is_harmful(c) { out.push_str(&format!("\\u{:04x}", u32::from(c))) } else { out.push(c) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_line_does_nothing_to_the_terminal() {
        let hostile = "a\u{1b}]0;title\u{7}b\rc\u{9b}2Jd\u{7f}e\u{202e}f\tg\r\nh";
        let shown = harmless(hostile);
        assert_eq!(shown, "a\\u{1b}]0;title\\u{7}b\\u{d}c\\u{9b}2Jd\\u{7f}e\\u{202e}f\tg\nh");
        assert_eq!(harmless_line("a\nb\tc"), "a b c");
        assert_eq!(harmless("Grüße, 日本 🐟"), "Grüße, 日本 🐟");
    }

    #[test]
    fn json_keeps_every_character() {
        let hostile = "\u{1b}[31m\u{9b}\u{7f}\u{202e}\n\t\"";
        let json = harmless_json(&serde_json::to_string(hostile).unwrap());
        assert!(!json.contains(is_harmful) && !json.contains('\n'), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), hostile);
    }
}
