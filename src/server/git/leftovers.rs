//! What a git that was killed leaves behind: lock files, and an index that can't be read.
//!
//! A lock file is removed only where no living process can hold it. Who holds a git lock, git does not say, so this asks
//! the kernel: a process holds it if it has the file open, or if it is a git that was there when the lock was made and
//! works in this repository. Processes that this machine doesn't show (in another container, on another host of a shared
//! disk) can't be seen.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::GitError;
use super::hold::Hold;
use super::layout::Layout;
use crate::server::process::tree;

/// How long a living process may keep a lock that is in the way.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Folders of references are not deeper.
const DEPTH_MAX: usize = 12;

/// Removes the locks that nobody holds, in the worktree's own git directory and on the repository's references. Waits
/// for those that somebody does hold; [`GitError::InTheWay`] where that takes too long.
pub(super) async fn clear(layout: &Layout, hold: &Hold) -> Result<(), GitError> {
    let _ = hold;
    let since = Instant::now();
    loop {
        let layout = layout.clone();
        let left = tokio::task::spawn_blocking(move || clear_once(&layout)).await;
        let left = left.map_err(|error| GitError::of("lock", std::io::Error::other(error)))?;
        let Some((lock, holder)) = left else { return Ok(()) };
        if since.elapsed() > PATIENCE {
            return Err(GitError::InTheWay(format!(
                "process {holder} holds the lock {}. Wait until it has ended, or end it, and try again.",
                lock.display()
            )));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Removes the stale ones; answers a lock of the worktree's own that is held, and the number of the process that holds
/// it. A lock of the repository that is held is left to git, which waits for it where it needs it.
fn clear_once(layout: &Layout) -> Option<(PathBuf, i32)> {
    let common = &layout.common;
    let mut shared = vec![];
    find_locks(&common.join("refs"), 0, &mut shared);
    find_locks(&common.join("reftable"), DEPTH_MAX, &mut shared);
    let single = ["packed-refs.lock", "config.lock"].map(|name| common.join(name));
    shared.extend(single.into_iter().filter(|lock| lock.exists()));
    if !shared.is_empty() {
        let mut folders = layout.all_worktrees();
        folders.extend([common.clone(), layout.path.clone()]);
        folders.extend(common.parent().map(Path::to_owned));
        for lock in &shared {
            let _ = remove_stale(lock, &folders);
        }
    }
    let mut own = vec![];
    let mut folders = vec![layout.path.clone()];
    if let Some(admin) = &layout.admin {
        find_locks(admin, 0, &mut own);
        folders.push(admin.clone());
    }
    own.into_iter().find_map(|lock| remove_stale(&lock, &folders).map(|holder| (lock, holder)))
}

/// The number of the process that may hold the lock; where there is none, the lock is removed.
fn remove_stale(lock: &Path, folders: &[PathBuf]) -> Option<i32> {
    // Where it is gone by now its git has ended well.
    let metadata = std::fs::symlink_metadata(lock).ok()?;
    let holder = tree::possible_holder(lock, metadata.ctime(), folders);
    if holder.is_none() {
        tracing::info!(lock = %lock.display(), "a lock that no living process holds was removed");
        let _ = std::fs::remove_file(lock);
    }
    holder.map(|process| process.pid)
}

fn find_locks(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let path = entry.path();
        if kind.is_dir() && depth < DEPTH_MAX {
            find_locks(&path, depth + 1, found);
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "lock") {
            found.push(path);
        }
    }
}

/// Makes the worktree's index anew, from its commit, where git can't read it. It is made beside its place, so that a try
/// that is cut off leaves the old one. No file of the worktree is touched.
pub(super) async fn mend_index(layout: &Layout, hold: &Hold) -> Result<(), GitError> {
    let (Some(place), Some(admin)) = (layout.worktree_place(), &layout.admin) else { return Ok(()) };
    let (index, beside) = (admin.join("index"), admin.join("index.mending"));
    if index.exists() {
        match place.read_bytes(&["ls-files", "-z"]).await {
            Ok(_) => return Ok(()),
            Err(GitError::Failed { message, .. }) => {
                tracing::warn!(index = %index.display(), message, "an index that git can't read is made anew");
            }
            Err(other) => return Err(other),
        }
    }
    let _ = std::fs::remove_file(&beside);
    let is_sparse = layout.is_sparse().await;
    let place = place.with("GIT_INDEX_FILE", &beside);
    place.change(hold, "mend-index", &["read-tree", "HEAD"]).await?;
    if is_sparse {
        place.change(hold, "mend-sparse-index", &["sparse-checkout", "reapply"]).await?;
    }
    std::fs::rename(&beside, &index).map_err(|error| GitError::of("index", error))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_lock_is_removed_only_where_nobody_can_hold_it() {
        let dir = tempfile::tempdir().unwrap();
        let common = dir.path().join("project/.git");
        let (path, admin) = (dir.path().join("worktree"), common.join("worktrees/one"));
        std::fs::create_dir_all(&admin).unwrap();
        std::fs::create_dir_all(&path).unwrap();
        let layout = Layout { common, path: path.clone(), admin: Some(admin.clone()) };
        let lock = admin.join("index.lock");
        // A git that waits for its input, in the worktree, and was there before the lock.
        let mut git = Command::new("git")
            .args(["hash-object", "--stdin"])
            .current_dir(&path)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::fs::write(&lock, "").unwrap();
        assert_eq!(clear_once(&layout), Some((lock.clone(), git.id() as i32)));
        assert!(lock.exists());
        drop(git.stdin.take());
        git.wait().unwrap();
        assert_eq!(clear_once(&layout), None);
        assert!(!lock.exists());
    }

    #[test]
    fn a_lock_that_somebody_has_open_stays() {
        let dir = tempfile::tempdir().unwrap();
        let common = dir.path().join("project/.git");
        std::fs::create_dir_all(common.join("refs")).unwrap();
        let layout = Layout { common: common.clone(), path: dir.path().join("worktree"), admin: None };
        let lock = common.join("packed-refs.lock");
        let open = std::fs::File::create(&lock).unwrap();
        assert_eq!(clear_once(&layout), None, "it is in nobody's way");
        assert!(lock.exists());
        drop(open);
        assert_eq!(clear_once(&layout), None);
        assert!(!lock.exists());
    }
}
