//! Texts without regard to case and accents. The browser has the tables for it already; nobody needs to send them.

/// `text` in small letters and without accents.
#[cfg(not(feature = "ssr"))]
pub fn folded(text: &str) -> String {
    use leptos::web_sys::js_sys::JsString;

    let text: String = JsString::from(text).to_lower_case().normalize("NFD").into();
    text.chars().filter(|char| !is_accent(*char)).collect()
}

/// `text` in small letters and without accents.
#[cfg(feature = "ssr")]
pub fn folded(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization;

    text.to_lowercase().nfd().filter(|char| !is_accent(*char)).collect()
}

fn is_accent(char: char) -> bool {
    matches!(char, '\u{300}'..='\u{36f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_accents_do_not_count() {
        assert_eq!(folded("Pêra-Maçã ÉTÉ 7"), "pera-maca ete 7");
    }
}
