//! `/api/usage`: what agents used.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::extract::{Asked, word};
use super::problem::*;
use crate::domain::{Period, ProjectId, UsageReport};
use crate::server::App;

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(usage))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct UsageFilter {
    /// So many days, today among them: 7, 30 or 90. Days are UTC.
    #[param(schema_with = days)]
    days: Option<String>,
    /// Only what was used in this project.
    #[param(value_type = Option<ProjectId>)]
    project_id: Option<String>,
}

fn days() -> Schema {
    let days = Period::ALL.map(Period::days);
    let schema = ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some(days));
    schema.default(Some(Period::default().days().into())).build().into()
}

/// What agents used: tokens, cost and time, by stage, day, project and card.
#[utoipa::path(
    get, path = "/api/usage", tag = "usage", params(UsageFilter),
    responses((status = 200, body = UsageReport), Unreadable, Invalid, Unavailable)
)]
async fn usage(State(app): State<App>, Asked(asked): Asked<UsageFilter>) -> Answer<Json<UsageReport>> {
    let days = asked.days.map(|days| word("days", &days)).transpose()?.unwrap_or(Period::default().days());
    let project = asked.project_id.map(|id| word("projectId", &id)).transpose()?;
    Ok(Json(app.usage(days, project).await?))
}
