//! Searching logs.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;

use serde::{Deserialize, Serialize};

use super::Failure;
use crate::domain::{ExecutionId, RunMatch};

/// Where in a log something is found. The rows themselves come when the reader gets there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FoundRows {
    /// The rows' sequences, in order, each with byte offsets in its content: from and to, in order.
    pub rows: Vec<(i64, Vec<(u32, u32)>)>,
    /// All rows up to this one were looked at.
    pub searched_to: i64,
    /// There may be others behind that.
    pub more: bool,
}

/// The rows of an execution's log behind `after` in which something is found, at most `limit` (1 to 1000).
#[server(prefix = "/fn", endpoint = "search_log", input = Json)]
pub async fn search_log(execution: ExecutionId, query: String, after: i64, limit: i64) -> Result<FoundRows, Failure> {
    let app = expect_context::<crate::server::App>();
    let found = app.search_log(execution, &query, after, limit).await?;
    let rows = found.matches.into_iter().map(|hit| (hit.line.sequence, hit.ranges)).collect();
    Ok(FoundRows { rows, searched_to: found.searched_to, more: found.more })
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
