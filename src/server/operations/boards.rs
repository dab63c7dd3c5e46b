//! What the board and a card's page show.

use sha2::{Digest, Sha256};

use super::{Answer, App};
use crate::api::{Board, CardDetails};
use crate::domain::{CardId, Problem};

impl App {
    /// Everything that the board shows.
    pub async fn board(&self) -> Answer<Board> {
        let projects = self.store.projects().await?;
        let cards = self.store.cards(None).await?;
        let last_lines = self.store.last_lines().await?;
        let state = serde_json::to_vec(&(&projects, &cards, &last_lines)).map_err(|error| {
            tracing::error!(%error, "the board has no JSON");
            Problem::internal()
        })?;
        let revision = Sha256::digest(state).iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        Ok(Board { revision, projects, cards, last_lines })
    }

    /// A card with its history.
    pub async fn card_details(&self, id: CardId) -> Answer<CardDetails> {
        let card = self.store.card(id).await?;
        let project = self.store.project(card.project_id).await?;
        let executions = self.store.executions(id).await?;
        Ok(CardDetails { card, project, executions })
    }
}
