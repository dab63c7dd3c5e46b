//! What the browser is told about every answer: to guess nothing, to frame nothing, to tell nobody, to run only ours.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// What every answer carries that says nothing else itself.
const HEADERS: [(&str, &str); 8] = [
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), display-capture=(), fullscreen=(self), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    // A card's address is nobody else's business. The browser then also sends `Origin: null` with our own plain forms,
    // which names.rs knows; and the forms themselves say which page they are on.
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-dns-prefetch-control", "off"),
    ("x-frame-options", "DENY"),
];

/// Adds to an answer what it does not say itself. `is_private`: it is for who is logged in, and no cache keeps it.
pub fn complete(headers: &mut HeaderMap, is_private: bool) {
    for (name, value) in HEADERS {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    let kept = if is_private { "no-store" } else { "no-cache" };
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static(kept));
}

/// What a page may load and run: what comes from here, and of the scripts inside it those with this nonce. So a script
/// or a style that somebody smuggled into a card or a log would do nothing, even if it got into the page.
pub fn page_policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self' 'nonce-{nonce}'; \
         connect-src 'self'; img-src 'self' data:; font-src 'self'; object-src 'none'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'"
    )
}

/// The same for a page that is whole in itself: it loads nothing.
pub fn plain_page_policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
}
