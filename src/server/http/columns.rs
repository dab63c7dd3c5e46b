//! `/api/columns`

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::extract::Body;
use super::problem::*;
use crate::domain::integer::whole_or_null;
use crate::domain::{Column, ColumnSettings, Problem};
use crate::server::App;

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_columns)).routes(routes!(set_column))
}

#[derive(Serialize, ToSchema)]
struct Columns {
    /// From left to right.
    columns: Vec<ColumnSettings>,
}

/// The columns, and how many cards each is meant to hold.
#[utoipa::path(get, path = "/api/columns", tag = "columns", responses((status = 200, body = Columns)))]
async fn list_columns(State(app): State<App>) -> Answer<Json<Columns>> {
    Ok(Json(Columns { columns: app.columns().await? }))
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ColumnBody {
    /// How many cards the column is meant to hold, from 1 to 999; null: as many as there are.
    #[serde(deserialize_with = "whole_or_null")]
    #[schema(required, minimum = 1, maximum = 999)]
    wip_limit: Option<i64>,
}

/// Sets how many cards a column is meant to hold. A column that holds more says so, and takes more all the same.
#[utoipa::path(
    put, path = "/api/columns/{id}", tag = "columns", params(("id" = Column, Path)), request_body = ColumnBody,
    responses((status = 200, body = ColumnSettings), Unreadable, Unknown, TooLarge, WrongType, Invalid, Unavailable)
)]
async fn set_column(
    State(app): State<App>,
    Path(id): Path<String>,
    Body(body): Body<ColumnBody>,
) -> Answer<Json<ColumnSettings>> {
    let id: Column = id.parse().map_err(|_| Problem::not_found("There is no such column."))?;
    Ok(Json(app.set_column(ColumnSettings { id, wip_limit: body.wip_limit }).await?))
}
