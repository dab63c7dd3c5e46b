//! `/api/cards`: making, changing, moving and deleting cards.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::extract::{Asked, Body, Id, KeyHeader, word};
use super::problem::*;
use crate::domain::integer::{whole, whole_or_null};
use crate::domain::{Card, CardEdit, CardId, CardMove, Column, NewCard, ProjectId};
use crate::server::{App, Call};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_cards, create_card))
        .routes(routes!(get_card, edit_card, delete_card))
        .routes(routes!(move_card))
}

#[derive(Serialize, ToSchema)]
struct Cards {
    /// Ordered by column, then position; archived ones by when they were archived.
    cards: Vec<Card>,
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct CardFilter {
    /// Only the cards of this project.
    project_id: Option<ProjectId>,
    /// The archived cards, the last one first, instead of those on the board.
    archived: Option<bool>,
}

/// The cards on the board, or those that are archived; of one project or of all.
#[utoipa::path(
    get, path = "/api/cards", tag = "cards", params(CardFilter),
    responses((status = 200, body = Cards), Unreadable)
)]
async fn list_cards(State(app): State<App>, Asked(filter): Asked<CardFilter>) -> Answer<Json<Cards>> {
    let cards = match filter.archived {
        Some(true) => app.archived_cards(filter.project_id).await?,
        _ => app.cards(filter.project_id).await?,
    };
    Ok(Json(Cards { cards }))
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NewCard)]
struct NewCardBody {
    #[schema(value_type = ProjectId)]
    project_id: String,
    /// Not blank; at most 300 characters.
    #[schema(min_length = 1, max_length = 300, pattern = r"^[^\u0000]*[^\u0000\s][^\u0000]*$")]
    title: String,
    /// Markdown; at most 256 KiB.
    #[schema(max_length = 262144, pattern = r"^[^\u0000]*$")]
    description: Option<String>,
    /// One of `/api/agents`; the configured default where absent or blank.
    agent: Option<String>,
    /// The model that the agent is to work with, where it can be told; its own choice where absent or empty.
    #[schema(max_length = 200, pattern = r"^([A-Za-z0-9_.:/@\[\]][A-Za-z0-9_.:/@\[\]-]*)?$")]
    model: Option<String>,
}

/// Makes a card at the end of the backlog.
#[utoipa::path(
    post, path = "/api/cards", tag = "cards", params(KeyHeader), request_body = NewCardBody,
    responses((status = 201, body = Card), Unreadable, TooLarge, WrongType, Invalid, Unavailable)
)]
async fn create_card(
    State(app): State<App>,
    call: Call,
    Body(body): Body<NewCardBody>,
) -> Answer<(StatusCode, Json<Card>)> {
    let card = NewCard {
        project_id: word("projectId", &body.project_id)?,
        title: body.title,
        description: body.description.unwrap_or_default(),
        agent: body.agent,
        model: body.model,
    };
    Ok((StatusCode::CREATED, Json(app.create_card(&call, card).await?)))
}

/// A card.
#[utoipa::path(
    get, path = "/api/cards/{id}", tag = "cards", params(("id" = CardId, Path)),
    responses((status = 200, body = Card), Unknown)
)]
async fn get_card(State(app): State<App>, Id(id): Id<CardId>) -> Answer<Json<Card>> {
    Ok(Json(app.card(id).await?))
}

/// Changes a card's title, description, agent or model, archives it, deletes it within a day, or restores it to the board.
#[utoipa::path(
    patch, path = "/api/cards/{id}", tag = "cards", params(("id" = CardId, Path)), request_body = CardEdit,
    responses((status = 200, body = Card), Unreadable, Unknown, Conflict, TooLarge, WrongType, Invalid, Unavailable)
)]
async fn edit_card(State(app): State<App>, Id(id): Id<CardId>, Body(edit): Body<CardEdit>) -> Answer<Json<Card>> {
    Ok(Json(app.edit_card(id, edit).await?))
}

/// Deletes a card with its history. Not while it runs.
#[utoipa::path(
    delete, path = "/api/cards/{id}", tag = "cards", params(("id" = CardId, Path)),
    responses((status = 204, description = "It is gone."), Unknown, Conflict, Unavailable)
)]
async fn delete_card(State(app): State<App>, Id(id): Id<CardId>) -> Answer<StatusCode> {
    app.delete_card(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CardMove)]
struct CardMoveBody {
    #[schema(value_type = Column)]
    column_id: String,
    /// From 0 at the top; beyond the end means the end.
    #[schema(minimum = 0)]
    #[serde(deserialize_with = "whole")]
    position: i64,
    /// The version that the move was made from; refused with 409 where the card has moved on.
    #[schema(minimum = 0)]
    #[serde(default, deserialize_with = "whole_or_null")]
    version: Option<i64>,
}

/// Puts a card elsewhere on the board.
#[utoipa::path(
    patch, path = "/api/cards/{id}/move", tag = "cards", params(("id" = CardId, Path)), request_body = CardMoveBody,
    responses((status = 200, body = Card), Unreadable, Unknown, Conflict, TooLarge, WrongType, Invalid, Unavailable)
)]
async fn move_card(State(app): State<App>, Id(id): Id<CardId>, Body(body): Body<CardMoveBody>) -> Answer<Json<Card>> {
    let column_id: Column = word("columnId", &body.column_id)?;
    let to = CardMove { column_id, position: body.position, version: body.version };
    Ok(Json(app.move_card(id, to).await?))
}
