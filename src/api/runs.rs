//! Running, cancelling and retrying.
//!
//! The first three act once for each `key`. They take their arguments as a form's fields too, so that their buttons work
//! before the WASM has arrived.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;

use super::Failure;
use crate::domain::{Card, CardId, RequestKey, Stage, WorkflowStage};

/// Starts the workflow of a card in the backlog. 409 if it runs or stands elsewhere.
#[server(prefix = "/fn", endpoint = "run_card")]
pub async fn run_card(id: CardId, key: Option<RequestKey>) -> Result<Card, Failure> {
    let app = expect_context::<crate::server::App>();
    Ok(app.run_card(&crate::server::Call::with_key(key), id).await?)
}

/// Asks for the end of a card's agent and all that it started; they are gone within 10 s. 409 if nothing runs.
#[server(prefix = "/fn", endpoint = "cancel_card")]
pub async fn cancel_card(id: CardId, key: Option<RequestKey>) -> Result<Card, Failure> {
    let app = expect_context::<crate::server::App>();
    Ok(app.cancel_card(&crate::server::Call::with_key(key), id).await?)
}

/// Goes on from the failed stage, or from `stage`; in a new worktree if that is asked for. 409 if it runs or nothing has
/// failed.
#[server(prefix = "/fn", endpoint = "retry_card")]
pub async fn retry_card(
    id: CardId,
    stage: Option<Stage>,
    new_worktree: Option<bool>,
    key: Option<RequestKey>,
) -> Result<Card, Failure> {
    let app = expect_context::<crate::server::App>();
    let retry = crate::domain::Retry { stage, new_worktree: new_worktree.unwrap_or_default() };
    Ok(app.retry_card(&crate::server::Call::with_key(key), id, retry).await?)
}

/// Sets the word that a card's workflow shows; makes a `workflow` execution where the card has none. 409 if the card's own
/// run says otherwise.
#[server(prefix = "/fn", endpoint = "set_workflow_state", input = Json)]
pub async fn set_workflow_state(id: CardId, stage: WorkflowStage, error: Option<String>) -> Result<(), Failure> {
    let app = expect_context::<crate::server::App>();
    Ok(app.set_workflow_state(id, stage, error).await?)
}
