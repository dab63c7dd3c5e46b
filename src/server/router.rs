//! Where each request goes: the REST API, the browser's server functions, the bundle's files, or a page.
//!
//! Around all of them: who may call, how long a body may be, and what becomes of a panic.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream, Bytes, HttpBody};
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use leptos::config::LeptosOptions;
use leptos::nonce::use_nonce;
use leptos::prelude::{provide_context, use_context};
use leptos_axum::{LeptosRoutes, ResponseOptions};
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

use super::http::problem::{self, Refusal};
use super::security::{self, Entry, Guard, headers, is_local};
use super::{App, http};
use crate::domain::Problem;
use crate::ui;

/// A card's description holds 256 KiB at most, and JSON may write a byte of it as six.
const BODY_MAX_BYTES: usize = 2 * 1024 * 1024;
const BODY_PATIENCE: Duration = Duration::from_secs(60);
/// Of a body that was refused as too long, so much is still taken, and thrown away.
const REFUSED_MAX_BYTES: usize = 64 * 1024 * 1024;
const REFUSED_PATIENCE: Duration = Duration::from_secs(10);
/// Leptos works out where a form leads back to with whole URLs. What comes from here never leaves it.
const NOWHERE: &str = "http://board.invalid";

/// Everything that the server answers. `files` serves the browser's `bundle`, and what lies beside it.
pub fn router(app: App, guard: Guard, bundle: ui::Assets, files: Router) -> Router {
    let (rest, _) = http::router().split_for_parts();
    let store = app.store.clone();
    Router::new()
        .merge(rest.with_state(app.clone()))
        .merge(files)
        .merge(http::login::router(guard.access.clone()))
        .merge(http::preferences::router())
        .merge(pages(app, bundle))
        .method_not_allowed_fallback(problem::wrong_method)
        .layer(middleware::from_fn(limit_body))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .layer(CatchPanicLayer::custom(problem::after_panic))
        .layer(middleware::from_fn_with_state(guard, security::guard))
        .layer(middleware::from_fn_with_state(store, http::away::answer_soon))
}

/// The pages, the server functions behind them, and the page for what is not there.
fn pages(app: App, bundle: ui::Assets) -> Router {
    let options = LeptosOptions::builder().output_name("cardume").build();
    let context = move || {
        provide_context(app.clone());
        ui::provide_preferences(preferences_of_request());
        restrict_page();
    };
    let shell = move || ui::shell(bundle.clone(), is_logged_in());
    let not_found = leptos_axum::render_app_async_with_context(context.clone(), shell.clone());
    Router::new()
        .leptos_routes_with_context(&options, leptos_axum::generate_route_list(ui::App), context, shell)
        .layer(middleware::from_fn(http::functions::keep_to_problems))
        .layer(middleware::from_fn(lead_back))
        .fallback(move |request: Request| async move {
            let path = request.uri().path();
            if ["/api/", "/fn/", "/pkg/"].iter().any(|prefix| path.starts_with(prefix)) || path == "/api" {
                return problem::unknown_path().await.into_response();
            }
            let mut page = not_found(request).await;
            if page.status() == StatusCode::OK {
                *page.status_mut() = StatusCode::NOT_FOUND;
            }
            page
        })
        .layer(middleware::from_fn(finish))
        // Nobody else's page can ask for ours, so how long an answer becomes tells nobody what is in it.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .with_state(options)
}

/// Renders a page to its end, even where the browser has gone away: what loads its data is a task of its own, and would
/// find the page's state gone.
async fn finish(request: Request, next: Next) -> Response {
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(failure) => match failure.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The server is stopping.
            Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        },
    }
}

