//! The terminal commands: HTTP to a running server.
//!
//! They know the API's shapes from [`domain`](crate::domain) and nothing else of the server. What they print is made
//! harmless for a terminal first: logs are the words of programs.

pub mod cards;
mod connection;
mod follow;
pub mod logs;
pub mod run;
pub mod terminal;

pub use connection::Connection;
