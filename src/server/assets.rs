//! The files that a browser needs besides the pages: the bundle, the styles, and what lies in `public/`, all of them
//! inside this binary.
//!
//! `scripts/bundle.mjs` makes them, with a compressed twin (`.br`, `.gz`) beside each file that is worth it; here the
//! best form that the browser takes is picked. Nothing is compressed while somebody waits. A debug build reads the
//! files from disk, so that a new bundle needs no new server.

use std::borrow::Cow;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::RustEmbed;
use serde::Deserialize;

use crate::ui;

/// Where `scripts/bundle.mjs` leaves the bundle; `build.rs` sees to it that the folder exists.
#[derive(RustEmbed)]
#[folder = "target/site"]
struct Site;

/// Tells the names of the bundle's files, which change with their contents. Itself not served.
const MANIFEST: &str = "manifest.json";

/// Files in this folder carry a hash of their contents in their names, and so never change.
const HASHED: &str = "pkg/";

/// The URLs of the bundle, for the page's head. Empty where the browser's side has not been built: the board then
/// works as plain pages and forms.
pub fn bundle() -> ui::Assets {
    #[derive(Default, Deserialize)]
    struct Manifest {
        css: String,
        js: String,
        wasm: String,
        parts: Parts,
    }
    #[derive(Default, Deserialize)]
    struct Parts {
        board: Vec<String>,
        card: Vec<String>,
        usage: Vec<String>,
    }
    let manifest = Site::get(MANIFEST).map(|file| file.data);
    let names: Manifest = manifest.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
    let Manifest { css, js, wasm, parts: Parts { board, card, usage } } = names;
    ui::Assets { css, js, wasm, board, card, usage }
}

/// Serves every file of the bundle at its path.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let handler = |uri: Uri, headers: HeaderMap| async move { answer(uri.path(), &headers, load) };
    let beside_the_bundle = Site::iter().filter(|path| !path.starts_with(HASHED) && path != MANIFEST);
    beside_the_bundle
        .filter(|path| !Encoding::COMPRESSED.iter().any(|encoding| path.ends_with(encoding.suffix())))
        .fold(Router::new().route("/pkg/{*path}", get(handler)), |router, path| {
            router.route(&format!("/{path}"), get(handler))
        })
}

/// A file's bytes and what they hash to.
struct File {
    data: Cow<'static, [u8]>,
    sha256: [u8; 32],
}

fn load(path: &str) -> Option<File> {
    Site::get(path).map(|file| File { sha256: file.metadata.sha256_hash(), data: file.data })
}

/// The answer for the file at `path`, in the best form that the browser takes and that `load` has.
fn answer(path: &str, headers: &HeaderMap, load: impl Fn(&str) -> Option<File>) -> Response {
    let path = path.trim_start_matches('/');
    if Encoding::COMPRESSED.iter().any(|encoding| path.ends_with(encoding.suffix())) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let found = Encoding::acceptable(headers)
        .into_iter()
        .find_map(|encoding| load(&format!("{path}{}", encoding.suffix())).map(|file| (encoding, file)));
    let Some((encoding, file)) = found else { return StatusCode::NOT_FOUND.into_response() };

    let etag = etag(&file, encoding);
    let unchanged = headers.get(header::IF_NONE_MATCH).is_some_and(|known| matches(known, &etag));
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let body = match file.data {
            Cow::Borrowed(bytes) => Body::from(bytes),
            Cow::Owned(bytes) => Body::from(bytes),
        };
        let mut response = Response::new(body);
        response.headers_mut().insert(header::CONTENT_TYPE, content_type(path));
        if let Some(name) = encoding.name() {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        response
    };
    let lifetime = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(lifetime));
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// Names these very bytes: the compressed forms of a file have names of their own.
fn etag(file: &File, encoding: Encoding) -> String {
    let hash: String = file.sha256[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hash}{}\"", encoding.suffix())
}

/// Whether `If-None-Match` names the tag. A weak tag will do, as nothing but bytes we have sent can carry our tag.
fn matches(known: &HeaderValue, etag: &str) -> bool {
    let Ok(known) = known.to_str() else { return false };
    known.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

fn content_type(path: &str) -> HeaderValue {
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let textual = kind.type_() == "text" || matches!(kind.subtype().as_str(), "json" | "javascript" | "manifest+json");
    let text = if textual { format!("{}; charset=utf-8", kind.essence_str()) } else { kind.essence_str().to_owned() };
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// The form in which a file travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Brotli,
    Gzip,
    Identity,
}

impl Encoding {
    const COMPRESSED: [Self; 2] = [Self::Brotli, Self::Gzip];

    fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Gzip => ".gz",
            Self::Identity => "",
        }
    }

    fn name(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Identity => None,
        }
    }

    /// What the browser takes, the best first. The plain form comes last even where it was refused (RFC 9110, 12.5.3):
    /// a file that is too small to be worth compressing has no other.
    fn acceptable(headers: &HeaderMap) -> Vec<Self> {
        let lines = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
        let wishes: Vec<(&str, f32)> = lines.flat_map(|line| line.split(',')).filter_map(wish).collect();
        let quality_of = |name: &str| {
            let named = wishes.iter().find(|(wish, _)| wish.eq_ignore_ascii_case(name));
            named.or_else(|| wishes.iter().find(|(wish, _)| *wish == "*")).map(|(_, quality)| *quality)
        };
        let mut forms: Vec<(Self, f32)> = Self::COMPRESSED
            .into_iter()
            .filter_map(|encoding| Some((encoding, quality_of(encoding.name()?)?)))
            .filter(|(_, quality)| *quality > 0.0)
            .collect();
        // A stable sort: of two that are equally welcome the smaller one stays first.
        forms.push((Self::Identity, wishes.iter().find(|(wish, _)| *wish == "identity").map_or(0.0, |wish| wish.1)));
        forms.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        forms.into_iter().map(|(encoding, _)| encoding).collect()
    }
}

