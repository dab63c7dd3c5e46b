//! The terminal commands, as somebody at a terminal meets them.

#[path = "../support/server.rs"]
mod server;

mod following;
mod reading;
mod repeating;
mod usage;
