//! The REST API by real requests: every route's happy path, and every failure that it promises.

#[path = "../support/server.rs"]
mod server;

mod access;
mod anything;
mod cards;
mod failures;
mod functions;
mod limits;
mod logs;
mod openapi;
mod pages;
mod projects;
mod repeats;
mod runs;
mod search;
mod security;
mod service;
mod usage;

use server::{GOOD_AGENT, Server};

/// A well-formed id that nothing has.
const NOBODY: &str = "019a0000-0000-7000-8000-000000000000";

/// Fails wherever it is started.
const BAD_AGENT: &str = "cat > /dev/null; echo 'this goes wrong' >&2; exit 3";

/// A server with the agents `good`, `bad`, and `gated`, which waits for the file `gate` in the server's home.
fn server() -> Server {
    let gated = format!("echo waiting\nwhile [ ! -e \"$GATE\" ]; do sleep 0.05; done\n{GOOD_AGENT}");
    let preparation = Server::prepare();
    let gate = preparation.home().join("gate");
    preparation.env("GATE", gate).agent("good", GOOD_AGENT).agent("gated", &gated).agent("bad", BAD_AGENT).start()
}
