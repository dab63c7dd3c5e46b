//! Whether a folder can be a project: a git repository with a commit, whose files lie where it says.

use std::path::{Path, PathBuf};

use super::{GitError, git};

/// Why a folder cannot be a project. For the user.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAProject {
    #[error("There is no folder {0}. Give the path of a git repository on the machine that runs Cardume.")]
    Missing(String),
    #[error("{0} is not a git repository. Run “git init” there and make a first commit, or give another folder.")]
    NoRepository(String),
    #[error(
        "The repository {0} has no commit yet. Make a first one (git commit --allow-empty -m start), and add it again."
    )]
    NoCommit(String),
    #[error(
        "The repository {0} is damaged: git can't read the commit that its HEAD names. Run “git fsck” there, and add it again once that is mended."
    )]
    Damaged(String),
    #[error(
        "{0} belongs to another user, and git refuses to work there. Run “git config --global --add safe.directory {0}” as the user who runs Cardume, and add it again."
    )]
    Owner(String),
    #[error(
        "The repository {0} says that its files lie elsewhere (core.worktree). Run “git config --unset core.worktree” there, or give another folder."
    )]
    Elsewhere(String),
    #[error("{0}")]
    Git(String),
}

/// The top of the repository that `path` lies in, as an absolute path. The repository must have a commit.
pub async fn repository_at(path: &str) -> Result<PathBuf, NotAProject> {
    let folder = Path::new(path);
    if !folder.is_absolute() || !folder.is_dir() {
        return Err(NotAProject::Missing(path.to_owned()));
    }
    let top = match git(folder, &["rev-parse", "--show-toplevel"]).await {
        Ok(top) => PathBuf::from(top.strip_suffix('\n').unwrap_or(&top)),
        Err(GitError::Failed { message, .. }) if message.contains("dubious ownership") => {
            return Err(NotAProject::Owner(path.to_owned()));
        }
        Err(GitError::Failed { .. }) => return Err(NotAProject::NoRepository(path.to_owned())),
        Err(other) => return Err(NotAProject::Git(other.to_string())),
    };
    let top = match (std::fs::canonicalize(&top), std::fs::canonicalize(folder)) {
        (Ok(top), Ok(folder)) if folder.starts_with(&top) => top,
        // Its configuration may say that its files lie anywhere.
        (Ok(_), Ok(_)) => return Err(NotAProject::Elsewhere(path.to_owned())),
        _ => return Err(NotAProject::Missing(path.to_owned())),
    };
    if git(&top, &["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).await.is_ok() {
        return Ok(top);
    }
    // HEAD names a commit, or a branch that names one; or a branch that is still to be made.
    match git(&top, &["rev-parse", "--verify", "--quiet", "HEAD"]).await {
        Ok(_) => Err(NotAProject::Damaged(path.to_owned())),
        Err(_) if has_commits(&top).await => Err(NotAProject::Damaged(path.to_owned())),
        Err(_) => Err(NotAProject::NoCommit(path.to_owned())),
    }
}

/// Whether a branch was ever made there, though git may no longer be able to read it.
async fn has_commits(top: &Path) -> bool {
    let Ok(branch) = git(top, &["symbolic-ref", "--quiet", "HEAD"]).await else { return true };
    let Ok(file) = git(top, &["rev-parse", "--git-path", branch.trim()]).await else { return false };
    top.join(file.trim_end_matches('\n')).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn repository() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        git(dir.path(), &["init", "--quiet", "--initial-branch=main"]).await.unwrap();
        dir
    }

    #[tokio::test]
    async fn what_is_no_project_is_refused_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_str().unwrap().to_owned();
        assert_eq!(repository_at(&path).await, Err(NotAProject::NoRepository(path.clone())));
        assert!(matches!(repository_at("relative").await, Err(NotAProject::Missing(_))));
        let dir = repository().await;
        let path = dir.path().to_str().unwrap().to_owned();
        assert_eq!(repository_at(&path).await, Err(NotAProject::NoCommit(path.clone())));
    }

    #[tokio::test]
    async fn a_damaged_repository_is_not_one_without_a_commit() {
        let dir = repository().await;
        let path = dir.path().to_str().unwrap().to_owned();
        git(dir.path(), &["commit", "--quiet", "--allow-empty", "--message=start"]).await.unwrap();
        assert!(repository_at(&path).await.is_ok());
        std::fs::remove_dir_all(dir.path().join(".git/objects")).unwrap();
        std::fs::create_dir(dir.path().join(".git/objects")).unwrap();
        assert_eq!(repository_at(&path).await, Err(NotAProject::Damaged(path.clone())));
        std::fs::write(dir.path().join(".git/refs/heads/main"), "garbage\n").unwrap();
        assert_eq!(repository_at(&path).await, Err(NotAProject::Damaged(path.clone())));
    }
}
