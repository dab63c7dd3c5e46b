//! Searching logs.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;

use super::Failure;
use crate::domain::{ExecutionId, LogMatches, RunMatch};

/// The rows of an execution's log behind `after` in which something is found, at most `limit` (1 to 1000).
#[server(prefix = "/fn", endpoint = "search_log", input = Json)]
pub async fn search_log(execution: ExecutionId, query: String, after: i64, limit: i64) -> Result<LogMatches, Failure> {
    let app = expect_context::<crate::server::App>();
    Ok(app.search_log(execution, &query, after, limit).await?)
}

/// The sequence of the next row behind `after` that tells of a failure.
#[server(prefix = "/fn", endpoint = "next_error", input = Json)]
pub async fn next_error(execution: ExecutionId, after: i64) -> Result<Option<i64>, Failure> {
    let app = expect_context::<crate::server::App>();
    Ok(app.next_error(execution, after).await?)
}

/// The newest executions in whose logs something is found.
#[server(prefix = "/fn", endpoint = "search_runs", input = Json)]
pub async fn search_runs(query: String) -> Result<Vec<RunMatch>, Failure> {
    let app = expect_context::<crate::server::App>();
    Ok(app.search_runs(&query).await?)
}
