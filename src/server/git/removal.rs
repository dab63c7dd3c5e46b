//! Removing what a card had on disk: its worktree, all that lies beside it under the card's id, and the repository's list
//! entry. Its branch stays.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::layout::Layout;
use super::{GitError, Hold};

/// A git that works there may take longer. The caller tries again later.
const PATIENCE: Duration = Duration::from_secs(5);

/// Removes the worktree `path`, everything beside it whose name begins with its own and a dot, and the entries of all of
/// these in the repository's list. Can be repeated from any point. A repository that is gone holds nothing up.
pub async fn remove_worktree(path: &Path, repository: &Path) -> Result<(), GitError> {
    let failed = |error| GitError::of("worktree", error);
    let mut paths = own_paths(path).map_err(failed)?;
    let layout = if repository.is_dir() { Layout::find(repository, path).await.ok() } else { None };
    let entries: Vec<PathBuf> = layout.map(|layout| own_entries(&layout, path)).unwrap_or_default();
    if paths.is_empty() && entries.is_empty() {
        return Ok(());
    }
    let lock = beside(path, "lock");
    let hold = tokio::time::timeout(PATIENCE, Hold::take(&lock)).await;
    let _hold =
        hold.map_err(|_| GitError::InTheWay(format!("a git still works there, and holds {}", lock.display())))??;
    // The lock goes last: a process that waits for it then finds nothing left.
    paths.retain(|path| *path != lock);
    paths.extend(entries);
    paths.push(lock);
    let removed = tokio::task::spawn_blocking(move || paths.iter().try_for_each(|path| remove_all(path)));
    removed.await.map_err(io::Error::other).flatten().map_err(failed)
}

fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(what);
    path.with_file_name(name)
}

/// Whether `name` is that of the worktree, or of something beside it.
fn is_own_name(name: &str, path: &Path) -> bool {
    let own = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_prefix(&*own).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn own_paths(path: &Path) -> io::Result<Vec<PathBuf>> {
    let Some(folder) = path.parent() else { return Ok(vec![]) };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        entries => entries?,
    };
    let mut paths = vec![];
    for entry in entries {
        let entry = entry?;
        if is_own_name(&entry.file_name().to_string_lossy(), path) {
            paths.push(entry.path());
        }
    }
    Ok(paths)
}

/// The repository's entries of the worktree and of those beside it. A card may have another worktree in another folder,
/// which belongs to another data directory.
fn own_entries(layout: &Layout, path: &Path) -> Vec<PathBuf> {
    let real = |folder: Option<&Path>| folder.and_then(|folder| fs::canonicalize(folder).ok());
    let Some(own_folder) = real(path.parent()) else { return vec![] };
    let is_own = |link: &Path| {
        let Some(worktree) = link.parent() else { return false };
        let name = worktree.file_name().unwrap_or_default().to_string_lossy();
        is_own_name(&name, path) && real(worktree.parent()).as_ref() == Some(&own_folder)
    };
    layout.entries().into_iter().filter(|(_, link)| is_own(link)).map(|(entry, _)| entry).collect()
}

/// Removes a file, or a folder with all in it, also folders that are closed to their own owner, as build tools and module
/// caches leave them. No link is followed. What is gone already is fine.
pub fn remove_all(path: &Path) -> io::Result<()> {
    match remove(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open_folders(path);
            remove(path)
        }
        removed => removed,
    }
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Lets the owner change the folders at and below `path`, where that is possible.
fn open_folders(path: &Path) {
    let mut open = vec![path.to_owned()];
    while let Some(folder) = open.pop() {
        let Ok(metadata) = fs::symlink_metadata(&folder) else { continue };
        if !metadata.is_dir() {
            continue;
        }
        let _ = fs::set_permissions(&folder, fs::Permissions::from_mode(metadata.permissions().mode() | 0o700));
        open.extend(fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()));
    }
}

#[cfg(test)]
mod tests {
    use super::super::git;
    use super::*;

    const CARD: &str = "0190a1b2-0000-7000-8000-00000000beef";

    async fn repository(dir: &Path) -> PathBuf {
        let path = dir.join("project");
        fs::create_dir(&path).unwrap();
        git(&path, &["init", "--quiet", "--initial-branch=main"]).await.unwrap();
        git(&path, &["commit", "--quiet", "--allow-empty", "--message=start"]).await.unwrap();
        path
    }

    async fn add(project: &Path, folder: &Path, branch: &str) {
        let path = folder.join(CARD);
        let arguments = ["worktree".as_ref(), "add".as_ref(), "-b".as_ref(), branch.as_ref(), path.as_os_str()];
        git(project, &arguments).await.unwrap();
    }

    #[tokio::test]
    async fn all_that_bears_the_cards_id_goes_and_the_branch_stays() {
        let dir = tempfile::tempdir().unwrap();
        let project = repository(dir.path()).await;
        let (worktrees, others) = (dir.path().join("worktrees"), dir.path().join("elsewhere"));
        add(&project, &worktrees, "cardume/one").await;
        // The same card, restored into another data directory.
        add(&project, &others, "cardume/two").await;
        let own = worktrees.join(CARD);
        git(&project, &["worktree".as_ref(), "lock".as_ref(), own.as_os_str()]).await.unwrap();
        fs::create_dir_all(worktrees.join(format!("{CARD}.old-1/sub"))).unwrap();
        fs::write(worktrees.join(format!("{CARD}.lock")), "").unwrap();
        fs::create_dir_all(worktrees.join("0190a1b2-0000-7000-8000-0000000another")).unwrap();

        for _ in 0..2 {
            remove_worktree(&own, &project).await.unwrap();
            assert_eq!(fs::read_dir(&worktrees).unwrap().count(), 1);
        }
        let listed = git(&project, &["worktree", "list", "--porcelain"]).await.unwrap();
        assert!(!listed.contains("/worktrees/0190") && listed.contains("/elsewhere/0190"), "{listed}");
        let branches = git(&project, &["branch", "--format=%(refname:short)"]).await.unwrap();
        assert!(branches.contains("cardume/one") && branches.contains("cardume/two"), "{branches}");
        assert!(others.join(CARD).exists());
    }

    #[tokio::test]
    async fn neither_a_missing_folder_nor_a_missing_repository_nor_closed_folders_are_in_the_way() {
        let dir = tempfile::tempdir().unwrap();
        let project = repository(dir.path()).await;
        let worktrees = dir.path().join("worktrees");
        add(&project, &worktrees, "cardume/one").await;
        let own = worktrees.join(CARD);
        fs::remove_dir_all(&own).unwrap();
        remove_worktree(&own, &project).await.unwrap();
        let listed = git(&project, &["worktree", "list", "--porcelain"]).await.unwrap();
        assert!(!listed.contains("0190a1b2"), "{listed}");

        add(&project, &worktrees, "cardume/two").await;
        fs::create_dir_all(own.join("cache/module")).unwrap();
        fs::write(own.join("cache/module/file"), "").unwrap();
        std::os::unix::fs::symlink(&project, own.join("cache/link")).unwrap();
        for closed in ["cache/module", "cache"] {
            fs::set_permissions(own.join(closed), fs::Permissions::from_mode(0o500)).unwrap();
        }
        fs::rename(&project, dir.path().join("moved")).unwrap();
        remove_worktree(&own, &project).await.unwrap();
        assert!(!own.exists());
        assert!(dir.path().join("moved/.git").exists(), "a link was followed");
    }
}
