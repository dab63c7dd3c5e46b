//! The board: columns, cards, and what makes new ones.

mod archive;
mod arrange;
mod away;
mod card;
mod columns;
mod drawn;
mod filter;
mod filters;
mod limit;
mod manage_projects;
mod new_card;
mod new_project;
mod project_path;
mod projects;
mod state;

pub use archive::{Archive, OpenArchive, PutAwayNotice};
pub use arrange::Arrange;
pub use away::{Away, WhileAway};
pub use columns::Columns;
pub use drawn::Drawn;
pub use filter::Filter;
pub use filters::Filters;
pub use manage_projects::ManageProjects;
pub use new_card::NewCard;
pub use new_project::FirstProject;
pub use projects::ProjectFilter;
pub use state::BoardState;
