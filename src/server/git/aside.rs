//! Puts a worktree aside that is of no more use, so that a new one can be made in its place. Nothing is deleted while the
//! card is there: the folder stays beside the new one, with everything that was not committed.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::Hold;
use super::worktree::Worktree;

impl Worktree {
    /// The folder to which the card's run number `n` puts the worktree aside.
    pub fn aside(&self, n: i64) -> PathBuf {
        self.beside(&format!("old-{n}"))
    }

    /// Every folder to which this worktree was put aside.
    pub fn all_asides(&self) -> io::Result<Vec<PathBuf>> {
        let Some(folder) = self.path.parent() else { return Ok(vec![]) };
        let prefix = self.beside("old-");
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
            Err(error) => return Err(error),
        };
        let is_aside =
            |path: &PathBuf| path.as_os_str().as_encoded_bytes().starts_with(prefix.as_os_str().as_encoded_bytes());
        Ok(entries.flatten().map(|entry| entry.path()).filter(is_aside).collect())
    }

    /// Puts the worktree aside; answers whether something is aside then. Can be repeated from any point: if the folder for
    /// run number `n` is there, the worktree's path belongs to a new worktree already. The entry in the repository's list
    /// goes when the new one is made.
    pub fn set_aside(&self, n: i64, _hold: &Hold) -> io::Result<bool> {
        let aside = self.aside(n);
        if !exists(&aside) && exists(&self.path) {
            fs::rename(&self.path, &aside)?;
            if let Some(folder) = self.path.parent() {
                File::open(folder)?.sync_all()?;
            }
        }
        fail::fail_point!("aside::renamed");
        // It is about the files of the old one.
        match fs::remove_dir_all(self.beside("snapshot")) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Ok(exists(&aside))
    }
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::git;
    use super::super::worktree::Past;
    use super::*;

    async fn scene(dir: &Path) -> (PathBuf, Worktree, Hold) {
        let project = dir.join("project");
        fs::create_dir(&project).unwrap();
        git(&project, &["init", "--quiet", "--initial-branch=main"]).await.unwrap();
        git(&project, &["commit", "--quiet", "--allow-empty", "--message=start"]).await.unwrap();
        let worktree = Worktree { path: dir.join("trees/one"), branch: "cardume/one".into() };
        let hold = worktree.hold().await.unwrap();
        worktree.ensure(&project, &hold, Past::None).await.unwrap();
        fs::write(worktree.path.join("uncommitted"), "precious").unwrap();
        (project, worktree, hold)
    }

    #[tokio::test]
    async fn a_worktree_is_put_aside_once_however_often_it_is_tried() {
        let dir = tempfile::tempdir().unwrap();
        let (project, worktree, hold) = scene(dir.path()).await;
        assert!(worktree.set_aside(3, &hold).unwrap());
        assert!(worktree.set_aside(3, &hold).unwrap());
        assert_eq!(fs::read_to_string(worktree.aside(3).join("uncommitted")).unwrap(), "precious");
        worktree.ensure(&project, &hold, Past::Unknown).await.unwrap();
        assert!(worktree.set_aside(3, &hold).unwrap());
        assert!(worktree.path.join(".git").exists(), "the new one was taken away");
        assert!(!worktree.path.join("uncommitted").exists());
        git(&worktree.path, &["status"]).await.unwrap();
        assert_eq!(worktree.all_asides().unwrap(), [worktree.aside(3)]);
    }

    #[tokio::test]
    async fn what_is_locked_or_forgotten_by_the_repository_is_in_nobodys_way() {
        let dir = tempfile::tempdir().unwrap();
        let (project, worktree, hold) = scene(dir.path()).await;
        // As a `git worktree add` leaves it that was killed.
        git(&project, &["worktree".as_ref(), "lock".as_ref(), worktree.path.as_os_str()]).await.unwrap();
        assert!(worktree.set_aside(1, &hold).unwrap());
        worktree.ensure(&project, &hold, Past::Unknown).await.unwrap();
        fs::remove_dir_all(project.join(".git/worktrees")).unwrap();
        assert!(worktree.set_aside(2, &hold).unwrap());
        worktree.ensure(&project, &hold, Past::Unknown).await.unwrap();
        assert!(worktree.path.join(".git").exists() && worktree.aside(2).join(".git").exists());
        // Where there is nothing, nothing is put aside.
        let none = Worktree { path: dir.path().join("trees/none"), branch: "cardume/none".into() };
        assert!(!none.set_aside(1, &none.hold().await.unwrap()).unwrap());
    }
}
