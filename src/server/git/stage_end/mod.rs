//! What a stage leaves: brings the agent's work onto the card's branch, and keeps everything reachable.
//!
//! Agents like branches of their own, amend, rebase and reset. So the work is looked for where it is: the files of the
//! worktree, its HEAD, and the commits that its HEAD has passed. Two commits must be on the branch in the end: the one
//! at which the stage began, and the branch's own end. Where the work does not follow from them, it is merged with them;
//! where that has conflicts, the stage stops, and nothing is moved.
//!
//! Before anything is moved, a reference under `refs/cardume/` gets all of it. Every step can be repeated: the same work
//! makes the same commits, and a try that was cut off is taken up by the next.

mod found;
#[cfg(test)]
mod tests;

use std::path::Path;

use super::command::{AUTHOR_EMAIL, Outcome};
use super::worktree::Worktree;
use super::{GitError, Hold, Place};
use crate::domain::{CardId, ExecutionId, Timestamp};
use found::{Found, Head};

/// So many names are listed in a message.
const NAMES_MAX: usize = 8;

/// A stage that has ended.
pub struct StageEnd<'a> {
    pub worktree: &'a Worktree,
    pub project: &'a Path,
    pub card: CardId,
    pub execution: ExecutionId,
    /// The branch's commit when the stage began.
    pub base: &'a str,
    /// Of the commit, where one is made.
    pub message: &'a str,
    /// The time of that commit: the same for every try.
    pub at: Timestamp,
    /// Files that count even where the repository ignores them.
    pub forced: &'a [String],
}

/// What became of the work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gathered {
    /// It is on the card's branch.
    OnBranch(OnBranch),
    /// It could not be brought there.
    Stopped {
        /// What happened and what to do, for the user.
        why: String,
    },
}

/// The work on the card's branch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnBranch {
    /// Whether the branch has moved since the stage began.
    pub has_changed: bool,
    /// What was done, for the log.
    pub lines: Vec<String>,
    /// What somebody should look at.
    pub warnings: Vec<String>,
}

/// The reference that keeps what a stage left.
pub fn keep_ref(card: CardId, execution: ExecutionId) -> String {
    format!("refs/cardume/{card}/{execution}")
}

