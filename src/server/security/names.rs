//! The first questions of the guard: under which name the server was called, and whose page in the browser asked.
//!
//! A browser carries any page's requests to `127.0.0.1`. `Host` must be a name of this server, or a foreign name that was
//! rebound to loopback would read everything. Then nothing but the board's own pages may ask for anything, `GET`
//! included, save that a link may lead to a page. Programs such as curl send neither `Origin` nor `Sec-Fetch-Site`, and
//! pass here. No forwarding header is believed.

use std::net::IpAddr;
use std::net::SocketAddr;

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Method, header};

use super::is_page;
use crate::domain::Problem;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// The names under which this server answers.
#[derive(Clone, Debug)]
pub struct Names {
    bound: IpAddr,
    host: String,
    others: Vec<String>,
}

impl Names {
    /// For a server that listens at `bound`, which was configured as `host`; `others` may be a proxy's.
    pub fn new(bound: SocketAddr, host: &str, others: &[String]) -> Self {
        Self { bound: bound.ip().to_canonical(), host: host.to_ascii_lowercase(), others: others.to_vec() }
    }

    /// Whether a browser may have sent this on behalf of nobody but the user.
    pub fn check(&self, request: &Request) -> Result<(), Problem> {
        let host = self.host_of(request)?;
        let headers = request.headers();
        let (site, origin) = (sole(headers, SEC_FETCH_SITE)?, sole(headers, header::ORIGIN)?);
        let is_own = match site {
            None | Some("same-origin" | "none") => true,
            Some(_) => leads_to_page(request)?,
        };
        if !is_own {
            return Err(foreign("Another site's page asked for this; only the board's own pages may."));
        }
        match origin {
            None => Ok(()),
            // A form of ours, whose page names itself to nobody. Anybody's sandbox sends the same, but for the site.
            Some("null") if site == Some("same-origin") => Ok(()),
            Some("null") => Err(foreign(
                "The browser does not say whose form this is, which it does on localhost and over https only; \
                 elsewhere the board's forms need JavaScript.",
            )),
            Some(origin) if self.is_origin(origin, host) => Ok(()),
            Some(_) => Err(foreign(
                "Another site's page asked for this; only the board's own pages may. Behind a reverse proxy, let it \
                 pass the Host header on, and name the host in cardume.toml: [access] hosts.",
            )),
        }
    }

    /// The name by which the request calls this server, which must be one of its own.
    fn host_of<'a>(&self, request: &'a Request) -> Result<&'a str, Problem> {
        let host = sole(request.headers(), header::HOST)?;
        let Some(host) = host.or_else(|| request.uri().authority().map(Authority::as_str)) else {
            return Err(Problem::unreadable("The request has no Host header."));
        };
        let named_by_address = request.uri().authority().is_none_or(|authority| self.answers_to(authority.as_str()));
        if named_by_address && self.answers_to(host) {
            return Ok(host);
        }
        let detail = "This server does not answer under that name; use its address, or localhost, or add the name to \
                      cardume.toml: [access] hosts.";
        Err(Problem::other(421, "Misdirected request", detail))
    }

    /// Whether `host`, with or without a port, is a name of this server.
    fn answers_to(&self, host: &str) -> bool {
        let Some(name) = name_of(host) else { return false };
        match name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            // No name stands between an IP address and a server: it cannot be rebound.
            Ok(address) if address.to_canonical().is_loopback() => true,
            Ok(address) if self.bound.is_unspecified() || address.to_canonical() == self.bound => true,
            _ => name == "localhost" || name == self.host || self.is_other(&name),
        }
    }

    fn is_other(&self, name: &str) -> bool {
        self.others.iter().any(|other| other == name.trim_start_matches('[').trim_end_matches(']'))
    }

    /// Whether a page of this origin is ours: the same name and port, over http; or over https where a proxy that bears
    /// the name may stand in front.
    fn is_origin(&self, origin: &str, host: &str) -> bool {
        match origin.split_once("://") {
            Some(("http", from)) => from.eq_ignore_ascii_case(host),
            Some(("https", from)) => {
                from.eq_ignore_ascii_case(host) && name_of(host).is_some_and(|name| self.is_other(&name))
            }
            _ => false,
        }
    }
}

/// Whether this is the user's way to a page, by a link from elsewhere, and no page's question.
fn leads_to_page(request: &Request) -> Result<bool, Problem> {
    let is_reading = matches!(*request.method(), Method::GET | Method::HEAD);
    let mode = sole(request.headers(), SEC_FETCH_MODE)?;
    let dest = sole(request.headers(), SEC_FETCH_DEST)?;
    let is_navigation = mode.is_none_or(|mode| mode == "navigate") && dest.is_none_or(|dest| dest == "document");
    Ok(is_reading && is_navigation && is_page(request.uri().path()))
}

fn foreign(detail: &str) -> Problem {
    Problem::other(403, "Forbidden", detail)
}

