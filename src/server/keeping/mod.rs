//! Keeping what is kept: backups and their restoration, the look at the database before a server starts, the update of
//! its schema behind a backup, whose database it is, the compression of old logs, the removal of journals that are no
//! longer needed, the clean-up of what was deleted, and what the logs' search needs.
//!
//! It decides nothing about cards and starts no agent. What a database holds is `store`'s to know; git and processes are
//! `process`'s.

mod archive;
pub mod backup;
pub mod backups;
pub mod indexing;
mod journals;
pub mod leaks;
pub mod modes;
pub mod opening;
pub mod owner;
pub mod ownership;
mod placing;
pub mod purging;
pub mod restore;
mod unfinished;
pub mod upkeep;
mod verify;
