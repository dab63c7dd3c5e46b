//! What can be asked of Cardume: one function an operation, called by the REST API and by the server functions alike.
//!
//! Each checks its input, does one thing in the store, and answers in the words of [`crate::domain`]; its failures are
//! [`Problem`]s that may be shown to anybody. Operations never start a process: they record what is wanted, and the
//! engine does it.

use crate::api::{Board, CardDetails};
use crate::domain::*;

/// The running server: what an operation needs.
#[derive(Clone)]
pub struct App {}

type Answer<T> = Result<T, Problem>;

#[allow(unused_variables)]
impl App {
    pub async fn board(&self) -> Answer<Board> {
        todo!()
    }
    pub async fn card_details(&self, id: CardId) -> Answer<CardDetails> {
        todo!()
    }
    pub async fn projects(&self) -> Answer<Vec<Project>> {
        todo!()
    }
    /// (the project, whether it is new)
    pub async fn add_project(&self, project: NewProject) -> Answer<(Project, bool)> {
        todo!()
    }
    pub async fn agents(&self) -> Vec<Agent> {
        todo!()
    }
    pub async fn cards(&self, project: Option<ProjectId>) -> Answer<Vec<Card>> {
        todo!()
    }
    pub async fn card(&self, id: CardId) -> Answer<Card> {
        todo!()
    }
    pub async fn create_card(&self, card: NewCard) -> Answer<Card> {
        todo!()
    }
    pub async fn edit_card(&self, id: CardId, edit: CardEdit) -> Answer<Card> {
        todo!()
    }
    pub async fn move_card(&self, id: CardId, to: CardMove) -> Answer<Card> {
        todo!()
    }
    pub async fn delete_card(&self, id: CardId) -> Answer<()> {
        todo!()
    }
    pub async fn run_card(&self, id: CardId) -> Answer<Card> {
        todo!()
    }
    pub async fn cancel_card(&self, id: CardId) -> Answer<Card> {
        todo!()
    }
    pub async fn retry_card(&self, id: CardId, stage: Option<Stage>) -> Answer<Card> {
        todo!()
    }
    pub async fn set_workflow_state(&self, id: CardId, stage: WorkflowStage, error: Option<String>) -> Answer<()> {
        todo!()
    }
    pub async fn executions(&self, id: CardId) -> Answer<Vec<Execution>> {
        todo!()
    }
    /// The log of the card's active execution; `None` where it has none. 404 where there is no such card.
    pub async fn card_log(&self, id: CardId, slice: LogSlice, limit: i64) -> Answer<Option<ExecutionLog>> {
        todo!()
    }
    pub async fn execution_log(&self, id: ExecutionId, slice: LogSlice, limit: i64) -> Answer<ExecutionLog> {
        todo!()
    }
    /// `Err` (503) says why nothing can be written now.
    pub async fn health(&self) -> Answer<()> {
        todo!()
    }
}
