//! What the board and a card's page show.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use serde::{Deserialize, Serialize};

use super::Failure;
use crate::domain::{Card, CardId, Column, ColumnSettings, Execution, LogLine, Project, UsedSoFar};

/// Everything that the board shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Board {
    /// Names this state of the board. Differs whenever anything else here differs.
    pub revision: String,
    pub projects: Vec<Project>,
    /// Ordered by column, then position.
    pub cards: Vec<Card>,
    /// The last log row of every running card.
    pub last_lines: Vec<(CardId, LogLine)>,
    /// The columns that are meant to hold so many cards at most.
    pub wip_limits: Vec<(Column, i64)>,
    /// What the cards' agents have used, by the cards' ids, in order.
    pub used: Vec<(CardId, UsedSoFar)>,
}

/// The board, or `None` where it is still as in revision `seen`.
#[server(prefix = "/fn", endpoint = "poll_board", input = Json)]
pub async fn poll_board(seen: Option<String>) -> Result<Option<Board>, Failure> {
    let app = expect_context::<crate::server::App>();
    let board = app.board().await?;
    Ok((Some(&board.revision) != seen.as_ref()).then(|| (*board).clone()))
}

/// Sets how many cards a column is meant to hold.
#[server(prefix = "/fn", endpoint = "set_column", input = Json)]
pub async fn set_column(settings: ColumnSettings) -> Result<ColumnSettings, Failure> {
    let app = expect_context::<crate::server::App>();
    Ok(app.set_column(settings).await?)
}

/// Everything that a card's page shows, less its log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CardDetails {
    pub card: Card,
    pub project: Project,
    /// Every stage and attempt, newest first.
    pub executions: Vec<Execution>,
}

/// A card with its history. 404 where there is none.
#[server(name = CardDetailsOf, prefix = "/fn", endpoint = "card_details", input = Json)]
pub async fn card_details(id: CardId) -> Result<CardDetails, Failure> {
    let app = expect_context::<crate::server::App>();
    Ok(app.card_details(id).await?)
}

/// A card's Markdown as HTML: sanitised, so that a page can show it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CardTexts {
    pub description: String,
    /// The plan, as it is in the card's worktree; absent where it is not there.
    pub spec: Option<String>,
}

/// A text in Markdown as HTML, as [`CardTexts`] has it. 400 where it is longer than a description may be.
#[server(prefix = "/fn", endpoint = "preview_text", input = Json)]
pub async fn preview_text(markdown: String) -> Result<String, Failure> {
    let app = expect_context::<crate::server::App>();
    Ok(app.preview_text(markdown).await?)
}

/// What a card's description and plan say. 404 where there is no such card.
#[server(name = CardTextsOf, prefix = "/fn", endpoint = "card_texts", input = Json)]
pub async fn card_texts(id: CardId) -> Result<CardTexts, Failure> {
    let app = expect_context::<crate::server::App>();
    Ok(app.card_texts(id).await?)
}