/// Tells the browser what this page may run. Server functions have no nonce, and no page.
fn restrict_page() {
    let (Some(nonce), Some(response)) = (use_nonce(), use_context::<ResponseOptions>()) else { return };
    if let Ok(policy) = HeaderValue::from_str(&headers::page_policy(&nonce)) {
        response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
}

/// How the browser that asks wants the page.
fn preferences_of_request() -> ui::Preferences {
    use_context::<Parts>().map(|request| http::preferences::preferences(&request.headers)).unwrap_or_default()
}

/// Whether a session of the browser's let this page's request in, which it can end.
fn is_logged_in() -> bool {
    use_context::<Parts>().is_some_and(|request| request.extensions.get() == Some(&Entry::Session))
}

/// A form that is sent before the WASM has arrived is answered with a redirect to its page, failed or not. The browser
/// does not say which page that is, so the form's address does: `/fn/run_card?from=/cards/…`. A server function that
/// failed has put its own status over the redirect's.
async fn lead_back(mut request: Request, next: Next) -> Response {
    if brings_foreign_words(&request) {
        let path = request.uri().path();
        let place = if is_local(path) { path } else { "/" };
        return (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response();
    }
    let from = request.uri().query().and_then(|query| query.strip_prefix("from=")).filter(|from| is_local(from));
    if let Some(from) = from
        && let Ok(page) = HeaderValue::from_str(&format!("{NOWHERE}{from}"))
    {
        request.headers_mut().insert(header::REFERER, page);
    }
    let mut response = next.run(request).await;
    let Some(place) = response.headers().get(header::LOCATION) else { return response };
    let local = place.to_str().ok().and_then(|place| place.strip_prefix(NOWHERE));
    // An address that has lost its failure keeps the question mark.
    if let Some(local) = local.and_then(|local| HeaderValue::from_str(local.trim_end_matches('?')).ok()) {
        response.headers_mut().insert(header::LOCATION, local);
    }
    if !response.status().is_redirection() {
        *response.status_mut() = StatusCode::SEE_OTHER;
    }
    response
}

/// The failure in a page's address is for who was led back there. Anybody may write such an address into a link.
fn brings_foreign_words(request: &Request) -> bool {
    let site = request.headers().get("sec-fetch-site");
    site.is_some_and(|site| site != "same-origin")
        && request.uri().query().is_some_and(|query| query.contains("__err="))
}

/// Reads the body before anything else looks at it, and refuses one that is too long, before it is read where it says so.
async fn limit_body(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let waits_for_us = parts.headers.contains_key(header::EXPECT);
    if body.size_hint().lower() > BODY_MAX_BYTES as u64 {
        return refuse_body(body.into_data_stream(), waits_for_us);
    }
    let mut stream = body.into_data_stream();
    match tokio::time::timeout(BODY_PATIENCE, read(&mut stream)).await {
        Ok(Ok(Some(bytes))) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Ok(Ok(None)) => refuse_body(stream, false),
        Ok(Err(_)) => Refusal(Problem::unreadable("The body broke off.")).into_response(),
        Err(_) => Refusal(Problem::unreadable("The body did not come in time.")).into_response(),
    }
}

/// `None`: it is too long.
async fn read(stream: &mut BodyDataStream) -> Result<Option<Bytes>, axum::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        if bytes.len() + chunk.len() > BODY_MAX_BYTES {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes.into()))
}

/// Answers at once. Who is in the middle of sending would not hear it if the connection broke, so what still comes is
/// thrown away for a while; not where the sender waits to hear first whether to send at all.
fn refuse_body(mut rest: BodyDataStream, waits_for_us: bool) -> Response {
    if !waits_for_us {
        tokio::spawn(tokio::time::timeout(REFUSED_PATIENCE, async move {
            let mut length = 0;
            while let Some(Ok(chunk)) = rest.next().await {
                length += chunk.len();
                if length > REFUSED_MAX_BYTES {
                    break;
                }
            }
        }));
    }
    let problem = Problem::too_large(format!("A body may be {} MiB long at most.", BODY_MAX_BYTES >> 20));
    let mut response = Refusal(problem).into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
