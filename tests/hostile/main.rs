//! Hostile words, paths and repositories through the whole pipeline, with the real binary, real git and real agents.
//!
//! Whatever would be evaluated anywhere leaves a file in the folder of markers, which must stay empty.

#[path = "../support/server.rs"]
mod server;

mod agents;
mod repositories;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

/// A folder for what must never be made.
fn markers(home: &Path) -> PathBuf {
    let folder = home.join("markers");
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[track_caller]
fn assert_none(markers: &Path) {
    let made: Vec<_> = fs::read_dir(markers).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(made.is_empty(), "this was evaluated: {made:?}");
}
