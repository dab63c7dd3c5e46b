//! A card's own git worktree and branch. The project's own checkout is never touched: nothing here runs in it but
//! `git worktree`, which writes to the repository's administrative folder.
//!
//! A worktree counts as made only once its checkout is complete and on the disk: then, and not before, its mark is
//! written. One without a mark is half made, and is made again. Beside the folder `<card>` lie `<card>.lock` (its
//! [`Hold`]), `<card>.complete` (the mark), `<card>.making` (while it is being made) and `<card>.snapshot` (what
//! [`Snapshot`](super::snapshot) remembers).

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::layout::Layout;
use super::{GitError, Hold, Place};
use super::{leftovers, removal};
use crate::domain::CardId;

/// How often a worktree is tried to be added, and the pause between two tries.
const ADD_TRIES: u32 = 5;
const ADD_PAUSE: Duration = Duration::from_millis(200);

/// A card's worktree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worktree {
    pub path: PathBuf,
    pub branch: String,
}

/// What may be in a worktree that has no mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// No agent has ever been started in it.
    None,
    /// An agent may have worked in it: it was made by a Cardume that wrote no marks.
    Unknown,
}

/// Why there is no worktree to work in. For the user.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("the folder {} can't be prepared: {error}", path.display())]
    Folder { path: PathBuf, error: std::io::Error },
    #[error(
        "the repository no longer knows the card's worktree, nor its branch “{branch}”: it may have been cloned again. The agent's files are still in {}. Retry in a new worktree to go on without them.",
        path.display()
    )]
    Unknown { path: PathBuf, branch: String },
    #[error(
        "the repository has a branch named “cardume”, so git can't make the branch “{0}”. Rename it (git branch -m cardume OTHER) and retry."
    )]
    NameTaken(String),
    #[error("git checked the branch out, but {0} files are missing")]
    Incomplete(usize),
    #[error("{} is not a folder. Remove it and retry.", .0.display())]
    NoFolder(PathBuf),
}

/// The name of a card's branch: `cardume/<short id>-<slug of the title>`.
pub fn branch_name(card: CardId, title: &str) -> String {
    /// So much of a title is enough to know it by.
    const LENGTH_MAX: usize = 40;
    let slug = slug::slugify(title);
    let slug = match slug.get(..=LENGTH_MAX) {
        // Whole words, but for a title that is one long word.
        Some(start) => start.rsplit_once('-').map_or(&start[..LENGTH_MAX], |(words, _)| words),
        None => &slug,
    };
    let slug = if slug.is_empty() { "card" } else { slug };
    format!("cardume/{}-{slug}", card.short())
}

impl Worktree {
    /// Waits until nobody else changes the worktree.
    pub async fn hold(&self) -> Result<Hold, GitError> {
        Hold::take(&self.beside("lock")).await
    }

    /// Makes the worktree and its branch where they are not there yet, and mends what killed processes left behind.
    pub async fn ensure(&self, project: &Path, hold: &Hold, past: Past) -> Result<(), NotReady> {
        let mut layout = Layout::find(project, &self.path).await?;
        match std::fs::symlink_metadata(&self.path) {
            Ok(metadata) if !metadata.is_dir() => return Err(NotReady::NoFolder(self.path.clone())),
            Err(_) => return self.make(project, &mut layout, hold).await,
            Ok(_) => {}
        }
        let is_marked = self.beside("complete").exists();
        if !is_marked && (past == Past::None || self.beside("making").exists()) {
            return self.make(project, &mut layout, hold).await;
        }
        leftovers::clear(&layout, hold).await?;
        if layout.admin.is_none() {
            self.list_again(project, &mut layout, hold).await?;
        }
        self.link(&layout)?;
        leftovers::mend_index(&layout, hold).await?;
        if !is_marked {
            self.mark()?;
        }
        Ok(())
    }

    /// The commit at the end of the card's branch, where there is one.
    pub async fn tip(&self, project: &Path) -> Result<Option<String>, GitError> {
        let layout = Layout::find(project, &self.path).await?;
        commit_of(&layout.repository_place(), &self.reference()).await
    }

    /// The commit at which the branch left the project's own history.
    pub async fn origin(&self, project: &Path) -> Result<String, GitError> {
        let place = Layout::find(project, &self.path).await?.repository_place();
        let head = checked_out(project).await?;
        Ok(place.read(&["merge-base", &self.reference(), &head]).await?.trim().to_owned())
    }

