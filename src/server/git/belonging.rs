//! Whether a card's work can go on where it is: a project can be moved, deleted or cloned again at any time. Links that
//! git can mend are no obstacle; [`Worktree::ensure`](super::worktree::Worktree::ensure) mends them.

use std::path::Path;

use super::layout::Layout;
use super::worktree::Worktree;
use super::{GitError, git};
use crate::domain::Remedy;

/// Why a card's run can't go on, with what to do. Only a person can decide that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    #[error(
        "The project's folder {0} is gone. {remedy}: on the board, under Projects, “Change path”. Then retry.",
        remedy = Remedy::ProjectPath.words()
    )]
    ProjectGone(String),
    #[error(
        "The project's folder {0} is no git repository any more. {remedy}: on the board, under Projects, “Change path”. \
         Then retry.",
        remedy = Remedy::ProjectPath.words()
    )]
    NoRepository(String),
}

/// What keeps all of a project's cards from going on; `None` if nothing does.
pub async fn obstacle(project: &Path) -> Result<Option<Obstacle>, GitError> {
    let shown = || project.display().to_string();
    if !project.is_dir() {
        return Ok(Some(Obstacle::ProjectGone(shown())));
    }
    // Without this, git would find a repository in one of the folders above.
    if project.join(".git").symlink_metadata().is_err() {
        return Ok(Some(Obstacle::NoRepository(shown())));
    }
    match git(project, &["rev-parse", "--git-common-dir"]).await {
        Ok(_) => Ok(None),
        Err(GitError::Failed { message, .. }) if message.contains("not a git repository") => {
            Ok(Some(Obstacle::NoRepository(shown())))
        }
        Err(other) => Err(other),
    }
}

impl Worktree {
    /// Whether the repository knows neither the worktree nor its branch: it was cloned again. Then only a new worktree
    /// helps.
    pub async fn is_unknown(&self, project: &Path) -> Result<bool, GitError> {
        let is_listed = || async { Ok(Layout::find(project, &self.path).await?.admin.is_some()) };
        Ok(self.path.is_dir() && !is_listed().await? && self.tip(project).await?.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::super::worktree::Past;
    use super::*;

    async fn repository(path: &Path) {
        std::fs::create_dir_all(path).unwrap();
        git(path, &["init", "--quiet", "--initial-branch=main"]).await.unwrap();
        git(path, &["commit", "--quiet", "--allow-empty", "--message=start"]).await.unwrap();
    }

    #[tokio::test]
    async fn what_has_become_of_a_project_and_its_worktree_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let (here, there) = (dir.path().join("here"), dir.path().join("there"));
        let worktree = Worktree { path: dir.path().join("trees/one"), branch: "cardume/one".into() };
        repository(&here).await;
        assert!(!worktree.is_unknown(&here).await.unwrap(), "nothing is made yet");
        let hold = worktree.hold().await.unwrap();
        worktree.ensure(&here, &hold, Past::None).await.unwrap();
        assert_eq!(obstacle(&here).await.unwrap(), None);

        std::fs::rename(&here, &there).unwrap();
        assert!(matches!(obstacle(&here).await.unwrap(), Some(Obstacle::ProjectGone(_))));
        assert_eq!(obstacle(&there).await.unwrap(), None);
        worktree.ensure(&there, &hold, Past::Unknown).await.unwrap();
        git(&worktree.path, &["status"]).await.unwrap();

        std::fs::remove_dir_all(there.join(".git/worktrees")).unwrap();
        assert!(!worktree.is_unknown(&there).await.unwrap(), "its branch is there, so it can be listed again");
        git(&there, &["branch", "-D", "cardume/one"]).await.unwrap();
        assert!(worktree.is_unknown(&there).await.unwrap());
        std::fs::remove_dir_all(there.join(".git")).unwrap();
        assert!(matches!(obstacle(&there).await.unwrap(), Some(Obstacle::NoRepository(_))));
    }

    #[tokio::test]
    async fn a_repository_above_a_project_is_not_the_projects() {
        let dir = tempfile::tempdir().unwrap();
        repository(dir.path()).await;
        let inner = dir.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        assert!(matches!(obstacle(&inner).await.unwrap(), Some(Obstacle::NoRepository(_))));
    }
}
