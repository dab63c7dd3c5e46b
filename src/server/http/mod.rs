//! The REST API: a file a noun, each with its own `router()`, all thin over [`App`](super::App)'s operations.
//!
//! A route and its place in the OpenAPI document come from one declaration, so neither can be without the other.
//! Whoever may call at all is decided in [`security`](super::security), before any of this.

mod agents;
pub mod away;
mod cards;
mod columns;
mod extract;
pub mod functions;
mod health;
pub mod login;
mod logs;
mod openapi;
pub mod preferences;
pub mod problem;
mod projects;
mod runs;
mod search;
mod usage;

use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use super::App;

/// All of the REST API, and `/health`, with its document.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::Preamble::openapi())
        .merge(projects::router())
        .merge(cards::router())
        .merge(columns::router())
        .merge(runs::router())
        .merge(logs::router())
        .merge(search::router())
        .merge(usage::router())
        .merge(agents::router())
        .merge(health::router())
        .merge(openapi::router())
}
