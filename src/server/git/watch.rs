//! What of a repository a stage must not change: other branches, tags, the stash, its settings and hooks. An agent can
//! change all of them, since it runs as the same user. So they are written down when a stage begins and compared when it
//! ends, and what differs becomes a warning. Nothing is put back: somebody else may have meant it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::layout::Layout;
use super::worktree::Worktree;
use super::{GitError, Place};

/// A repository with more references than this is not watched.
const REFS_MAX: usize = 20_000;
/// So many changes are listed.
const CHANGES_MAX: usize = 10;
const VALUE_MAX_CHARS: usize = 80;
/// These change with every fetch, or are Cardume's own.
const OF_NO_CONCERN: [&str; 5] =
    ["refs/remotes/", "refs/prefetch/", "refs/cardume/", "refs/heads/cardume/", "refs/bisect/"];

/// A repository at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryState {
    /// Each reference and its commit.
    refs: BTreeMap<String, String>,
    /// Each setting of the repository's own, and a digest of its values: they may be secrets.
    settings: BTreeMap<String, String>,
    /// Each hook and what tells whether it is the same.
    hooks: BTreeMap<String, String>,
}

impl RepositoryState {
    pub async fn of(worktree: &Worktree, project: &Path) -> Result<Self, GitError> {
        let layout = Layout::find(project, &worktree.path).await?;
        let place = layout.repository_place();
        let listed = place.read(&["for-each-ref", "--format=%(objectname) %(refname)"]).await?;
        let refs = listed.lines().filter_map(|line| line.split_once(' '));
        let refs = refs.filter(|(_, name)| !OF_NO_CONCERN.iter().any(|prefix| name.starts_with(prefix)));
        let refs: BTreeMap<String, String> =
            refs.take(REFS_MAX + 1).map(|(commit, name)| (name.to_owned(), commit.to_owned())).collect();
        let refs = if refs.len() > REFS_MAX { BTreeMap::new() } else { refs };
        let settings = settings(&layout).await;
        let settings = settings.into_iter().map(|(key, values)| (key, digest(&values))).collect();
        Ok(Self { refs, settings, hooks: hooks(&layout.common.join("hooks")) })
    }

    /// What is different now, a line each. A branch that moved in another checkout of the repository is left out: an agent
    /// or a person at work there moved it.
    pub async fn changes_until_now(&self, worktree: &Worktree, project: &Path) -> Result<Vec<String>, GitError> {
        let now = Self::of(worktree, project).await?;
        let layout = Layout::find(project, &worktree.path).await?;
        let elsewhere = logs_elsewhere(&layout);
        let was_moved_elsewhere = |commit: &str| elsewhere.iter().any(|log| log.contains(&format!(" {commit} ")));
        let mut changes = vec![];
        for (name, commit) in &now.refs {
            match self.refs.get(name) {
                Some(before) if before == commit => {}
                _ if self.refs.is_empty() || was_moved_elsewhere(commit) => {}
                Some(before) => changes.push(format!("{name} moved from {} to {}", short(before), short(commit))),
                None => changes.push(format!("{name} was made, at {}", short(commit))),
            }
        }
        for (name, commit) in self.refs.iter().filter(|(name, _)| !now.refs.is_empty() && !now.refs.contains_key(*name))
        {
            changes.push(format!("{name} was deleted; it was at {}", short(commit)));
        }
        let values = settings(&layout).await;
        compare(&self.settings, &now.settings, &mut changes, |key, _| match values.get(key) {
            Some(values) => {
                format!("{key} was set to {}", values.join(", ").chars().take(VALUE_MAX_CHARS).collect::<String>())
            }
            None => format!("{key} was removed"),
        });
        compare(&self.hooks, &now.hooks, &mut changes, |name, hook| match hook {
            Some(_) => format!("the hook {name} was written"),
            None => format!("the hook {name} was removed"),
        });
        let more = changes.len().saturating_sub(CHANGES_MAX);
        changes.truncate(CHANGES_MAX);
        if more > 0 {
            changes.push(format!("and {more} more"));
        }
        Ok(changes)
    }
}

fn compare<V: PartialEq>(
    before: &BTreeMap<String, V>,
    now: &BTreeMap<String, V>,
    changes: &mut Vec<String>,
    words: impl Fn(&str, Option<&V>) -> String,
) {
    for key in before.keys().chain(now.keys().filter(|key| !before.contains_key(*key))) {
        if before.get(key) != now.get(key) {
            changes.push(words(key, now.get(key)));
        }
    }
}

/// The settings of the repository's own, each with its values.
async fn settings(layout: &Layout) -> BTreeMap<String, Vec<String>> {
    let (mut settings, place) = (BTreeMap::new(), layout.repository_place());
    let own = layout.admin.as_ref().map(|admin| admin.join("config.worktree"));
    let shared = ["config", "config.worktree"].map(|name| layout.common.join(name));
    for file in shared.into_iter().chain(own) {
        read_settings(&place, &file, &mut settings).await;
    }
    settings
}

fn digest(values: &[String]) -> String {
    let mut hasher = Sha256::new();
    for value in values {
        hasher.update((value.len() as u64).to_le_bytes());
        hasher.update(value);
    }
    hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

async fn read_settings(place: &Place, file: &Path, settings: &mut BTreeMap<String, Vec<String>>) {
    if !std::fs::metadata(file).is_ok_and(|metadata| metadata.is_file()) {
        return;
    }
    let file = file.to_string_lossy();
    let listed = place.read(&["config", "--file", &file, "-z", "--list"]).await.unwrap_or_default();
    for setting in listed.split('\0').filter(|setting| !setting.is_empty()) {
        let (key, value) = setting.split_once('\n').unwrap_or((setting, ""));
        // `git push -u` and `git switch --track` write these.
        if !key.starts_with("branch.") {
            settings.entry(key.to_owned()).or_default().push(value.to_owned());
        }
    }
}

fn hooks(folder: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let hook = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().ok().filter(|name| !name.ends_with(".sample"))?;
        let metadata = entry.metadata().ok()?;
        Some((name, format!("{} {:?}", metadata.len(), metadata.modified().ok())))
    };
    entries.filter_map(hook).collect()
}

/// Where HEAD was in the repository's other checkouts.
fn logs_elsewhere(layout: &Layout) -> Vec<String> {
    let folders = std::fs::read_dir(layout.common.join("worktrees")).into_iter().flatten().flatten();
    let folders = folders.map(|entry| entry.path()).filter(|folder| Some(folder) != layout.admin.as_ref());
    let logs = folders.chain([layout.common.clone()]).map(|folder| folder.join("logs/HEAD"));
    logs.filter_map(|log| std::fs::read_to_string(log).ok()).collect()
}

fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}
