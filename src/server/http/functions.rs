//! The server functions keep to the same rules as the REST API: what they take, and how they fail.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use leptos::server_fn::ServerFn;

use super::extract::{JSON, is_of_type, wrong_type};
use super::problem::Refusal;
use crate::api::{CancelCard, RetryCard, RunCard};
use crate::domain::Problem;

/// Those that plain forms call before the WASM has arrived.
const FORMS: [&str; 3] = [RunCard::PATH, CancelCard::PATH, RetryCard::PATH];
const FORM: &str = "application/x-www-form-urlencoded";
/// A failure is a few sentences.
const FAILURE_MAX_BYTES: usize = 64 * 1024;

/// Refuses a body of the wrong type, and answers each failure as the problem that it is.
pub async fn keep_to_problems(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if !path.starts_with("/fn/") {
        return next.run(request).await;
    }
    if request.method() == Method::POST {
        let is_form = FORMS.contains(&path);
        if is_form && !is_of_type(request.headers(), FORM) {
            return wrong_type("a form's", FORM).into_response();
        }
        if !is_form && !is_of_type(request.headers(), JSON) {
            return wrong_type("JSON", JSON).into_response();
        }
    }
    let response = next.run(request).await;
    let is_failure = response.status().is_client_error() || response.status().is_server_error();
    // A plain form's failure is in the address that it leads back to.
    if !is_failure || response.headers().contains_key(header::LOCATION) {
        return response;
    }
    let (parts, body) = response.into_parts();
    match axum::body::to_bytes(body, FAILURE_MAX_BYTES).await {
        Ok(bytes) => match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => Refusal(problem).into_response(),
            Err(_) => Response::from_parts(parts, Body::from(bytes)),
        },
        Err(error) => {
            tracing::error!(%error, "a server function's failure cannot be read");
            Refusal(Problem::internal()).into_response()
        }
    }
}
