//! `/preferences`: how somebody wants the pages, kept by the browser in cookies, so that the server renders them so from
//! the start. A plain form, answered with the page that it came from.

use axum::Router;
use axum::extract::Form;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;

use crate::server::security::cookie;
use crate::ui::{Locale, Preferences, Theme};

const THEME: &str = "cardume-theme";
const LANGUAGE: &str = "cardume-language";
const YEAR_SECONDS: u32 = 365 * 24 * 60 * 60;
/// More languages than this nobody speaks.
const LANGUAGES_MAX: usize = 20;

pub fn router() -> Router {
    Router::new().route("/preferences", post(change))
}

/// What the browser has kept, and where it has kept nothing the language that it asks for.
pub fn preferences(headers: &HeaderMap) -> Preferences {
    let theme = cookie(headers, THEME).and_then(|word| word.parse().ok()).unwrap_or_default();
    let language = cookie(headers, LANGUAGE).and_then(|name| name.parse().ok());
    Preferences { theme, language: language.unwrap_or_else(|| accepted(headers)) }
}

/// The first language of `Accept-Language` that is spoken here, whatever the country.
fn accepted(headers: &HeaderMap) -> Locale {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let known = |tag: &String| match tag.split('-').next()?.to_ascii_lowercase().as_str() {
        "en" => Some(Locale::en),
        "pt" => Some(Locale::pt_BR),
        _ => None,
    };
    accept_language::parse(wanted).iter().take(LANGUAGES_MAX).find_map(known).unwrap_or_default()
}

#[derive(Deserialize)]
struct Change {
    theme: Option<String>,
    language: Option<String>,
    /// The page to go back to.
    from: Option<String>,
}

async fn change(Form(change): Form<Change>) -> Response {
    let theme = change.theme.and_then(|word| word.parse::<Theme>().ok()).map(|theme| (THEME, theme.to_string()));
    let language = change.language.and_then(|name| name.parse::<Locale>().ok());
    let language = language.map(|language| (LANGUAGE, language.to_string()));
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    let place = change.from.as_deref().and_then(place).unwrap_or(HeaderValue::from_static("/"));
    headers.insert(header::LOCATION, place);
    for (name, value) in [theme, language].into_iter().flatten() {
        // Lax: a link from elsewhere leads to a page in the right colours, too.
        let cookie = format!("{name}={value}; Path=/; Max-Age={YEAR_SECONDS}; HttpOnly; SameSite=Lax");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
    response
}

/// A place on this board, and nowhere else.
fn place(address: &str) -> Option<HeaderValue> {
    let uri: Uri = address.parse().ok()?;
    let is_here = uri.authority().is_none() && uri.path().starts_with('/') && !address.contains('\\');
    (is_here && !address.starts_with("//")).then(|| HeaderValue::from_str(address).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked_for(languages: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, languages.parse().unwrap());
        preferences(&headers).language.to_string()
    }

    #[test]
    fn the_first_language_that_is_spoken_here_wins() {
        assert_eq!(asked_for("pt"), "pt-BR");
        assert_eq!(asked_for("pt-PT,en;q=0.5"), "pt-BR");
        assert_eq!(asked_for("de,en-GB;q=0.8,pt-BR;q=0.9"), "pt-BR");
        assert_eq!(asked_for("de, fr;q=0.5"), "en");
        assert_eq!(asked_for("*"), "en");
        assert_eq!(asked_for(";;q=,,=1"), "en");
    }

    #[test]
    fn what_was_chosen_beats_what_the_browser_asks_for() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static("pt-BR"));
        headers.insert(header::COOKIE, HeaderValue::from_static("a=b; cardume-language=en; cardume-theme=dark"));
        assert_eq!(preferences(&headers), Preferences { theme: Theme::Dark, language: Locale::en });
        headers.insert(header::COOKIE, HeaderValue::from_static("cardume-language=tlh; cardume-theme=pink"));
        assert_eq!(preferences(&headers), Preferences { theme: Theme::System, language: Locale::pt_BR });
    }

    #[test]
    fn one_is_led_back_to_a_place_on_this_board_only() {
        for address in ["/", "/cards/1?execution=2&line=3", "/?q=a%20b&project=1"] {
            assert_eq!(place(address).unwrap(), address);
        }
        for address in ["//evil.example", "https://evil.example/", "/\\evil.example", "cards", "", "/a\nb"] {
            assert_eq!(place(address), None, "{address}");
        }
    }
}
