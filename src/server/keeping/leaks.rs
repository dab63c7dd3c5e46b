//! Finds what lies in the data directory and belongs to no card or execution in the database.
//!
//! It removes nothing. A database that was restored, or set back to an earlier state, knows less than the disk, and so
//! does another database that was given this data directory: what looks like a leak there may be the only copy of
//! somebody's work. What was deleted is still in the database until it is gone from the disk, and is no leak.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::domain::{CardId, ExecutionId};
use crate::server::store::Store;

/// Counting bytes takes no longer than this.
const MEASURE_WITHIN: Duration = Duration::from_secs(20);
/// How long an id is, as text.
const ID_CHARS: usize = 36;

/// Folders and files that no card in the database knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leaks {
    /// In `worktrees`: everything whose name begins with a card's id.
    pub worktrees: Vec<PathBuf>,
    /// In `executions`.
    pub executions: Vec<PathBuf>,
}

impl Leaks {
    pub fn is_empty(&self) -> bool {
        self.worktrees.is_empty() && self.executions.is_empty()
    }

    /// "2 worktrees and 1 execution directory".
    pub fn count(&self) -> String {
        let many = |count: usize, one: &str, more: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {more}")),
        };
        let worktrees = many(self.worktrees_by_card().len(), "worktree", "worktrees");
        let executions = many(self.executions.len(), "execution directory", "execution directories");
        worktrees.into_iter().chain(executions).collect::<Vec<_>>().join(" and ")
    }

    /// The worktrees, each for all that lies beside it: paths that end with a card's id.
    pub fn worktrees_by_card(&self) -> BTreeSet<PathBuf> {
        let cut = |path: &PathBuf| Some(path.with_file_name(path.file_name()?.to_str()?.get(..ID_CHARS)?));
        self.worktrees.iter().filter_map(cut).collect()
    }

    /// How many bytes all of it has; at least so many, where counting takes too long.
    pub fn size_bytes(&self) -> u64 {
        let deadline = Instant::now() + MEASURE_WITHIN;
        let mut open: Vec<PathBuf> = self.worktrees.iter().chain(&self.executions).cloned().collect();
        let mut bytes = 0;
        while let Some(path) = open.pop().filter(|_| Instant::now() < deadline) {
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            if metadata.is_dir() {
                open.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
            } else {
                bytes += metadata.len();
            }
        }
        bytes
    }
}

/// Looks at the names in the data directory, then into the database: what is listed there was known before it was made.
pub async fn find(store: &Store, data_dir: &Path) -> anyhow::Result<Leaks> {
    let (worktrees, executions) = (names_in(&data_dir.join("worktrees"))?, names_in(&data_dir.join("executions"))?);
    let (cards, known) = store.known_ids().await?;
    let card_of = |name: &str| name.get(..ID_CHARS)?.parse::<CardId>().ok();
    let is_unknown = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        card_of(name).is_some_and(|card| !cards.contains(&card))
    };
    let is_unknown_execution = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.parse::<ExecutionId>().is_ok_and(|id| !known.contains(&id))
    };
    // What was purged meanwhile is gone.
    let is_there = |path: &PathBuf| fs::symlink_metadata(path).is_ok();
    Ok(Leaks {
        worktrees: worktrees.into_iter().filter(is_unknown).filter(is_there).collect(),
        executions: executions.into_iter().filter(is_unknown_execution).filter(is_there).collect(),
    })
}

fn names_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        entries => entries?,
    };
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
