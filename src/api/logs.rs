//! Reading logs.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;

use super::Failure;
use crate::domain::{ExecutionId, ExecutionLog, LogSlice};

/// A slice of an execution's log, at most `limit` rows (1 to 5000), with how the execution stands.
#[server(prefix = "/fn", endpoint = "read_log", input = Json)]
pub async fn read_log(execution: ExecutionId, slice: LogSlice, limit: i64) -> Result<ExecutionLog, Failure> {
    let app = expect_context::<crate::server::App>();
    Ok(app.execution_log(execution, slice, limit).await?)
}
