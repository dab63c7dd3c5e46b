//! Branches, and the references that keep what stages left, as a file: git bundles, for backups.
//!
//! A bundle leaves out what the repository has from a remote: that is kept elsewhere. Nothing here moves or removes a
//! branch that is there.

use std::ffi::OsStr;
use std::path::Path;

use super::{GitError, git};

/// Only Cardume's own branches and references are ever written.
const PREFIXES: [&str; 2] = ["cardume/", "refs/cardume/"];

/// A branch, and the commit at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Its name, or the whole name of a reference that is no branch: `refs/…`.
    pub branch: String,
    pub commit: String,
}

/// The ends of those of `branches` that the repository has. A name that begins with `refs/` stands for all references
/// below it.
pub async fn tips(repository: &Path, branches: &[String]) -> Result<Vec<Tip>, GitError> {
    let mut tips = vec![];
    for name in branches {
        let listed = git(repository, &["for-each-ref", "--format=%(refname) %(objectname)", &reference(name)]).await?;
        for (found, commit) in listed.lines().filter_map(|line| line.split_once(' ')) {
            let branch = found.strip_prefix("refs/heads/").unwrap_or(found).to_owned();
            // A pattern also finds what is below a folder of a branch's name.
            if branch == *name || name.starts_with("refs/") {
                tips.push(Tip { branch, commit: commit.to_owned() });
            }
        }
    }
    Ok(tips)
}

/// Writes what leads to `tips`, less what remotes have, to the file `bundle`. False, and no file, where nothing is left.
pub async fn create(repository: &Path, tips: &[Tip], bundle: &Path) -> Result<bool, GitError> {
    let mut arguments: Vec<&OsStr> = ["bundle", "create", "--quiet"].map(OsStr::new).to_vec();
    arguments.push(bundle.as_os_str());
    let references: Vec<String> = tips.iter().map(|tip| reference(&tip.branch)).collect();
    arguments.extend(references.iter().map(OsStr::new));
    arguments.extend(["--not", "--remotes"].map(OsStr::new));
    match git(repository, &arguments).await {
        Ok(_) => Ok(true),
        Err(GitError::Failed { message, .. }) if message.contains("empty bundle") => Ok(false),
        Err(error) => Err(error),
    }
}

/// How bringing branches back went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brought {
    /// Each of them is there now, or was before.
    All,
    /// The repository lacks commits that the bundle builds on, or there is no bundle.
    CommitsMissing,
}

/// Makes the branches that the repository lacks, with commits from `bundle` where it lacks those too.
pub async fn bring_back(repository: &Path, tips: &[Tip], bundle: Option<&Path>) -> Result<Brought, GitError> {
    let mut missing = vec![];
    for tip in tips.iter().filter(|tip| PREFIXES.iter().any(|prefix| tip.branch.starts_with(prefix))) {
        if end_of(repository, &tip.branch).await?.is_none() {
            missing.push(tip);
        }
    }
    if !have_all(repository, &missing).await
        && let Some(bundle) = bundle
    {
        // Fails where commits are missing on which it builds; that shows below.
        let _ = git(repository, &["bundle".as_ref(), "unbundle".as_ref(), bundle.as_os_str()]).await;
    }
    if !have_all(repository, &missing).await {
        return Ok(Brought::CommitsMissing);
    }
    for tip in missing {
        // The empty old value: only if there is no such branch, not even one that was made a moment ago.
        git(repository, &["update-ref", &reference(&tip.branch), &tip.commit, ""]).await?;
    }
    Ok(Brought::All)
}

async fn have_all(repository: &Path, tips: &[&Tip]) -> bool {
    for tip in tips {
        // With all that leads to it, not the commit alone.
        if git(repository, &["rev-list", "--quiet", "--objects", &tip.commit, "--not", "--all"]).await.is_err() {
            return false;
        }
    }
    true
}

async fn end_of(repository: &Path, branch: &str) -> Result<Option<String>, GitError> {
    match git(repository, &["for-each-ref", "--format=%(objectname)", &reference(branch)]).await {
        Ok(output) => Ok(output.lines().next().map(str::to_owned)),
        Err(error) => Err(error),
    }
}

