//! `/api/cards/{id}/run`, `…/cancel`, `…/retry`, `…/workflow-state` and `…/executions`: a card's way through its stages.
//!
//! No handler starts a process: the operations record what is wanted, and the engine does it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::extract::{Body, Id, KeyHeader, OptionalBody, word};
use super::problem::*;
use crate::domain::{Card, CardId, Execution, Retry, Stage, WorkflowStage};
use crate::server::{App, Call};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(run_card))
        .routes(routes!(cancel_card))
        .routes(routes!(retry_card))
        .routes(routes!(set_workflow_state))
        .routes(routes!(list_executions))
}

/// Starts the workflow of a card in the backlog.
#[utoipa::path(
    post, path = "/api/cards/{id}/run", tag = "runs", params(("id" = CardId, Path), KeyHeader),
    responses((status = 202, body = Card), Unreadable, Unknown, Conflict, Invalid, Unavailable)
)]
async fn run_card(State(app): State<App>, Id(id): Id<CardId>, call: Call) -> Answer<(StatusCode, Json<Card>)> {
    Ok((StatusCode::ACCEPTED, Json(app.run_card(&call, id).await?)))
}

/// Stops a card's agent; it and all that it started are gone within 10 s.
#[utoipa::path(
    post, path = "/api/cards/{id}/cancel", tag = "runs", params(("id" = CardId, Path), KeyHeader),
    responses((status = 202, body = Card), Unreadable, Unknown, Conflict, Invalid, Unavailable)
)]
async fn cancel_card(State(app): State<App>, Id(id): Id<CardId>, call: Call) -> Answer<(StatusCode, Json<Card>)> {
    Ok((StatusCode::ACCEPTED, Json(app.cancel_card(&call, id).await?)))
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RetryBody {
    /// Absent: the stage that failed.
    #[schema(value_type = Option<Stage>)]
    stage: Option<String>,
    /// Makes a new worktree from the card's branch. The old one is put aside with all its files, and the log says where.
    #[serde(default)]
    new_worktree: Option<bool>,
}

/// Goes on from the failed stage, or from `stage`. The body may be absent.
#[utoipa::path(
    post, path = "/api/cards/{id}/retry", tag = "runs", params(("id" = CardId, Path), KeyHeader),
    request_body = Option<RetryBody>,
    responses((status = 202, body = Card), Unreadable, Unknown, Conflict, TooLarge, WrongType, Invalid, Unavailable)
)]
async fn retry_card(
    State(app): State<App>,
    Id(id): Id<CardId>,
    call: Call,
    OptionalBody(body): OptionalBody<RetryBody>,
) -> Answer<(StatusCode, Json<Card>)> {
    let body = body.unwrap_or_default();
    let stage = body.stage.map(|named| word::<Stage>("stage", &named)).transpose()?;
    let retry = Retry { stage, new_worktree: body.new_worktree.unwrap_or_default() };
    Ok((StatusCode::ACCEPTED, Json(app.retry_card(&call, id, retry).await?)))
}

#[derive(Deserialize, ToSchema)]
struct WorkflowStateBody {
    #[schema(value_type = WorkflowStage)]
    stage: String,
    /// At most 64 KiB.
    #[schema(max_length = 65536, pattern = r"^[^\u0000]*$")]
    error: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct WorkflowState {
    success: bool,
    stage: WorkflowStage,
}

/// Sets the word that a card's workflow shows; makes a `workflow` execution where the card has none. 409 if the card's own
/// run says otherwise.
#[utoipa::path(
    patch, path = "/api/cards/{id}/workflow-state", tag = "runs", params(("id" = CardId, Path)),
    request_body = WorkflowStateBody,
    responses(
        (status = 200, body = WorkflowState),
        Unreadable, Unknown, Conflict, TooLarge, WrongType, Invalid, Unavailable,
    )
)]
async fn set_workflow_state(
    State(app): State<App>,
    Id(id): Id<CardId>,
    Body(body): Body<WorkflowStateBody>,
) -> Answer<Json<WorkflowState>> {
    let stage = word("stage", &body.stage)?;
    app.set_workflow_state(id, stage, body.error).await?;
    Ok(Json(WorkflowState { success: true, stage }))
}

#[derive(Serialize, ToSchema)]
struct Executions {
    /// Newest first.
    executions: Vec<Execution>,
}

/// Every stage and attempt of a card.
#[utoipa::path(
    get, path = "/api/cards/{id}/executions", tag = "runs", params(("id" = CardId, Path)),
    responses((status = 200, body = Executions), Unknown)
)]
async fn list_executions(State(app): State<App>, Id(id): Id<CardId>) -> Answer<Json<Executions>> {
    Ok(Json(Executions { executions: app.executions(id).await? }))
}
