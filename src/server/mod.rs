//! The server's side: composes store, engine and HTTP into a running server, and shuts them down.

pub mod agents;
mod demo_project;
pub mod engine;
pub mod operations;
pub mod process;
pub mod store;

pub use operations::App;

use crate::domain::Timestamp;

/// The present moment. Whoever needs it takes it at the edge and passes it on.
pub fn now() -> Timestamp {
    chrono::Utc::now().into()
}
