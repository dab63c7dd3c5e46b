//! The pages of the board, rendered on the server and taken over by the browser.
//!
//! `app` is the frame; `pages` load data; `board`, `run` and `usage` arrange; `kit` draws and knows no domain; `hooks` hold every
//! effect of the browser. Nothing here decides what a workflow may do: it asks [`crate::domain`].

mod app;
mod board;
mod hooks;
mod kit;
mod pages;
mod run;
mod usage;

pub use app::{App, Assets, FORMS_OVER_PLAIN_HTTP, shell};
pub use pages::Part;
