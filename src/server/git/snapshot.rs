//! The files of a worktree as a tree of git's, whatever state the agent has left git in.
//!
//! It uses an index and a configuration of its own, beside the worktree, and shares with the repository only the place
//! where objects are kept. So it needs none of the agent's index, HEAD, `.git` and settings, and none of them can
//! redirect it. Its steps write objects and its own index, nothing else.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::layout::Layout;
use super::worktree::{Worktree, write_durably};
use super::{GitError, Hold, Place};

/// What decides how a file becomes an object. Everything else in the repository's configuration is left alone.
const SETTINGS_THAT_COUNT: &str =
    "^core\\.(autocrlf|eol|safecrlf|filemode|symlinks|ignorecase|precomposeunicode|sparsecheckout|sparsecheckoutcone)$";

/// What the repository itself says of files, outside of its commits.
const INFO_THAT_COUNTS: [&str; 2] = ["exclude", "attributes"];

pub(super) struct Snapshot<'a> {
    layout: &'a Layout,
    hold: &'a Hold,
    place: Place,
    index: PathBuf,
}

impl<'a> Snapshot<'a> {
    pub async fn of(worktree: &Worktree, layout: &'a Layout, hold: &'a Hold) -> Result<Self, GitError> {
        let dir = worktree.beside("snapshot");
        let repository = layout.repository_place();
        let format = repository.read(&["rev-parse", "--show-object-format"]).await?;
        prepare(&dir, layout, format.trim()).map_err(|error| GitError::of("snapshot", error))?;
        let settings = settings_that_count(&layout.worktree_place().unwrap_or(repository)).await;
        let place =
            Place::pinned(&dir, &layout.path).with("GIT_OBJECT_DIRECTORY", layout.common.join("objects")).set(settings);
        Ok(Self { layout, hold, place, index: dir.join("index") })
    }

    /// The tree of all files that git is to know: those that `parent` has and those that nothing ignores, as they are
    /// now, and `forced`, which may be ignored.
    pub async fn tree(&self, parent: &str, forced: &[String]) -> Result<String, GitError> {
        self.begin_at(parent).await?;
        self.skip_what_is_not_checked_out().await?;
        self.add_all().await?;
        self.follow_the_agents_index().await?;
        if !forced.is_empty() {
            let arguments: Vec<&str> =
                ["add", "--force", "--sparse", "--"].into_iter().chain(forced.iter().map(String::as_str)).collect();
            self.place.change(self.hold, "snapshot-force", &arguments).await?;
        }
        Ok(self.place.change(self.hold, "snapshot-tree", &["write-tree"]).await?.trim().to_owned())
    }

    /// Where commits and trees are compared and merged: no driver that the repository names is started here.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Makes the index that of `parent`, and keeps what it remembers of files that are the same.
    async fn begin_at(&self, parent: &str) -> Result<(), GitError> {
        if self.index.exists() {
            match self.place.change(self.hold, "snapshot-refresh", &["read-tree", "-m", parent]).await {
                Err(GitError::Failed { .. }) => {}
                refreshed => return refreshed.map(drop),
            }
            std::fs::remove_file(&self.index).map_err(|error| GitError::of("snapshot", error))?;
        }
        self.place.change(self.hold, "snapshot-begin", &["read-tree", parent]).await.map(drop)
    }

    /// In a sparse checkout, a file that is not there was not deleted.
    async fn skip_what_is_not_checked_out(&self) -> Result<(), GitError> {
        if !self.layout.is_sparse().await {
            return Ok(());
        }
        let Some(worktree) = self.layout.worktree_place() else { return Ok(()) };
        let listed = worktree.read_bytes(&["ls-files", "-t", "-z"]).await?;
        let known = self.listed(&["ls-files", "-z"]).await?;
        let mut skipped = vec![];
        for entry in listed.split(|byte| *byte == 0).filter_map(|entry| entry.strip_prefix(b"S ")) {
            if known.contains(entry) {
                skipped.extend_from_slice(entry);
                skipped.push(0);
            }
        }
        if skipped.is_empty() {
            return Ok(());
        }
        let place = self.place.clone().input(skipped);
        place.change(self.hold, "snapshot-skip", &["update-index", "--skip-worktree", "-z", "--stdin"]).await.map(drop)
    }

    /// Repositories within the worktree are put into the tree as they are known to it, by their own last commit. Not by
    /// `git add`, which would ask each whether it has changed, with the filters of its own configuration.
    async fn add_all(&self) -> Result<(), GitError> {
        let staged = self.place.read_bytes(&["ls-files", "--stage", "-z"]).await?;
        let entries = staged.split(|byte| *byte == 0).filter(|entry| entry.starts_with(b"160000 "));
        let inner: Vec<OsString> = entries
            .filter_map(|entry| Some(OsString::from_vec(entry.splitn(2, |byte| *byte == b'\t').nth(1)?.to_vec())))
            .collect();
        let mut arguments: Vec<OsString> = ["add", "--all", "--sparse"].map(OsString::from).to_vec();
        if !inner.is_empty() {
            arguments.extend(["--", "."].map(OsString::from));
            arguments.extend(inner.iter().map(|path| {
                let mut pattern = OsString::from(":(top,exclude,literal)");
                pattern.push(path);
                pattern
            }));
        }
        self.place.change(self.hold, "snapshot-add", &arguments).await.map_err(explained)?;
        if inner.is_empty() {
            return Ok(());
        }
        let mut arguments: Vec<&OsStr> = ["update-index", "--remove", "--"].map(OsStr::new).to_vec();
        arguments.extend(inner.iter().map(OsString::as_os_str));
        self.place.change(self.hold, "snapshot-inner", &arguments).await.map(drop)
    }

