//! Where each request goes: the REST API, the browser's server functions, the bundle's files, or a page.
//!
//! Around all of them: who may call, how long a body may be, and what becomes of a panic.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use leptos::config::LeptosOptions;
use leptos::nonce::use_nonce;
use leptos::prelude::{provide_context, use_context};
use leptos_axum::{LeptosRoutes, ResponseOptions};
use tower_http::catch_panic::CatchPanicLayer;

use super::http::problem::{self, Refusal};
use super::security::{self, Guard};
use super::{App, http};
use crate::domain::Problem;
use crate::ui;

/// A card's description holds 256 KiB at most, and JSON may write a byte of it as six.
const BODY_MAX_BYTES: usize = 2 * 1024 * 1024;
/// Of a body that is too long, so much is still read: who is in the middle of sending does not hear the answer.
const BODY_READ_MAX_BYTES: usize = 64 * 1024 * 1024;
const BODY_PATIENCE: Duration = Duration::from_secs(60);

/// Everything that the server answers. `files` serves the browser's `bundle`, and what lies beside it.
pub fn router(app: App, guard: Guard, bundle: ui::Assets, files: Router) -> Router {
    let (rest, _) = http::router().split_for_parts();
    Router::new()
        .merge(rest.with_state(app.clone()))
        .merge(files)
        .merge(pages(app, bundle))
        .method_not_allowed_fallback(problem::wrong_method)
        .layer(middleware::from_fn(limit_body))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .layer(CatchPanicLayer::custom(problem::after_panic))
        .layer(middleware::from_fn_with_state(guard, security::guard))
}

/// The pages, the server functions behind them, and the page for what is not there.
fn pages(app: App, bundle: ui::Assets) -> Router {
    let options = LeptosOptions::builder().output_name("cardume").build();
    let context = move || {
        provide_context(app.clone());
        restrict_page();
    };
    let shell = move || ui::shell(bundle.clone());
    let not_found = leptos_axum::render_app_async_with_context(context.clone(), shell.clone());
    Router::new()
        .leptos_routes_with_context(&options, leptos_axum::generate_route_list(ui::App), context, shell)
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
    if let Ok(policy) = HeaderValue::from_str(&security::page_policy(&nonce)) {
        response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
}

/// A form that is sent before the WASM has arrived is answered with a redirect to its page, failed or not: a server
/// function that failed has put its own status over the redirect's.
async fn lead_back(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let is_form = response.headers().contains_key(header::LOCATION);
    if is_form && !response.status().is_redirection() {
        *response.status_mut() = StatusCode::SEE_OTHER;
    }
    response
}

/// Reads the body before anything else looks at it, and refuses one that is too long.
async fn limit_body(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match tokio::time::timeout(BODY_PATIENCE, read(body)).await {
        Ok(Ok(bytes)) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Ok(Err(problem)) => Refusal(problem).into_response(),
        Err(_) => Refusal(Problem::unreadable("The body did not come in time.")).into_response(),
    }
}

async fn read(body: Body) -> Result<Bytes, Problem> {
    let mut stream = body.into_data_stream();
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Problem::unreadable("The body broke off."))?;
        length += chunk.len();
        if length > BODY_READ_MAX_BYTES {
            break;
        }
        if length <= BODY_MAX_BYTES {
            bytes.extend_from_slice(&chunk);
        }
    }
    if length > BODY_MAX_BYTES {
        return Err(Problem::too_large(format!("A body may be {} MiB long at most.", BODY_MAX_BYTES >> 20)));
    }
    Ok(bytes.into())
}
