//! Who may call: the board's own pages and programs on this machine, and no other site's page in the user's browser.
//!
//! A browser carries any page's requests to `127.0.0.1`. Two checks stop that. `Host` must be a name of this server, or a
//! foreign name that was rebound to loopback would read everything. And what changes anything must not come from another
//! origin. Programs such as curl send neither `Origin` nor `Sec-Fetch-Site`, and pass. There are no accounts here: on an
//! address that others can reach, others can use the board.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::http::problem::Refusal;
use crate::domain::Problem;

/// Knows the names under which this server answers.
#[derive(Clone, Debug)]
pub struct Guard {
    bound: IpAddr,
    host: String,
}

impl Guard {
    /// For a server that listens at `bound`, which was configured as `host`.
    pub fn new(bound: SocketAddr, host: &str) -> Self {
        Self { bound: bound.ip(), host: host.to_ascii_lowercase() }
    }

    /// What to tell on start: others can reach this server. `None` on loopback.
    pub fn warning(&self) -> Option<String> {
        let bound = self.bound;
        (!bound.is_loopback()).then(|| {
            format!(
                "anybody who can reach {bound} can use this board and so run agents here; \
                 there are no accounts yet, so let only a network that you trust reach it"
            )
        })
    }

    fn check(&self, request: &Request) -> Result<(), Problem> {
        let host = sole(request.headers(), header::HOST)?;
        let Some(host) = host.or_else(|| request.uri().authority().map(Authority::as_str)) else {
            return Err(Problem::unreadable("The request has no Host header."));
        };
        let named_by_address = request.uri().authority().is_none_or(|authority| self.answers_to(authority.as_str()));
        if !named_by_address || !self.answers_to(host) {
            let detail = "This server does not answer under that name; use its address, or localhost.";
            return Err(Problem::other(421, "Misdirected request", detail));
        }
        if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
            return Ok(());
        }
        let site = sole(request.headers(), HeaderName::from_static("sec-fetch-site"))?;
        let origin = sole(request.headers(), header::ORIGIN)?;
        let is_own = site.is_none_or(|site| matches!(site, "same-origin" | "none"))
            && origin.is_none_or(|origin| {
                origin.strip_prefix("http://").is_some_and(|from| from.eq_ignore_ascii_case(host))
            });
        if is_own {
            return Ok(());
        }
        Err(Problem::other(403, "Forbidden", "Another site's page asked for this; only the board's own pages may."))
    }

    /// Whether `host`, with or without a port, is a name of this server.
    fn answers_to(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        if authority.as_str().contains('@') {
            return false;
        }
        let name = authority.host().to_ascii_lowercase();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match address {
            // No name stands between an IP address and a server: it cannot be rebound.
            Ok(address) => address.is_loopback() || self.bound.is_unspecified() || address == self.bound,
            Err(_) => name == "localhost" || name == self.host,
        }
    }
}

/// The header's value, which must be readable and there only once.
fn sole(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(&name).iter();
    let (first, second) = (values.next(), values.next());
    let unreadable = || Problem::unreadable(format!("The header {name} cannot be read."));
    if second.is_some() {
        return Err(unreadable());
    }
    first.map(|value| value.to_str().map_err(|_| unreadable())).transpose()
}

/// Lets a request in or answers why not; and tells the browser how careful to be with the answer.
pub async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let mut response = match guard.check(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => Refusal(problem).into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// What every answer carries that says nothing else itself.
const HEADERS: [(&str, &str); 7] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    // Not `no-referrer`: a form's answer leads back to the page that it came from, which the browser must name to us;
    // and with `no-referrer` it would send `Origin: null` with every form.
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-cache"),
];

/// What a page may load and run: what comes from here, and of the scripts inside it those with this nonce. So a script
/// that somebody smuggled into a card or a log would not run, even if it got into the page.
pub fn page_policy(nonce: &str) -> String {
    format!(
        "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn status(bound: &str, method: &str, headers: &[(&str, &str)]) -> u16 {
        let guard = Guard::new(bound.parse().unwrap(), "board.example");
        let mut request = Request::builder().method(method).uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        guard.check(&request.body(Body::empty()).unwrap()).map_or_else(|problem| problem.status, |()| 200)
    }

    #[test]
    fn only_its_own_names_are_answered_to() {
        for host in ["localhost", "LOCALHOST:3000", "127.0.0.1:3000", "127.9.9.9", "[::1]:3000", "board.example:1"] {
            assert_eq!(status("127.0.0.1:3000", "GET", &[("host", host)]), 200, "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "a@localhost", "192.168.1.7", "0.0.0.0", "127.1", ""] {
            assert_eq!(status("127.0.0.1:3000", "GET", &[("host", host)]), 421, "{host}");
        }
        assert_eq!(status("127.0.0.1:3000", "GET", &[]), 400);
        assert_eq!(status("127.0.0.1:3000", "GET", &[("host", "localhost"), ("host", "evil.example")]), 400);
    }

    #[test]
    fn on_every_interface_any_address_will_do_but_no_foreign_name() {
        assert_eq!(status("0.0.0.0:3000", "GET", &[("host", "192.168.1.7:3000")]), 200);
        assert_eq!(status("0.0.0.0:3000", "GET", &[("host", "evil.example")]), 421);
        assert_eq!(status("192.168.1.7:3000", "GET", &[("host", "192.168.1.7:3000")]), 200);
        assert_eq!(status("192.168.1.7:3000", "GET", &[("host", "192.168.1.8:3000")]), 421);
    }

    #[test]
    fn another_sites_page_changes_nothing() {
        let host = ("host", "localhost:3000");
        for (headers, expected) in [
            (vec![], 200),
            (vec![("origin", "http://localhost:3000"), ("sec-fetch-site", "same-origin")], 200),
            (vec![("sec-fetch-site", "none")], 200),
            (vec![("origin", "http://localhost:8080"), ("sec-fetch-site", "same-site")], 403),
            (vec![("origin", "http://localhost:8080")], 403),
            (vec![("origin", "https://localhost:3000")], 403),
            (vec![("origin", "null")], 403),
            (vec![("sec-fetch-site", "cross-site")], 403),
            (vec![("origin", "http://localhost:3000"), ("sec-fetch-site", "cross-site")], 403),
            (vec![("origin", "http://localhost:3000"), ("origin", "http://evil.example")], 400),
        ] {
            let headers: Vec<_> = [host].into_iter().chain(headers).collect();
            for method in ["POST", "PATCH", "PUT", "DELETE", "PROPFIND"] {
                assert_eq!(status("127.0.0.1:3000", method, &headers), expected, "{method} {headers:?}");
            }
        }
        assert_eq!(status("127.0.0.1:3000", "GET", &[host, ("sec-fetch-site", "cross-site")]), 200);
    }
}
