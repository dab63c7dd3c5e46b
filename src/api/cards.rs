//! Making and changing cards.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;

use super::Failure;
use crate::domain::{Card, CardEdit, CardId, CardMove, NewCard, RequestKey};

/// Makes a card at the end of the backlog, once for each `key`. 422 says what is wrong with it.
#[server(prefix = "/fn", endpoint = "create_card", input = Json)]
pub async fn create_card(card: NewCard, key: Option<RequestKey>) -> Result<Card, Failure> {
    let app = expect_context::<crate::server::App>();
    Ok(app.create_card(&crate::server::Call::with_key(key), card).await?)
}

/// Changes a card's text, agent or model, archives, deletes or restores it. 409 where its version has moved on.
#[server(prefix = "/fn", endpoint = "edit_card", input = Json)]
pub async fn edit_card(id: CardId, edit: CardEdit) -> Result<Card, Failure> {
    let app = expect_context::<crate::server::App>();
    Ok(app.edit_card(id, edit).await?)
}

/// The archived cards, the last one first.
#[server(prefix = "/fn", endpoint = "archived_cards", input = Json)]
pub async fn archived_cards() -> Result<Vec<Card>, Failure> {
    let app = expect_context::<crate::server::App>();
    Ok(app.archived_cards(None).await?)
}

/// Puts a card elsewhere. 409 where its version has moved on, or while it runs.
#[server(prefix = "/fn", endpoint = "move_card", input = Json)]
pub async fn move_card(id: CardId, to: CardMove) -> Result<Card, Failure> {
    let app = expect_context::<crate::server::App>();
    Ok(app.move_card(id, to).await?)
}
