//! Processes and what they leave on disk: the supervisor that is an agent's parent, and the journal it writes.
//!
//! Knows no database and no HTTP. An execution has a directory of its own inside the data directory, [`Workplace`],
//! and the files in it are all that server and supervisor say to each other.

mod digest;
pub mod disk;
pub mod environment;
pub mod journal;
mod lines;
pub mod open_files;
mod shortage;
mod supervise;
pub mod tree;
mod workplace;

pub use digest::LogDigest;
pub use shortage::Shortage;
pub use supervise::supervise;
pub use workplace::{Exit, Order, Presence, UnknownVersion, Workplace};