impl StageEnd<'_> {
    /// Brings the work of a stage that ended well onto the card's branch.
    pub async fn gather(&self, hold: &Hold) -> Result<Gathered, GitError> {
        let Some(found) = self.look(hold).await? else {
            return Ok(Gathered::Stopped { why: self.without_worktree() });
        };
        if let Some(why) = found.unfinished().await? {
            self.keep(&found, &found.work).await?;
            return Ok(Gathered::Stopped { why: self.with_where(&why) });
        }
        let end = match self.bring_together(&found).await? {
            Together::At(commit) => commit,
            Together::Conflicts(files) => {
                self.keep(&found, &found.work).await?;
                let why = format!(
                    "The agent left the card's branch “{}”, and its work can't be merged back without conflicts in {}.",
                    self.worktree.branch,
                    names(&files)
                );
                return Ok(Gathered::Stopped { why: self.with_where(&why) });
            }
        };
        let left_behind = self.keep(&found, &end).await?;
        let mut done = OnBranch { has_changed: end != self.base, ..OnBranch::default() };
        if let Some(why) = self.settle(&found, &end).await? {
            return Ok(Gathered::Stopped { why: self.with_where(&why) });
        }
        self.tell(&found, &end, left_behind, &mut done).await?;
        Ok(Gathered::OnBranch(done))
    }

    /// Keeps what a stage left that did not end well: nothing is moved.
    pub async fn keep_all(&self, hold: &Hold) -> Result<(), GitError> {
        match self.look(hold).await? {
            Some(found) => self.keep(&found, &found.work).await.map(drop),
            None => Ok(()),
        }
    }

    /// One commit on whose way are the work, the branch's end and the stage's base.
    async fn bring_together(&self, found: &Found<'_>) -> Result<Together, GitError> {
        let mut end = found.work.clone();
        for needed in found.tip.as_deref().into_iter().chain([self.base]) {
            if found.is_on_the_way(needed, &end).await? {
                continue;
            }
            if found.is_on_the_way(&end, needed).await? {
                end = needed.to_owned();
                continue;
            }
            let merge = ["merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", needed, &end];
            let tree = match found.files_place().change_or_refuse(found.hold, "merge-work", &merge).await? {
                Outcome::Done(printed) => printed.split('\0').next().unwrap_or_default().trim().to_owned(),
                Outcome::Refused(printed) => {
                    let files = printed.split('\0').skip(1).filter(|file| !file.is_empty()).map(str::to_owned);
                    return Ok(Together::Conflicts(files.collect()));
                }
            };
            let message = format!("Merge the agent's work\n\n{}", self.message);
            end = self.commit(found, &tree, &[needed, &end], &message).await?;
        }
        Ok(Together::At(end))
    }

    /// Points the stage's own reference to `end` and to all that the agent has left behind elsewhere. Answers the commits
    /// that are on the way to `end` by no other means.
    async fn keep(&self, found: &Found<'_>, end: &str) -> Result<Vec<String>, GitError> {
        let mut others = found.passed_but_not_on(end).await?;
        for commit in [Some(&found.work), found.tip.as_ref()].into_iter().flatten() {
            if !found.is_on_the_way(commit, end).await? {
                others.push(commit.clone());
            }
        }
        others.sort();
        others.dedup();
        let kept = if others.is_empty() {
            end.to_owned()
        } else {
            let parents: Vec<&str> = std::iter::once(end).chain(others.iter().map(String::as_str)).collect();
            let tree = format!("{end}^{{tree}}");
            let tree = found.repository().read(&["rev-parse", "--verify", &tree]).await?;
            self.commit(found, tree.trim(), &parents, "What the agent left behind").await?
        };
        let reference = keep_ref(self.card, self.execution);
        found.repository().change(found.hold, "keep", &["update-ref", &reference, &kept]).await?;
        Ok(others)
    }

    /// Brings worktree and branch to `end`: first the files, then the branch, so that a try that is cut off in between
    /// never takes what was merged for something that the agent has removed. `Some`: why it can't.
    async fn settle(&self, found: &Found<'_>, end: &str) -> Result<Option<String>, GitError> {
        let worktree = found.worktree_place();
        if *end != found.work
            && let Some(worktree) = &worktree
        {
            worktree.change(found.hold, "forget-index", &["read-tree", &found.work]).await?;
            worktree.change_or_refuse(found.hold, "refresh-files", &["update-index", "-q", "--refresh"]).await?;
            match worktree.change(found.hold, "advance-files", &["read-tree", "-m", "-u", &found.work, end]).await {
                Err(GitError::Failed { message, .. }) => {
                    return Ok(Some(format!(
                        "The worktree's files can't be brought up to the card's branch: {message}"
                    )));
                }
                advanced => advanced?,
            };
        }
        if found.tip.as_deref() != Some(end) {
            // Only if the branch is still where it was when this looked.
            let before = found.tip.as_deref().unwrap_or_default();
            let reference = self.worktree.reference();
            found.repository().change(found.hold, "move-branch", &["update-ref", &reference, end, before]).await?;
        }
        let Some(worktree) = worktree else { return Ok(None) };
        if found.head != Head::Own {
            let attach = ["symbolic-ref", "HEAD", &self.worktree.reference()];
            worktree.change(found.hold, "attach", &attach).await?;
        }
        if !worktree.asks(&["diff-index", "--cached", "--quiet", "HEAD", "--"]).await? {
            worktree.change(found.hold, "refresh-index", &["reset", "--quiet"]).await?;
        }
        Ok(None)
    }

    /// What was done, and what somebody should look at.
    async fn tell(
        &self,
        found: &Found<'_>,
        end: &str,
        left_behind: Vec<String>,
        done: &mut OnBranch,
    ) -> Result<(), GitError> {
        let branch = &self.worktree.branch;
        match &found.head {
            Head::Own if found.tip.is_none() => {
                done.lines.push(format!("The agent deleted “{branch}”; it was made again"))
            }
            Head::Own => {}
            Head::Branch(other) => done.lines.push(format!("The agent worked on “{other}”; its work is on “{branch}”")),
            Head::Detached => done.lines.push(format!("The agent left “{branch}”; its work was brought back onto it")),
            Head::Missing => done.lines.push(format!("The worktree had lost its branch; it is on “{branch}” again")),
        }
        if done.has_changed {
            let committer = found.repository().read(&["show", "--no-patch", "--format=%ce", end]).await?;
            if committer.trim() == AUTHOR_EMAIL {
                done.lines.push(format!("Committed {}", short(end)));
            }
        }
        let mut dropped = vec![];
        for commit in &left_behind {
            dropped.extend(found.dropped_files(commit, end).await?);
        }
        dropped.sort();
        dropped.dedup();
        if !dropped.is_empty() {
            done.warnings.push(format!(
                "The agent dropped commits from its branch, with changes to {}. They are kept at {}.",
                names(&dropped),
                keep_ref(self.card, self.execution)
            ));
        }
        if let Some(place) = &found.replaced_git {
            done.warnings.push(format!(
                "The agent put a git repository of its own in the place of the worktree's. Its files are on the branch, \
                 and the repository is kept in {}.",
                place.display()
            ));
        }
        Ok(())
    }

    async fn commit(&self, found: &Found<'_>, tree: &str, parents: &[&str], message: &str) -> Result<String, GitError> {
        let date = format!("{} +0000", self.at.as_millis().div_euclid(1000));
        let place = found.repository().with("GIT_AUTHOR_DATE", &date).with("GIT_COMMITTER_DATE", &date);
        let mut arguments = vec!["commit-tree", tree, "-m", message];
        parents.iter().for_each(|parent| arguments.extend(["-p", parent]));
        Ok(place.change(found.hold, "commit", &arguments).await?.trim().to_owned())
    }

    fn with_where(&self, why: &str) -> String {
        format!("{why} The work is kept at {}.", keep_ref(self.card, self.execution))
    }

    fn without_worktree(&self) -> String {
        format!(
            "The agent removed its worktree {}. What was committed is on “{}”; Retry makes the worktree again.",
            self.worktree.path.display(),
            self.worktree.branch
        )
    }
}

enum Together {
    At(String),
    Conflicts(Vec<String>),
}

fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}

/// Some names, and how many more.
fn names(all: &[String]) -> String {
    let shown: Vec<&str> = all.iter().take(NAMES_MAX).map(String::as_str).collect();
    match all.len().saturating_sub(NAMES_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
