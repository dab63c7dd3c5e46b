//! The server functions: how the browser works with the board.
//!
//! Each is thin over one operation of the server, the same that the REST API calls; none decides anything by itself.
//! Their endpoints are fixed (`/fn/…`), and all are POST, so that no link and no image can change anything.

mod boards;
mod cards;
mod failure;
mod logs;
mod projects;
mod runs;
mod search;
mod usage;

pub use boards::{
    Board, CardDetails, CardDetailsOf, CardTexts, CardTextsOf, PollBoard, SetColumn, card_details, card_texts,
    poll_board, preview_text, set_column,
};
pub use cards::{ArchivedCards, CreateCard, EditCard, MoveCard, archived_cards, create_card, edit_card, move_card};
pub use failure::Failure;
pub use logs::{LogPage, ReadLog, read_log};
pub use projects::{
    AddProject, Agents, EditProject, LookAtPath, PathTarget, RemoveProject, add_project, agents, edit_project,
    look_at_path, remove_project,
};
pub use runs::{
    CancelCard, RetryCard, RunCard, SetWorkflowState, cancel_card, retry_card, run_card, set_workflow_state,
};
pub use search::{FoundRows, NextError, SearchLog, SearchRuns, next_error, search_log, search_runs};
pub use usage::{UsageOf, UsageShown, usage};