    /// Whether `commit` is on the way to the end of the card's branch.
    pub async fn has(&self, project: &Path, commit: &str) -> Result<bool, GitError> {
        let place = Layout::find(project, &self.path).await?.repository_place();
        Ok(place.read(&["merge-base", "--is-ancestor", commit, &self.reference()]).await.is_ok())
    }

    /// Whether the repository has this reference.
    pub async fn has_ref(&self, project: &Path, reference: &str) -> bool {
        match Layout::find(project, &self.path).await {
            Ok(layout) => matches!(commit_of(&layout.repository_place(), reference).await, Ok(Some(_))),
            Err(_) => false,
        }
    }

    pub(super) fn reference(&self) -> String {
        format!("refs/heads/{}", self.branch)
    }

    /// A path beside the worktree's.
    pub(super) fn beside(&self, what: &str) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".");
        name.push(what);
        self.path.with_file_name(name)
    }

    /// Makes the worktree from its branch, and the branch from what the project has checked out where there is none.
    async fn make(&self, project: &Path, layout: &mut Layout, hold: &Hold) -> Result<(), NotReady> {
        write_durably(&self.beside("making"), b"").map_err(|error| self.folder_error(error))?;
        remove_durably(&self.beside("complete")).map_err(|error| self.folder_error(error))?;
        let both = self.hold_list(layout, hold).await?;
        leftovers::clear(layout, &both).await?;
        self.make_branch(project, layout, &both).await?;
        let place = self.list_place(project, layout);
        // Forced twice: git's list may still have an earlier one there, deleted by hand or never finished.
        let [path, branch] = [self.path.as_os_str(), OsStr::new(&self.branch)];
        let arguments = ["worktree", "add", "--force", "--force"].map(OsStr::new).into_iter().chain([path, branch]);
        let arguments: Vec<&OsStr> = arguments.collect();
        let mut tries = 1;
        loop {
            remove_all(self.path.clone()).await?;
            match place.change(&both, "add-worktree", &arguments).await {
                Ok(_) => break,
                // Somebody else may be adding a worktree to the same repository: git reads what the other is just writing.
                Err(GitError::Failed { .. }) if tries < ADD_TRIES => tries += 1,
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(ADD_PAUSE).await;
        }
        layout.admin = layout.find_admin();
        self.verify(layout).await?;
        self.mark()
    }

    async fn make_branch(&self, project: &Path, layout: &Layout, hold: &Hold) -> Result<(), NotReady> {
        let place = layout.repository_place();
        if commit_of(&place, &self.reference()).await?.is_some() {
            return Ok(());
        }
        if commit_of(&place, "refs/heads/cardume").await?.is_some() {
            return Err(NotReady::NameTaken(self.branch.clone()));
        }
        let start = checked_out(project).await?;
        // The empty old value: only if there is still no such branch.
        place.change(hold, "make-branch", &["update-ref", &self.reference(), &start, ""]).await?;
        Ok(())
    }

    /// Whether every file that git's list has is there, and all of it is on the disk.
    async fn verify(&self, layout: &Layout) -> Result<(), NotReady> {
        let Some(place) = layout.worktree_place() else {
            return Err(NotReady::Unknown { path: self.path.clone(), branch: self.branch.clone() });
        };
        let missing = place.read_bytes(&["ls-files", "--deleted", "-z"]).await?;
        let count = missing.iter().filter(|byte| **byte == 0).count();
        if count > 0 {
            return Err(NotReady::Incomplete(count));
        }
        let (path, common) = (self.path.clone(), layout.common.clone());
        let synced = tokio::task::spawn_blocking(move || {
            for folder in [path, common] {
                rustix::fs::syncfs(std::fs::File::open(folder)?)?;
            }
            std::io::Result::Ok(())
        });
        let synced = synced.await.map_err(std::io::Error::other).flatten();
        synced.map_err(|error| GitError::of("worktree", error).into())
    }

    /// Makes the entry in the repository's list anew, around the folder as it is: somebody has removed the entry alone.
    pub(super) async fn list_again(&self, project: &Path, layout: &mut Layout, hold: &Hold) -> Result<(), NotReady> {
        if commit_of(&layout.repository_place(), &self.reference()).await?.is_none() {
            return Err(NotReady::Unknown { path: self.path.clone(), branch: self.branch.clone() });
        }
        let both = self.hold_list(layout, hold).await?;
        let beside = self.beside("link");
        remove_all(beside.clone()).await?;
        let mut arguments: Vec<&OsStr> =
            ["worktree", "add", "--force", "--force", "--no-checkout"].map(OsStr::new).to_vec();
        arguments.extend([beside.as_os_str(), OsStr::new(&self.branch)]);
        self.list_place(project, layout).change(&both, "list-worktree", &arguments).await?;
        let admin = Layout { path: beside.clone(), ..layout.clone() }.find_admin();
        let Some(admin) = admin else {
            return Err(NotReady::Unknown { path: self.path.clone(), branch: self.branch.clone() });
        };
        let link = format!("{}\n", self.path.join(".git").display());
        write_durably(&admin.join("gitdir"), link.as_bytes()).map_err(|error| self.folder_error(error))?;
        remove_all(beside).await?;
        layout.admin = Some(admin);
        Ok(())
    }

    /// Has the worktree's `.git` lead to its entry. What stands in its place is kept beside the worktree: an agent may
    /// have made a repository of its own there.
    pub(super) fn link(&self, layout: &Layout) -> Result<Option<PathBuf>, NotReady> {
        let Some(admin) = layout.admin.as_ref().filter(|_| !layout.is_linked()) else { return Ok(None) };
        let link = self.path.join(".git");
        let mut kept = None;
        if std::fs::symlink_metadata(&link).is_ok_and(|metadata| !metadata.is_file()) {
            let place =
                (1..).map(|number| self.beside(&format!("replaced-git-{number}"))).find(|place| !place.exists());
            if let Some(place) = &place {
                std::fs::rename(&link, place).map_err(|error| self.folder_error(error))?;
            }
            kept = place;
        }
        let text = format!("gitdir: {}\n", admin.display());
        write_durably(&link, text.as_bytes()).map_err(|error| self.folder_error(error))?;
        Ok(kept)
    }

    fn mark(&self) -> Result<(), NotReady> {
        let marked = write_durably(&self.beside("complete"), b"complete\n");
        marked.and_then(|()| remove_durably(&self.beside("making"))).map_err(|error| self.folder_error(error))
    }

    fn folder_error(&self, error: std::io::Error) -> NotReady {
        match GitError::of("worktree", error) {
            GitError::Failed { message, .. } => {
                NotReady::Folder { path: self.path.clone(), error: std::io::Error::other(message) }
            }
            other => other.into(),
        }
    }

    /// Also waits until nobody else changes the repository's list of worktrees: git wants this done for one at a time.
    pub(super) async fn hold_list(&self, layout: &Layout, hold: &Hold) -> Result<Hold, GitError> {
        let digest = Sha256::digest(layout.common.as_os_str().as_encoded_bytes());
        let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        hold.with(&Hold::take(&self.path.with_file_name(format!("repository-{name}.lock"))).await?)
    }

    fn list_place(&self, project: &Path, layout: &Layout) -> Place {
        Place::pinned(&layout.common, project)
    }
}

