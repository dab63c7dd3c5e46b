//! Who may call, asked before anything else of every request: under which name it called ([`names`]), whose page in the
//! browser sent it, and then for a token or a login ([`access`]).
//!
//! It decides about requests, not about people: whoever comes in may do everything.

pub mod access;
mod attempts;
pub mod headers;
mod names;
pub mod secret;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};

use super::http::problem::Refusal;
use crate::domain::Problem;
pub use access::Entry;
use access::{Access, Denial};
use names::Names;

/// Asks every request.
#[derive(Clone)]
pub struct Guard {
    names: Names,
    pub access: Access,
}

impl Guard {
    /// For a server that listens at `bound`, which was configured as `host`, and may be called by `others` too.
    pub fn new(bound: SocketAddr, host: &str, others: &[String], access: Access) -> Self {
        Self { names: Names::new(bound, host, others), access }
    }

    async fn admit(&self, request: &mut Request) -> Result<(), Response> {
        self.names.check(request).map_err(|problem| Refusal(problem).into_response())?;
        let path = request.uri().path();
        let is_link = path.strip_prefix("/login/").is_some_and(|code| !code.contains('/'));
        if path == "/login" || is_link {
            return Ok(());
        }
        match self.access.admit(request.headers(), peer(request)).await {
            Ok(entry) => {
                request.extensions_mut().insert(entry);
                Ok(())
            }
            Err(Denial::Nothing) if wants_page(request) => Err(lead_to_login(request)),
            Err(denial) => Err(refuse(denial)),
        }
    }
}

/// Lets a request in or answers why not; and tells the browser how careful to be with the answer.
pub async fn guard(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let mut response = match guard.admit(&mut request).await {
        Ok(()) => next.run(request).await,
        Err(response) => response,
    };
    headers::complete(response.headers_mut(), guard.access.is_required());
    response
}

/// The other end of the connection, whatever a header says.
pub fn peer(request: &Request) -> IpAddr {
    let known = request.extensions().get::<ConnectInfo<SocketAddr>>();
    known.map_or(Ipv4Addr::UNSPECIFIED.into(), |ConnectInfo(peer)| peer.ip())
}

/// What a cookie of this name says.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut cookies = lines.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    cookies.find(|(its, _)| *its == name).map(|(_, value)| value)
}

/// Whether a page may be at this path: for a person to look at, and not for a page to ask for.
fn is_page(path: &str) -> bool {
    let is_below = |place: &str| path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let last = path.rsplit('/').next().unwrap_or_default();
    !["/api", "/fn", "/pkg", "/health"].iter().any(|place| is_below(place)) && !last.contains('.')
}

/// Whether a person waits for the answer: it goes to a page, or is the plain form of one.
pub fn wants_page(request: &Request) -> bool {
    let path = request.uri().path();
    let is_form = path.starts_with("/fn/") && is(request, "sec-fetch-mode", "navigate");
    is_form
        || (is_page(path) && matches!(*request.method(), Method::GET | Method::HEAD))
        || ["/logout", "/preferences"].contains(&path)
}

fn is(request: &Request, name: &'static str, value: &str) -> bool {
    request.headers().get(HeaderName::from_static(name)).is_some_and(|there| there == value)
}

/// A browser keeps a strict cookie back where another site's link leads here. The page that is answered then goes on by
/// itself, as our own.
fn lead_to_login(request: &Request) -> Response {
    if is(request, "sec-fetch-site", "cross-site") || is(request, "sec-fetch-site", "same-site") {
        const GO_ON: &str = "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>Cardume</title>\
            <meta http-equiv=\"refresh\" content=\"0\"><p>Opening the board…</p></html>";
        return Html(GO_ON).into_response();
    }
    let address = request.uri().path_and_query().map_or("/", |address| address.as_str());
    let login = match address {
        address if address != "/" && request.method() == Method::GET && is_local(address) => {
            format!("/login?next={address}")
        }
        _ => "/login".to_owned(),
    };
    let login = HeaderValue::from_str(&login).unwrap_or(HeaderValue::from_static("/login"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, login)]).into_response()
}

/// Whether this is a place of ours, of those characters only that mean nothing to HTML or to another query.
pub fn is_local(address: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '?' | '=');
    address.starts_with('/') && !address.starts_with("//") && address.len() < 300 && address.chars().all(is_plain)
}

fn refuse(denial: Denial) -> Response {
    let (status, title, detail) = match &denial {
        Denial::Nothing => (
            401,
            "Unauthorized",
            "This server wants a token. Make one on its machine with “cardume token new NAME”, and give it as “Authorization: \
             Bearer …” (cardume: --token or CARDUME_TOKEN); in a browser, log in again.",
        ),
        Denial::Wrong => {
            (401, "Unauthorized", "This token is wrong, or was revoked. “cardume token new NAME” makes another.")
        }
        Denial::TooMany { .. } => {
            (429, "Too many requests", "Too many tokens from there were wrong. Wait, and try again.")
        }
        Denial::Unknown(problem) => return Refusal(problem.clone()).into_response(),
    };
    let mut response = Refusal(Problem::other(status, title, detail)).into_response();
    let headers = response.headers_mut();
    match denial {
        Denial::TooMany { wait } => headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs())),
        _ => headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
    };
    response
}
