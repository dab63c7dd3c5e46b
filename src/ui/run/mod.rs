//! One card and its run: controls, timeline, log, facts.

mod agents;
mod ansi;
mod archive;
mod chosen;
mod controls;
mod delete;
mod edit;
mod facts;
mod feed;
mod find;
mod lines;
mod log;
mod preview;
mod put_away;
mod range;
mod state;
mod timeline;
mod window;
mod words;

pub use agents::{AgentField, Agents};
pub use archive::{ArchiveCard, DuplicateCard};
pub use controls::{CardActions, RetryInNewWorktree, RunControls, StartAgain};
pub use delete::DeleteCard;
pub use edit::{EditCard, Editing};
pub use facts::Facts;
pub use feed::LogFeed;
pub use log::Log;
pub use preview::Preview;
pub use put_away::LastPutAway;
pub use range::LineRange;
pub use state::CardState;
pub use timeline::Timeline;
pub use window::LogWindow;
pub use words::{column_title, mark_of, progress, progress_in_words, stage_title, stage_tone};
