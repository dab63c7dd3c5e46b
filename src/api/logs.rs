//! Reading logs.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use serde::{Deserialize, Serialize};

use super::Failure;
use crate::domain::{ExecutionId, ExecutionLog, LogSlice};

/// A slice of an execution's log, as a page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogPage {
    pub log: ExecutionLog,
    /// What its agent has written in Markdown, as sanitised HTML, by the rows' sequences, in order.
    pub prose: Vec<(i64, String)>,
}

/// A slice of an execution's log, at most `limit` rows (1 to 5000), with how the execution stands.
#[server(prefix = "/fn", endpoint = "read_log", input = Json)]
pub async fn read_log(execution: ExecutionId, slice: LogSlice, limit: i64) -> Result<LogPage, Failure> {
    let app = expect_context::<crate::server::App>();
    Ok(app.log_page(execution, slice, limit).await?)
}
