//! What is there on every page: the command palette, which also searches everything, and the list of shortcuts.

mod commands;
mod entries;
mod shortcuts;

pub use commands::Commands;