fn reference(branch: &str) -> String {
    if branch.starts_with("refs/") { branch.to_owned() } else { format!("refs/heads/{branch}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn repository(path: &Path) {
        std::fs::create_dir_all(path).unwrap();
        git(path, &["init", "--quiet", "--initial-branch=main"]).await.unwrap();
        commit(path, "start").await;
    }

    async fn commit(path: &Path, word: &str) {
        std::fs::write(path.join("file"), word).unwrap();
        git(path, &["add", "--all"]).await.unwrap();
        git(path, &["commit", "--quiet", &format!("--message={word}")]).await.unwrap();
    }

    async fn branch_with_work(path: &Path, branch: &str) {
        git(path, &["switch", "--quiet", "--create", branch]).await.unwrap();
        commit(path, branch).await;
        git(path, &["switch", "--quiet", "main"]).await.unwrap();
    }

    /// As a user does it: what Cardume itself runs of git reaches no other repository.
    fn clone_as_a_user(dir: &Path, from: &str, to: &str) {
        let status = std::process::Command::new("git").current_dir(dir).args(["clone", "--quiet", from, to]).status();
        assert!(status.unwrap().success());
    }

    #[tokio::test]
    async fn branches_come_back_into_a_repository_that_lost_them_and_none_is_moved() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("repository");
        repository(&path).await;
        branch_with_work(&path, "cardume/one").await;
        branch_with_work(&path, "cardume/two").await;
        git(&path, &["update-ref", "refs/cardume/card/execution", "cardume/one"]).await.unwrap();
        let names = ["cardume/one", "cardume/two", "cardume/none", "refs/cardume/card"].map(str::to_owned);
        let tips = tips(&path, &names).await.unwrap();
        assert_eq!(tips.len(), 3);
        let bundle = dir.path().join("a.bundle");
        assert!(create(&path, &tips, &bundle).await.unwrap());

        // One is gone with its commits, the other has moved on.
        git(&path, &["branch", "--quiet", "-D", "cardume/one"]).await.unwrap();
        git(&path, &["update-ref", "-d", "refs/cardume/card/execution"]).await.unwrap();
        git(&path, &["reflog", "expire", "--expire=now", "--all"]).await.unwrap();
        git(&path, &["gc", "--quiet", "--prune=now"]).await.unwrap();
        git(&path, &["branch", "--quiet", "--force", "cardume/two", "main"]).await.unwrap();
        let main = end_of(&path, "main").await.unwrap();
        assert_eq!(bring_back(&path, &tips, Some(&bundle)).await.unwrap(), Brought::All);
        assert_eq!(end_of(&path, "cardume/one").await.unwrap().as_deref(), Some(tips[0].commit.as_str()));
        let kept = end_of(&path, "refs/cardume/card/execution").await.unwrap();
        assert_eq!(kept.as_deref(), Some(tips[2].commit.as_str()));
        assert_eq!(end_of(&path, "cardume/two").await.unwrap(), main, "a branch was moved");
        assert_eq!(bring_back(&path, &tips, None).await.unwrap(), Brought::All, "once more");
    }

    #[tokio::test]
    async fn what_a_remote_has_is_left_out_and_needed_again() {
        let dir = tempfile::tempdir().unwrap();
        let (origin, clone) = (dir.path().join("origin"), dir.path().join("clone"));
        repository(&origin).await;
        let from = origin.to_str().unwrap();
        clone_as_a_user(dir.path(), from, "clone");
        git(&clone, &["branch", "--quiet", "cardume/idle"]).await.unwrap();
        let idle = tips(&clone, &["cardume/idle".to_owned()]).await.unwrap();
        let bundle = dir.path().join("a.bundle");
        assert!(!create(&clone, &idle, &bundle).await.unwrap(), "the remote has all of it");

        branch_with_work(&clone, "cardume/work").await;
        let work = tips(&clone, &["cardume/idle", "cardume/work"].map(str::to_owned)).await.unwrap();
        assert!(create(&clone, &work, &bundle).await.unwrap());
        // Into a fresh clone it fits; into a repository that has nothing to do with it, it does not.
        clone_as_a_user(dir.path(), from, "again");
        assert_eq!(bring_back(&dir.path().join("again"), &work, Some(&bundle)).await.unwrap(), Brought::All);
        assert_eq!(
            tips(&dir.path().join("again"), &["cardume/idle", "cardume/work"].map(str::to_owned)).await.unwrap(),
            work
        );
        let other = dir.path().join("other");
        // Not even a first commit in common, which two repositories made in one second would have.
        std::fs::create_dir(&other).unwrap();
        git(&other, &["init", "--quiet", "--initial-branch=main"]).await.unwrap();
        commit(&other, "something else").await;
        assert_eq!(bring_back(&other, &work, Some(&bundle)).await.unwrap(), Brought::CommitsMissing);
        assert_eq!(tips(&other, &["cardume/work".to_owned()]).await.unwrap(), []);
    }

    #[tokio::test]
    async fn no_branch_but_cardumes_own_is_made() {
        let dir = tempfile::tempdir().unwrap();
        repository(dir.path()).await;
        let commit = end_of(dir.path(), "main").await.unwrap().unwrap();
        let tip = Tip { branch: "production".into(), commit };
        assert_eq!(bring_back(dir.path(), &[tip], None).await.unwrap(), Brought::All);
        assert_eq!(end_of(dir.path(), "production").await.unwrap(), None);
    }
}
