//! `/api/openapi.json`: the document of all of this, generated from the handlers themselves.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;
use utoipa::openapi::path::PathItem;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{IntoResponses, Modify, OpenApi};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::*;
use crate::domain::Problem;
use crate::server::App;

/// What the document says before the routes come in.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Cardume",
        description = "A kanban board that drives coding agents through plan, implement, test and review. \
            JSON in camelCase; times are RFC 3339, UTC, with milliseconds; failures are problems (RFC 9457). Where the \
            server wants a token, any call without a good one is answered with 401, and after too many wrong ones with 429.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    components(schemas(Problem)),
    modifiers(&Bearer),
    security((), ("bearer" = [])),
    tags(
        (name = "projects", description = "Git repositories that agents work on"),
        (name = "columns", description = "Where cards stand on the board"),
        (name = "cards", description = "Pieces of work on the board"),
        (name = "runs", description = "A card's way through plan, implement, test and review"),
        (name = "logs", description = "What agents said"),
        (name = "usage", description = "What agents used: tokens, cost and time"),
        (name = "agents", description = "Who can do the work"),
        (name = "health", description = "Whether the server is well"),
    ),
)]
pub struct Preamble;

/// The token that a server may want.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document.components.get_or_insert_default().add_security_scheme("bearer", scheme);
    }
}

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(openapi))
}

/// This document.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "health",
    responses((status = 200, description = "OpenAPI 3.1", body = Object, content_type = "application/json"))
)]
async fn openapi() -> impl IntoResponse {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
        let mut document = super::router().into_openapi();
        document.paths.paths.values_mut().for_each(add_common_refusals);
        document.to_json().unwrap_or_else(|_| "{}".into())
    });
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

/// What is decided before any route is asked, and the database that any of them may want.
fn add_common_refusals(item: &mut PathItem) {
    let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
    for operation in operations.into_iter().flatten() {
        let common = [
            Unreadable::responses(),
            Locked::responses(),
            Foreign::responses(),
            Misdirected::responses(),
            Guessing::responses(),
            Unavailable::responses(),
        ];
        for (status, response) in common.into_iter().flatten() {
            operation.responses.responses.entry(status).or_insert(response);
        }
    }
}