/// Reads `br;q=0.8`. `None` for what makes no sense, which is then as if it were not there.
fn wish(text: &str) -> Option<(&str, f32)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    match parts.next() {
        None => Some((name, 1.0)),
        Some(parameter) => {
            let quality = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="))?.parse::<f32>().ok()?;
            (0.0..=1.0).contains(&quality).then_some((name, quality))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A site of a hashed script in three forms, and an icon in one.
    fn site(path: &str) -> Option<File> {
        let data: &'static [u8] = match path {
            "pkg/cardume.0123abcd.js" => b"plain",
            "pkg/cardume.0123abcd.js.br" => b"brotli",
            "pkg/cardume.0123abcd.js.gz" => b"gzip",
            "pkg/cardume.4567cdef.wasm" => b"\0asm",
            "favicon.svg" => b"<svg/>",
            _ => return None,
        };
        Some(File { data: Cow::Borrowed(data), sha256: [data[0]; 32] })
    }

    fn get(path: &str, headers: &[(header::HeaderName, &'static str)]) -> Response {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        answer(path, &headers, site)
    }

    fn header_of(response: &Response, name: header::HeaderName) -> Option<&str> {
        response.headers().get(name).map(|value| value.to_str().unwrap())
    }

    fn accepting(encodings: &'static str) -> (Option<String>, Response) {
        let response = get("/pkg/cardume.0123abcd.js", &[(header::ACCEPT_ENCODING, encodings)]);
        (header_of(&response, header::CONTENT_ENCODING).map(str::to_owned), response)
    }

    #[test]
    fn the_best_form_that_the_browser_takes_is_sent() {
        for (encodings, expected) in [
            ("gzip, deflate, br, zstd", Some("br")),
            ("gzip, deflate", Some("gzip")),
            ("GZIP", Some("gzip")),
            ("br;q=0.2, gzip;q=0.9", Some("gzip")),
            ("br;q=0, gzip", Some("gzip")),
            ("br; q=0, gzip; q=0", None),
            ("*", Some("br")),
            ("*;q=0.5, br;q=0", Some("gzip")),
            ("br;q=0.5, identity", None),
            ("identity;q=0, gzip;q=0.1", Some("gzip")),
            ("br;q=nonsense, gzip", Some("gzip")),
            ("", None),
        ] {
            let (encoding, response) = accepting(encodings);
            assert_eq!(encoding.as_deref(), expected, "{encodings}");
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(header_of(&response, header::VARY), Some("accept-encoding"));
        }
    }

    #[tokio::test]
    async fn the_body_is_that_of_the_form_sent() {
        for (encodings, expected) in [("br", "brotli"), ("gzip", "gzip"), ("deflate", "plain")] {
            let body = axum::body::to_bytes(accepting(encodings).1.into_body(), 100).await.unwrap();
            assert_eq!(body, expected);
        }
    }

    #[test]
    fn a_hashed_name_is_kept_for_ever_and_any_other_is_asked_for_again() {
        let script = get("/pkg/cardume.0123abcd.js", &[]);
        assert_eq!(header_of(&script, header::CACHE_CONTROL), Some("public, max-age=31536000, immutable"));
        let icon = get("/favicon.svg", &[]);
        assert_eq!(header_of(&icon, header::CACHE_CONTROL), Some("no-cache"));
    }

    #[test]
    fn types_are_those_that_browsers_insist_on() {
        for (path, expected) in [
            ("/pkg/cardume.0123abcd.js", "text/javascript; charset=utf-8"),
            ("/pkg/cardume.4567cdef.wasm", "application/wasm"),
            ("/favicon.svg", "image/svg+xml"),
        ] {
            assert_eq!(header_of(&get(path, &[]), header::CONTENT_TYPE), Some(expected));
        }
    }

    #[test]
    fn a_file_that_the_browser_has_is_not_sent_again() {
        let etag: &'static str = header_of(&get("/favicon.svg", &[]), header::ETAG).unwrap().to_owned().leak();
        for known in [etag, "*", format!("\"other\", W/{etag}").leak()] {
            let response = get("/favicon.svg", &[(header::IF_NONE_MATCH, known)]);
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(header_of(&response, header::ETAG), Some(etag));
            assert_eq!(header_of(&response, header::CONTENT_TYPE), None);
        }
        let other = get("/favicon.svg", &[(header::IF_NONE_MATCH, "\"other\"")]);
        assert_eq!(other.status(), StatusCode::OK);
    }

    #[test]
    fn each_form_has_a_tag_of_its_own() {
        let tag = |encodings| header_of(&accepting(encodings).1, header::ETAG).unwrap().to_owned();
        assert_ne!(tag("br"), tag("gzip"));
        assert_ne!(tag("gzip"), tag("identity"));
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for path in ["/pkg/cardume.js", "/pkg/cardume.0123abcd.js.br", "/pkg/../favicon.svg", "/"] {
            assert_eq!(get(path, &[]).status(), StatusCode::NOT_FOUND, "{path}");
        }
    }
}