    /// An agent can put an ignored file on the index, or take one off it that is ignored from now on. Where its index
    /// can be read, both count.
    async fn follow_the_agents_index(&self) -> Result<(), GitError> {
        const IGNORED: [&str; 5] = ["ls-files", "-z", "--cached", "--ignored", "--exclude-standard"];
        let Some(worktree) = self.layout.worktree_place() else { return Ok(()) };
        let has_index = self.layout.admin.as_ref().is_some_and(|admin| admin.join("index").exists());
        let Ok(theirs) = worktree.read_bytes(&IGNORED).await else { return Ok(()) };
        if !has_index {
            return Ok(());
        }
        let (theirs, ours) = (paths(&theirs), self.listed(&IGNORED).await?);
        let added: Vec<&Vec<u8>> = theirs.difference(&ours).filter(|path| self.is_there(path)).collect();
        if !added.is_empty() {
            let place = self.place.clone().input(joined(&added));
            place.change(self.hold, "snapshot-ignored", &["update-index", "--add", "-z", "--stdin"]).await?;
        }
        let removed: Vec<&Vec<u8>> = ours.difference(&theirs).collect();
        if !removed.is_empty() {
            let place = self.place.clone().input(joined(&removed));
            place.change(self.hold, "snapshot-untracked", &["update-index", "--force-remove", "-z", "--stdin"]).await?;
        }
        Ok(())
    }

    async fn listed(&self, arguments: &[&str]) -> Result<BTreeSet<Vec<u8>>, GitError> {
        Ok(paths(&self.place.read_bytes(arguments).await?))
    }

    fn is_there(&self, path: &[u8]) -> bool {
        std::fs::symlink_metadata(self.layout.path.join(OsString::from_vec(path.to_vec()))).is_ok()
    }
}

fn paths(listed: &[u8]) -> BTreeSet<Vec<u8>> {
    listed.split(|byte| *byte == 0).filter(|path| !path.is_empty()).map(<[u8]>::to_vec).collect()
}

fn joined(paths: &[&Vec<u8>]) -> Vec<u8> {
    paths.iter().flat_map(|path| path.iter().copied().chain([0])).collect()
}

/// What git says of a folder that it can't record, in words that help.
fn explained(error: GitError) -> GitError {
    const ENDING: &str = "' does not have a commit checked out";
    let GitError::Failed { command, message } = error else { return error };
    let folder = message.lines().find_map(|line| line.strip_prefix("error: '")?.strip_suffix(ENDING));
    let message = match folder.map(|folder| folder.trim_end_matches('/')) {
        Some(folder) => format!(
            "“{folder}” is a git repository without a commit, and git can't record it. Remove {folder}/.git, or make a \
             commit there."
        ),
        None => message,
    };
    GitError::Failed { command, message }
}

async fn settings_that_count(place: &Place) -> Vec<String> {
    // It ends with status 1 where none is set.
    let listed = place.read(&["config", "-z", "--get-regexp", SETTINGS_THAT_COUNT]).await.unwrap_or_default();
    let settings = listed.split('\0').filter(|setting| !setting.is_empty());
    settings.map(|setting| setting.replacen('\n', "=", 1)).collect()
}

/// Makes the git directory: what git needs to take it for one, and what counts of the repository's own.
fn prepare(dir: &Path, layout: &Layout, object_format: &str) -> std::io::Result<()> {
    for folder in ["objects", "refs", "info"] {
        std::fs::create_dir_all(dir.join(folder))?;
    }
    // The worktree is held, so nobody is at work with these.
    for lock in ["index.lock", "HEAD.lock"] {
        remove(&dir.join(lock))?;
    }
    std::fs::write(dir.join("HEAD"), "ref: refs/heads/none\n")?;
    let config = match object_format {
        "sha1" => "[core]\n\trepositoryformatversion = 0\n".to_owned(),
        other => format!("[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectformat = {other}\n"),
    };
    write_durably(&dir.join("config"), config.as_bytes())?;
    for name in INFO_THAT_COUNTS {
        copy(&layout.common.join("info").join(name), &dir.join("info").join(name))?;
    }
    if let Some(admin) = &layout.admin {
        copy(&admin.join("info/sparse-checkout"), &dir.join("info/sparse-checkout"))?;
    }
    copy(&layout.common.join("shallow"), &dir.join("shallow"))?;
    // Git LFS keeps the content of large files beside the objects.
    let (theirs, ours) = (layout.common.join("lfs"), dir.join("lfs"));
    if theirs.is_dir() && std::fs::symlink_metadata(&ours).is_err() {
        std::os::unix::fs::symlink(theirs, ours)?;
    }
    Ok(())
}

/// Copies a regular file, or removes the copy where there is none.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    match std::fs::symlink_metadata(from) {
        Ok(metadata) if metadata.is_file() => std::fs::copy(from, to).map(drop),
        _ => remove(to),
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
