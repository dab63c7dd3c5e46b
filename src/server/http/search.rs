//! Searching the logs: `/api/executions/{id}/logs/search` and `/api/search`.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::extract::{Asked, Id};
use super::problem::*;
use crate::domain::{ExecutionId, LogMatches, RunMatch, SearchLimits};
use crate::server::App;

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(search_log)).routes(routes!(search_runs))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct InLog {
    /// Words. A row is found where each of them begins a word; case and accents do not matter.
    #[param(min_length = 1, max_length = 200)]
    q: String,
    /// Only rows with a greater sequence.
    #[param(minimum = 0, default = 0)]
    after: Option<i64>,
    /// At most so many rows.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
}

/// The rows of an execution's log in which something is found. Where `more` is true the search goes on after `searchedTo`.
#[utoipa::path(
    get, path = "/api/executions/{id}/logs/search", tag = "logs", params(("id" = ExecutionId, Path), InLog),
    responses((status = 200, body = LogMatches), Unreadable, Unknown, Invalid, Unavailable)
)]
async fn search_log(
    State(app): State<App>,
    Id(id): Id<ExecutionId>,
    Asked(asked): Asked<InLog>,
) -> Answer<Json<LogMatches>> {
    let limit = asked.limit.unwrap_or(SearchLimits::MATCHES_DEFAULT);
    Ok(Json(app.search_log(id, &asked.q, asked.after.unwrap_or(0), limit).await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct InAll {
    /// Words. A row is found where each of them begins a word; case and accents do not matter.
    #[param(min_length = 1, max_length = 200)]
    q: String,
}

#[derive(Serialize, ToSchema)]
struct Runs {
    runs: Vec<RunMatch>,
}

/// Searches the logs of all runs: the newest executions in which something is found, with the first rows of each.
#[utoipa::path(
    get, path = "/api/search", tag = "logs", params(InAll),
    responses((status = 200, body = Runs), Unreadable, Invalid, Unavailable)
)]
async fn search_runs(State(app): State<App>, Asked(asked): Asked<InAll>) -> Answer<Json<Runs>> {
    Ok(Json(Runs { runs: app.search_runs(&asked.q).await? }))
}
