//! The board: columns, cards, and what makes new ones.

mod card;
mod columns;
mod new_card;
mod new_project;
mod projects;
mod state;

pub use columns::Columns;
pub use new_card::NewCard;
pub use new_project::{AddProject, FirstProject};
pub use projects::ProjectFilter;
pub use state::BoardState;
