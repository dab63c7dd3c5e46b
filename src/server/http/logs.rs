//! `/api/logs/{cardId}` and `/api/executions/{id}/logs`: reading logs from a cursor on.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::extract::{Asked, Id};
use super::problem::*;
use crate::domain::{CardId, ExecutionId, ExecutionLog, LogSlice, Problem};
use crate::server::App;

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(card_log)).routes(routes!(execution_log))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Piece {
    /// Only rows with a greater sequence.
    #[param(minimum = 0, default = 0)]
    after: Option<i64>,
    /// At most so many rows.
    #[param(minimum = 1, maximum = 5000, default = 500)]
    limit: Option<i64>,
}

impl Piece {
    fn bounds(&self) -> Result<(LogSlice, i64), Problem> {
        let (after, limit) = (self.after.unwrap_or(0), self.limit.unwrap_or(LogSlice::LIMIT_DEFAULT));
        if after < 0 {
            return Err(Problem::invalid("after: a sequence is never negative; 0 reads from the beginning."));
        }
        if !(1..=LogSlice::LIMIT_MAX).contains(&limit) {
            return Err(Problem::invalid(format!("limit: there are 1 to {} rows to a page.", LogSlice::LIMIT_MAX)));
        }
        Ok((LogSlice::After(after), limit))
    }
}

/// A piece of a log, or that there is none.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum Log {
    Found { success: bool, execution: Box<ExecutionLog> },
    None { success: bool, error: String },
}

impl Log {
    fn found(execution: ExecutionLog) -> Self {
        Self::Found { success: true, execution: Box::new(execution) }
    }
}

/// The log of a card's active execution. `success` is false where the card has none.
#[utoipa::path(
    get, path = "/api/logs/{cardId}", tag = "logs", params(("cardId" = CardId, Path), Piece),
    responses((status = 200, body = Log), Unreadable, Unknown, Invalid)
)]
async fn card_log(State(app): State<App>, Id(id): Id<CardId>, Asked(piece): Asked<Piece>) -> Answer<Json<Log>> {
    let (slice, limit) = piece.bounds()?;
    let log = app.card_log(id, slice, limit).await?;
    let none = || Log::None { success: false, error: "No execution found for this card".into() };
    Ok(Json(log.map_or_else(none, Log::found)))
}

/// The log of any execution.
#[utoipa::path(
    get, path = "/api/executions/{id}/logs", tag = "logs", params(("id" = ExecutionId, Path), Piece),
    responses((status = 200, body = Log), Unreadable, Unknown, Invalid)
)]
async fn execution_log(
    State(app): State<App>,
    Id(id): Id<ExecutionId>,
    Asked(piece): Asked<Piece>,
) -> Answer<Json<Log>> {
    let (slice, limit) = piece.bounds()?;
    Ok(Json(Log::found(app.execution_log(id, slice, limit).await?)))
}