/// The commit that is checked out in the project, which may be a worktree of its own repository.
async fn checked_out(project: &Path) -> Result<String, GitError> {
    let commit = Place::folder(project).read(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).await?;
    Ok(commit.trim().to_owned())
}

/// The commit that a reference names; `None` where there is no such reference.
pub(super) async fn commit_of(place: &Place, reference: &str) -> Result<Option<String>, GitError> {
    let listed = place.read(&["for-each-ref", "--format=%(objectname)", reference]).await?;
    // A pattern also finds what is below a folder of this name.
    match listed.lines().count() {
        0 => Ok(None),
        _ => match place.read(&["rev-parse", "--verify", "--quiet", &format!("{reference}^{{commit}}")]).await {
            Ok(commit) => Ok(Some(commit.trim().to_owned())),
            Err(GitError::Failed { .. }) => Ok(None),
            Err(other) => Err(other),
        },
    }
}

/// Removes whatever is there, if anything is.
async fn remove_all(path: PathBuf) -> Result<(), GitError> {
    let removed = tokio::task::spawn_blocking(move || removal::remove_all(&path));
    removed.await.map_err(std::io::Error::other).flatten().map_err(|error| GitError::of("worktree", error))
}

/// Removes a file so that it stays removed after a loss of power. It may be gone already.
fn remove_durably(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => path.parent().map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all()),
    }
}

/// Writes a file so that after a crash it is there with all its bytes, or as it was before.
pub(super) fn write_durably(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let temporary = path.with_file_name(name);
    let mut file = std::fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o644).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    path.parent().map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests;
