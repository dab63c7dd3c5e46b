//! Running, cancelling and retrying: recorded here, done by the engine.

use uuid::Uuid;

use super::{Answer, App, Call, without_nul};
use crate::domain::{Card, CardId, Column, Event, ExecutionId, Problem, Retry, WorkflowStage};
use crate::server::now;

/// An error that somebody sets by hand is at most this long.
const ERROR_MAX_BYTES: usize = 64 * 1024;

impl App {
    /// Starts the workflow of a card in the backlog. A conflict if it runs or stands elsewhere.
    pub async fn run_card(&self, call: &Call, id: CardId) -> Answer<Card> {
        let store = self.store.for_request(call.repeat("run_card", &id)?);
        // The column is the card's, as the store finds it: only from the backlog does the workflow allow a start.
        let card = store.begin(id, Event::Start(Column::Backlog), new_id(), &[], now()).await?;
        self.engine.wake();
        Ok(card)
    }

    /// Goes on from the failed stage, or from the one that `retry` names; in a new worktree if it asks for that.
    pub async fn retry_card(&self, call: &Call, id: CardId, retry: Retry) -> Answer<Card> {
        let store = self.store.for_request(call.repeat("retry_card", &(id, retry))?);
        let card = store.retry(id, retry, new_id(), now()).await?;
        self.engine.wake();
        Ok(card)
    }

    /// Asks for the end of the agent and all that it started.
    pub async fn cancel_card(&self, call: &Call, id: CardId) -> Answer<Card> {
        let store = self.store.for_request(call.repeat("cancel_card", &id)?);
        let card = store.request_cancel(id).await?;
        self.engine.cancel();
        Ok(card)
    }

    /// Sets the word that the card's workflow shows.
    pub async fn set_workflow_state(&self, id: CardId, stage: WorkflowStage, error: Option<String>) -> Answer<()> {
        if let Some(error) = &error {
            without_nul("error", error)?;
            if error.len() > ERROR_MAX_BYTES {
                return Err(Problem::invalid(format!("An error has at most {} KiB.", ERROR_MAX_BYTES / 1024)));
            }
        }
        Ok(self.store.set_workflow_state(id, stage, error.as_deref(), new_id(), now()).await?)
    }
}

fn new_id() -> ExecutionId {
    ExecutionId(Uuid::now_v7())
}
