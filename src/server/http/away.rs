//! Answers soon while the database does not: a request that would wait for it gets a 503 instead, or a page that says
//! so and tries again by itself.
//!
//! What needs no database is answered as always.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use leptos_i18n::{Locale as _, td_string};

use super::health;
use super::preferences::preferences;
use super::problem::Refusal;
use crate::domain::Problem;
use crate::server::security::{headers, secret, wants_page};
use crate::server::store::Store;
use crate::ui::Preferences;

const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// Who waits for the answer.
enum Asker {
    Page(HeaderMap),
    Health,
    Reader,
    Writer,
}

impl Asker {
    fn of(request: &Request) -> Self {
        let is_reading = matches!(*request.method(), Method::GET | Method::HEAD);
        match request.uri().path() {
            "/health" => Self::Health,
            _ if wants_page(request) && is_reading => Self::Page(request.headers().clone()),
            _ if is_reading => Self::Reader,
            _ => Self::Writer,
        }
    }
}

/// Answers as `next` does, unless the database is found to be away first.
pub async fn answer_soon(State(store): State<Store>, request: Request, next: Next) -> Response {
    let Some(lease) = store.lease() else { return next.run(request).await };
    let asker = Asker::of(&request);
    // A page is rendered to its end even if nobody waits for it.
    if matches!(asker, Asker::Page(_)) && lease.is_away() {
        return away(&asker);
    }
    tokio::select! {
        // What can be answered at once needs no database.
        biased;
        response = next.run(request) => response,
        () = lease.away() => away(&asker),
    }
}

fn away(asker: &Asker) -> Response {
    let problem = |detail: &str| Refusal(Problem::unavailable(detail)).into_response();
    let mut response = match asker {
        Asker::Health => health::answer(Some("The database does not answer.".into())).into_response(),
        Asker::Page(headers) => page(preferences(headers)),
        Asker::Reader => problem("The database does not answer. Try again in a moment."),
        Asker::Writer => Refusal(Problem::outcome_unknown()).into_response(),
    };
    response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    headers::complete(response.headers_mut(), true);
    response
}

fn page(Preferences { theme, language }: Preferences) -> Response {
    let Ok(nonce) = secret::random::<16>() else { return Refusal(Problem::internal()).into_response() };
    let html = include_str!("away.html")
        .replace("{lang}", language.as_str())
        .replace("{theme}", theme.as_str())
        .replace("{scheme}", theme.color_scheme())
        .replace("{nonce}", &nonce)
        .replace("{tokens}", include_str!("../../../style/tokens.css"))
        .replace("{title}", td_string!(language, page.database_away))
        .replace("{why}", td_string!(language, page.database_away_why));
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, Html(html)).into_response();
    if let Ok(policy) = HeaderValue::from_str(&headers::plain_page_policy(&nonce)) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}
