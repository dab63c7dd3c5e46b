//! The server's side.

pub mod config;
pub mod http;
pub mod operations;
pub mod router;
pub mod security;
pub mod store;

pub use operations::App;

use crate::domain::Timestamp;

/// The present moment. Whoever needs it takes it here, at the edge, and passes it on.
pub fn now() -> Timestamp {
    chrono::Utc::now().into()
}
