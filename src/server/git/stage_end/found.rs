//! Where an agent has left its work: looked at, and made into a commit, before anything is moved.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::super::command::Outcome;
use super::super::layout::Layout;
use super::super::leftovers;
use super::super::snapshot::Snapshot;
use super::super::worktree::{NotReady, commit_of};
use super::{GitError, Hold, Place, StageEnd, names};

/// How many entries of HEAD's log are read, the newest first.
const PASSED_MAX: usize = 500;
/// How many files one git searches for conflict markers.
const FILES_AT_ONCE: usize = 500;

/// Where the worktree's HEAD leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// To the card's branch.
    Own,
    /// To another one.
    Branch(String),
    Detached,
    /// Nowhere: the worktree has no entry in the repository, or git can't read it.
    Missing,
}

pub struct Found<'a> {
    layout: Layout,
    pub hold: &'a Hold,
    files_place: Place,
    /// The end of the card's branch; `None` where it was deleted.
    pub tip: Option<String>,
    pub head: Head,
    /// Everything in the worktree, as a commit on top of HEAD.
    pub work: String,
    base: String,
    /// Where the repository is now that an agent had put in the place of the worktree's `.git`.
    pub replaced_git: Option<PathBuf>,
}

impl StageEnd<'_> {
    /// `None` where there is no worktree.
    pub(super) async fn look<'a>(&self, hold: &'a Hold) -> Result<Option<Found<'a>>, GitError> {
        let worktree = self.worktree;
        if !std::fs::symlink_metadata(&worktree.path).is_ok_and(|metadata| metadata.is_dir()) {
            return Ok(None);
        }
        let mut layout = Layout::find(self.project, &worktree.path).await?;
        leftovers::clear(&layout, hold).await?;
        let repository = layout.repository_place();
        let tip = commit_of(&repository, &worktree.reference()).await?;
        if layout.admin.is_none() && tip.is_none() && !self.knows_the_base(&repository).await? {
            let (path, branch) = (worktree.path.clone(), worktree.branch.clone());
            return Err(as_git(NotReady::Unknown { path, branch }));
        }
        if layout.admin.is_none() && tip.is_some() {
            worktree.list_again(self.project, &mut layout, hold).await.map_err(as_git)?;
        }
        let replaced_git = worktree.link(&layout).map_err(as_git)?;
        let (head, commit) = head(&layout, &worktree.reference()).await;
        leftovers::mend_index(&layout, hold).await.or_else(|error| match error {
            // Without HEAD there is nothing to make it from. The files alone count then.
            GitError::Failed { .. } => Ok(()),
            other => Err(other),
        })?;
        let parent = commit.or_else(|| tip.clone()).unwrap_or_else(|| self.base.to_owned());
        let (tree, files_place) = {
            let snapshot = Snapshot::of(worktree, &layout, hold).await?;
            (snapshot.tree(&parent, self.forced).await?, snapshot.place().clone())
        };
        let of_parent = repository.read(&["rev-parse", "--verify", &format!("{parent}^{{tree}}")]).await?;
        let base = self.base.to_owned();
        let mut found = Found { layout, hold, files_place, tip, head, work: parent.clone(), base, replaced_git };
        if of_parent.trim() != tree {
            found.work = self.commit(&found, &tree, &[&parent], self.message).await?;
        }
        Ok(Some(found))
    }

    /// Whether the repository has the commit at which the stage began. One that was cloned again has not.
    async fn knows_the_base(&self, repository: &Place) -> Result<bool, GitError> {
        let commit = format!("{}^{{commit}}", self.base);
        match repository.read_or_refuse(&["rev-parse", "--verify", "--quiet", &commit]).await {
            Ok(answer) => Ok(matches!(answer, Outcome::Done(_))),
            Err(GitError::Failed { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }
}

impl Found<'_> {
    pub fn repository(&self) -> Place {
        self.layout.repository_place()
    }

    pub fn worktree_place(&self) -> Option<Place> {
        self.layout.worktree_place()
    }

    /// Where files are compared and merged, by the user's own configuration alone.
    pub fn files_place(&self) -> &Place {
        &self.files_place
    }

    pub async fn is_on_the_way(&self, commit: &str, to: &str) -> Result<bool, GitError> {
        Ok(commit == to || self.repository().asks(&["merge-base", "--is-ancestor", commit, to]).await?)
    }

    /// What the agent has begun and not finished, with the files that are concerned.
    pub async fn unfinished(&self) -> Result<Option<String>, GitError> {
        const OPERATIONS: [(&str, &str); 5] = [
            ("MERGE_HEAD", "merge"),
            ("rebase-merge", "rebase"),
            ("rebase-apply", "rebase"),
            ("CHERRY_PICK_HEAD", "cherry-pick"),
            ("REVERT_HEAD", "revert"),
        ];
        let mut files = self.marked_files().await?;
        let admin = self.layout.admin.as_ref();
        let operation = admin.and_then(|admin| OPERATIONS.iter().find(|(file, _)| admin.join(file).exists()));
        if let (Some((_, operation)), Some(place)) = (operation, self.worktree_place()) {
            let listed = place.read(&["diff", "--no-ext-diff", "--name-only", "--diff-filter=U", "-z"]).await?;
            files.extend(listed.split('\0').filter(|file| !file.is_empty()).map(str::to_owned));
            files.sort();
            files.dedup();
            let concerned = if files.is_empty() { String::new() } else { format!(" Unresolved: {}.", names(&files)) };
            return Ok(Some(format!(
                "The agent left an unfinished {operation}.{concerned} Retry, or finish it in the worktree (git {operation} \
                 --continue or --abort) and retry."
            )));
        }
        Ok((!files.is_empty()).then(|| format!("The agent left conflict markers in {}.", names(&files))))
    }

    /// The files that have conflict markers now and had none at the stage's base.
    async fn marked_files(&self) -> Result<Vec<String>, GitError> {
        let place = &self.files_place;
        let changed = self.changed(&self.base, &self.work).await?;
        let changed: Vec<&String> = changed.iter().collect();
        let mut marked = vec![];
        for files in changed.chunks(FILES_AT_ONCE) {
            let now = grep_markers(place, &self.work, files).await?;
            let before: BTreeSet<String> = match now.is_empty() {
                true => BTreeSet::new(),
                false => grep_markers(place, &self.base, files).await?.into_iter().collect(),
            };
            marked.extend(now.into_iter().filter(|file| !before.contains(file)));
        }
        Ok(marked)
    }

    /// The files that differ between two commits and are there at the second, or were removed there.
    async fn changed(&self, from: &str, to: &str) -> Result<BTreeSet<String>, GitError> {
        let listed = self.files_place.read(&["diff-tree", "-r", "-z", "--name-only", "--no-renames", from, to]).await?;
        Ok(listed.split('\0').filter(|file| !file.is_empty()).map(str::to_owned).collect())
    }

    /// The files that `commit` changed since the base, and that are at `end` as they were at the base.
    pub async fn dropped_files(&self, commit: &str, end: &str) -> Result<BTreeSet<String>, GitError> {
        let (theirs, left) = (self.changed(&self.base, commit).await?, self.changed(&self.base, end).await?);
        Ok(theirs.difference(&left).cloned().collect())
    }

    /// The commits that the worktree's HEAD has stood at since the base and that are not on the way to `end`; of several in a row the
    /// last.
    pub async fn passed_but_not_on(&self, end: &str) -> Result<Vec<String>, GitError> {
        let Some(admin) = &self.layout.admin else { return Ok(vec![]) };
        let log = std::fs::read_to_string(admin.join("logs/HEAD")).unwrap_or_default();
        let is_commit = |word: &&str| word.len() >= 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let passed = log.lines().rev().filter_map(|line| line.split(' ').nth(1)).filter(is_commit).take(PASSED_MAX);
        let passed: BTreeSet<&str> = passed.filter(|commit| commit.bytes().any(|byte| byte != b'0')).collect();
        if passed.is_empty() {
            return Ok(vec![]);
        }
        let repository = self.repository();
        let mut arguments = vec!["rev-list", "--ignore-missing"];
        arguments.extend(passed.iter().copied());
        arguments.extend(["--not", end, &self.base]);
        let beyond = repository.read(&arguments).await?;
        let beyond: Vec<&str> = beyond.lines().filter(|commit| passed.contains(commit)).collect();
        if beyond.len() < 2 {
            return Ok(beyond.into_iter().map(str::to_owned).collect());
        }
        let heads = repository.read(&[&["merge-base", "--independent"], &beyond[..]].concat()).await?;
        Ok(heads.lines().map(str::to_owned).collect())
    }
}

/// The text files among `files` that have all three kinds of markers at `commit`.
async fn grep_markers(place: &Place, commit: &str, files: &[&String]) -> Result<Vec<String>, GitError> {
    let mut arguments = ["grep", "-l", "-z", "-I", "--no-textconv", "--all-match"].map(str::to_owned).to_vec();
    for marker in ["^<<<<<<< ", "^=======$", "^>>>>>>> "] {
        arguments.extend(["-e".to_owned(), marker.to_owned()]);
    }
    arguments.extend([commit.to_owned(), "--".to_owned()]);
    arguments.extend(files.iter().map(|file| format!(":(top,literal){file}")));
    let Outcome::Done(found) = place.read_or_refuse(&arguments).await? else { return Ok(vec![]) };
    Ok(found.split('\0').filter_map(|file| file.split_once(':').map(|(_, file)| file.to_owned())).collect())
}

/// Where HEAD leads, and its commit.
async fn head(layout: &Layout, own: &str) -> (Head, Option<String>) {
    let Some(place) = layout.worktree_place() else { return (Head::Missing, None) };
    let commit = place.read(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).await.ok();
    let commit = commit.map(|commit| commit.trim().to_owned());
    let head = match place.read(&["symbolic-ref", "--quiet", "HEAD"]).await {
        Ok(name) if name.trim() == own => Head::Own,
        Ok(name) => {
            let name = name.trim();
            Head::Branch(name.strip_prefix("refs/heads/").unwrap_or(name).to_owned())
        }
        Err(_) if commit.is_some() => Head::Detached,
        Err(_) => Head::Missing,
    };
    (head, commit)
}

fn as_git(error: NotReady) -> GitError {
    match error {
        NotReady::Git(error) => error,
        other => GitError::InTheWay(other.to_string()),
    }
}
