//! `/health`: whether the server can do its work, which is to write.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::domain::Timestamp;
use crate::server::{App, now};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(health))
}

#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok` or `degraded`.
    #[schema(pattern = "^(ok|degraded)$")]
    status: &'static str,
    /// Why it is degraded.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    timestamp: Timestamp,
    version: &'static str,
}

/// Whether the server is well.
#[utoipa::path(
    get, path = "/health", tag = "health",
    responses(
        (status = 200, description = "It is.", body = Health),
        (status = 503, description = "It cannot write; `reason` says why.", body = Health),
    )
)]
async fn health(State(app): State<App>) -> (StatusCode, Json<Health>) {
    answer(app.health().await.err().map(|problem| problem.detail))
}

/// The answer of a server that is well, or is not for this reason.
pub(super) fn answer(reason: Option<String>) -> (StatusCode, Json<Health>) {
    let (code, status) =
        if reason.is_none() { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "degraded") };
    (code, Json(Health { status, reason, timestamp: now(), version: env!("CARGO_PKG_VERSION") }))
}