/// A host without its port, in lower case.
fn name_of(host: &str) -> Option<String> {
    let authority: Authority = host.parse().ok()?;
    (!authority.as_str().contains('@')).then(|| authority.host().to_ascii_lowercase())
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

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn status_at(bound: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
        let names = Names::new(bound.parse().unwrap(), "board.internal", &["board.example".to_owned()]);
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        names.check(&request.body(Body::empty()).unwrap()).map_or_else(|problem| problem.status, |()| 200)
    }

    fn status(bound: &str, method: &str, headers: &[(&str, &str)]) -> u16 {
        status_at(bound, method, "/", headers)
    }

    #[test]
    fn only_its_own_names_are_answered_to() {
        for host in [
            "localhost",
            "LOCALHOST:3000",
            "127.0.0.1:3000",
            "127.9.9.9",
            "[::1]:3000",
            "board.internal:1",
            "Board.Example",
            "board.example:8443",
        ] {
            assert_eq!(status("127.0.0.1:3000", "GET", &[("host", host)]), 200, "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "a@localhost",
            "192.168.1.7",
            "0.0.0.0",
            "127.1",
            "",
            "board.example.evil.example",
            "xboard.example",
            "localhost.",
            "2130706433",
            "0x7f.1",
        ] {
            assert_eq!(status("127.0.0.1:3000", "GET", &[("host", host)]), 421, "{host}");
        }
        assert_eq!(status("127.0.0.1:3000", "GET", &[]), 400);
        assert_eq!(status("127.0.0.1:3000", "GET", &[("host", "localhost"), ("host", "evil.example")]), 400);
        // Whatever the address line says as well.
        let line = "http://evil.example/";
        assert_eq!(status_at("127.0.0.1:3000", "GET", line, &[("host", "localhost")]), 421);
    }

    #[test]
    fn on_every_interface_any_address_will_do_but_no_foreign_name() {
        assert_eq!(status("0.0.0.0:3000", "GET", &[("host", "192.168.1.7:3000")]), 200);
        assert_eq!(status("[::]:3000", "GET", &[("host", "[2001:db8::1]:3000")]), 200);
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
            (vec![("origin", "null"), ("sec-fetch-site", "same-origin")], 200),
            (vec![("origin", "http://localhost:8080"), ("sec-fetch-site", "same-site")], 403),
            (vec![("origin", "http://localhost:8080")], 403),
            (vec![("origin", "https://localhost:3000")], 403),
            (vec![("origin", "http://localhost")], 403),
            (vec![("origin", "http://localhost:3000.evil.example")], 403),
            (vec![("origin", "")], 403),
            (vec![("origin", "null")], 403),
            (vec![("origin", "null"), ("sec-fetch-site", "none")], 403),
            (vec![("origin", "null"), ("sec-fetch-site", "cross-site")], 403),
            (vec![("sec-fetch-site", "cross-site")], 403),
            (vec![("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], 403),
            (vec![("sec-fetch-site", "SAME-ORIGIN")], 403),
            (vec![("origin", "http://localhost:3000"), ("sec-fetch-site", "cross-site")], 403),
            (vec![("origin", "http://localhost:3000"), ("origin", "http://evil.example")], 400),
        ] {
            let headers: Vec<_> = [host].into_iter().chain(headers).collect();
            for method in ["POST", "PATCH", "PUT", "DELETE", "PROPFIND"] {
                assert_eq!(status("127.0.0.1:3000", method, &headers), expected, "{method} {headers:?}");
            }
        }
    }

    #[test]
    fn another_sites_page_reads_nothing_but_may_lead_to_a_page() {
        let ask = |path, headers: &[(&'static str, &'static str)]| {
            let headers: Vec<_> = [("host", "localhost:3000")].iter().chain(headers).copied().collect();
            status_at("127.0.0.1:3000", "GET", path, &headers)
        };
        for site in [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site")] {
            let (link, frame) = (("sec-fetch-dest", "document"), ("sec-fetch-dest", "iframe"));
            let (navigate, no_cors) = (("sec-fetch-mode", "navigate"), ("sec-fetch-mode", "no-cors"));
            for page in ["/", "/cards/x", "/login", "/login/code"] {
                assert_eq!(ask(page, &[site, navigate, link]), 200, "{page}");
                assert_eq!(ask(page, &[site, navigate, frame]), 403, "{page}");
                assert_eq!(ask(page, &[site, no_cors]), 403, "{page}");
            }
            for no_page in ["/api/cards", "/api", "/fn/poll_board", "/pkg/cardume.js", "/health"] {
                assert_eq!(ask(no_page, &[site, navigate, link]), 403, "{no_page}");
                assert_eq!(ask(no_page, &[site, no_cors]), 403, "{no_page}");
            }
        }
        assert_eq!(ask("/api/cards", &[("origin", "http://evil.example")]), 403, "where no browser says the site");
    }

    #[test]
    fn behind_a_proxy_a_configured_name_may_be_https() {
        let of = |origin| {
            let headers = [("host", "board.example"), ("origin", origin), ("sec-fetch-site", "same-origin")];
            status("127.0.0.1:3000", "POST", &headers)
        };
        assert_eq!(of("https://board.example"), 200);
        assert_eq!(of("https://evil.example"), 403);
        assert_eq!(of("https://board.example:8443"), 403);
    }
}
