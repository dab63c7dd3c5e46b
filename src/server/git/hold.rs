//! The lock of a worktree: only its holder may change the worktree.
//!
//! The lock is a file, locked with `flock`. A git that changes something inherits the descriptor, so the kernel keeps the
//! lock until that git has ended, whatever becomes of the server, and releases it then. The next holder therefore
//! knows that no git of Cardume's is at work there, and that what an earlier one left half done will not be finished by
//! anybody else.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use super::GitError;
use crate::server::process::tree;

/// Longer than any git may run. Whatever holds the lock by then is one that hangs, and is ended.
const PATIENCE: Duration = Duration::from_secs(660);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The permission to change a worktree, or a repository's list of worktrees and branches.
#[derive(Debug)]
pub struct Hold {
    locks: Vec<File>,
}

impl Hold {
    /// Waits until nobody else has the lock `path`. Harmless to give up halfway.
    pub async fn take(path: &Path) -> Result<Self, GitError> {
        let failed = |error| GitError::of("lock", error);
        let file = open(path).map_err(failed)?;
        let since = Instant::now();
        let mut has_ended_it = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { locks: vec![file] }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            if since.elapsed() > PATIENCE {
                let holders = holders(path).await;
                if has_ended_it {
                    let what = format!("another process still works with git there, and holds {}", path.display());
                    return Err(GitError::InTheWay(what));
                }
                tracing::warn!(lock = %path.display(), ?holders, "a git hangs, and is ended");
                tree::signal_all(&holders, rustix::process::Signal::KILL);
                has_ended_it = true;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Both locks, for a git that needs both. They stay held until it has ended, too.
    pub(super) fn with(&self, other: &Self) -> Result<Self, GitError> {
        let mut locks = self.files()?;
        locks.extend(other.files()?);
        Ok(Self { locks })
    }

    /// Descriptors of the locks, to be inherited.
    pub(super) fn files(&self) -> Result<Vec<File>, GitError> {
        self.locks.iter().map(|lock| lock.try_clone().map_err(|error| GitError::of("lock", error))).collect()
    }
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

async fn holders(path: &Path) -> Vec<tree::ProcessId> {
    let path = path.to_owned();
    let found = tokio::task::spawn_blocking(move || tree::with_open_file(&path)).await;
    // This process has it open, too.
    let own = tree::ProcessId::own();
    found.unwrap_or_default().into_iter().filter(|process| Some(*process) != own).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Place;
    use super::*;

    #[tokio::test]
    async fn a_git_that_outlives_its_caller_keeps_the_lock_until_it_ends() {
        let dir = tempfile::tempdir().unwrap();
        let lock = dir.path().join("lock");
        let pipe = dir.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR.union(rustix::fs::Mode::WUSR),
            0,
        )
        .unwrap();
        let hold = Hold::take(&lock).await.unwrap();
        let place = Place::folder(dir.path());
        let path = pipe.to_str().unwrap().to_owned();
        // It waits for somebody who writes to the pipe.
        let arguments = ["hash-object", "--", &path];
        let running = async { place.change(&hold, "test", &arguments).await.map(drop) };
        assert!(tokio::time::timeout(Duration::from_millis(300), running).await.is_err(), "it is still running");
        drop(hold);
        let next = Hold::take(&lock);
        tokio::pin!(next);
        assert!(tokio::time::timeout(Duration::from_millis(300), &mut next).await.is_err(), "the lock was free");
        std::fs::write(&pipe, "something\n").unwrap();
        next.await.unwrap();
    }

    #[tokio::test]
    async fn those_who_have_a_lock_open_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let _file = open(&path).unwrap();
        assert_eq!(tree::with_open_file(&path), tree::ProcessId::own().into_iter().collect::<Vec<_>>());
    }
}
