//! What agents used.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use serde::{Deserialize, Serialize};

use super::Failure;
use crate::domain::{ProjectId, UsageReport};

/// Everything that the page shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageShown {
    pub report: UsageReport,
    /// All that there are, with their names, by which they are in order.
    pub projects: Vec<(ProjectId, String)>,
}

/// What was used in the last 7, 30 or 90 days, in all projects or in one. 422 where there is no such project.
#[server(name = UsageOf, prefix = "/fn", endpoint = "usage", input = Json)]
pub async fn usage(days: i64, project: Option<ProjectId>) -> Result<UsageShown, Failure> {
    let app = expect_context::<crate::server::App>();
    Ok(app.usage_shown(days, project).await?)
}
