//! Processes and what they leave on disk: the supervisor that is an agent's parent, the journal it writes, and git.
//!
//! Knows no database and no HTTP. An execution has a directory of its own inside the data directory, [`Workplace`],
//! and the files in it are all that server and supervisor say to each other.

pub mod bundle;
mod digest;
pub mod disk;
pub mod git;
pub mod journal;
mod lines;
mod supervise;
pub mod tree;
mod workplace;
pub mod worktree;

pub use digest::LogDigest;
pub use supervise::supervise;
pub use workplace::{Exit, Order, Presence, UnknownVersion, Workplace};
