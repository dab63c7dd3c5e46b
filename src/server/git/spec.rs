//! Plans in a worktree: `specs/*.md`, regular files of a limited size with something in them.

use std::io::Read;
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::{Mode, OFlags};

use super::layout::Layout;
use super::worktree::Worktree;
use super::{GitError, Place};

/// So much of a plan is compared.
const COMPARED_MAX_BYTES: u64 = 1024 * 1024;

impl Worktree {
    /// The newest plan that says something else than the one of this name at `base`, committed or not. Spaces and empty
    /// lines say nothing.
    pub async fn spec_since(&self, project: &Path, base: &str) -> Result<Option<String>, GitError> {
        let place = Layout::find(project, &self.path).await?.repository_place();
        let mut specs = self.specs();
        specs.sort_by(|one, other| other.cmp(one));
        for (_, file) in specs {
            if self.is_new_spec(&place, base, &file).await {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    async fn is_new_spec(&self, place: &Place, base: &str, file: &str) -> bool {
        let Some(now) = self.read_spec(file, COMPARED_MAX_BYTES) else { return false };
        let Ok(before) = place.read_bytes(&["cat-file", "blob", &format!("{base}:{file}")]).await else { return true };
        let before = &before[..before.len().min(COMPARED_MAX_BYTES as usize)];
        !words(&String::from_utf8_lossy(before)).eq(words(&now))
    }

    /// Every plan, and when it was written.
    fn specs(&self) -> Vec<(SystemTime, String)> {
        let entries = std::fs::read_dir(self.path.join("specs")).into_iter().flatten().flatten();
        let files = entries.filter_map(|entry| Some(format!("specs/{}", entry.file_name().to_str()?)));
        files.filter_map(|file| Some((self.spec_time(&file)?, file))).collect()
    }

    /// Whether `file` is there and is a plan.
    pub fn has_spec(&self, file: &str) -> bool {
        self.spec_time(file).is_some()
    }

    /// When `file` was written, if it is what a planning stage is to leave: a regular file that is not blank,
    /// `specs/*.md`, and no link that leads elsewhere.
    fn spec_time(&self, file: &str) -> Option<SystemTime> {
        let name = file.strip_prefix("specs/")?;
        if name.contains('/') || !name.ends_with(".md") {
            return None;
        }
        let folder = std::fs::symlink_metadata(self.path.join("specs")).ok()?;
        let metadata = std::fs::symlink_metadata(self.path.join(file)).ok()?;
        if !folder.is_dir() || !metadata.is_file() {
            return None;
        }
        let is_blank = words(&self.read_spec(file, COMPARED_MAX_BYTES)?).next().is_none();
        (!is_blank).then(|| metadata.modified().ok()).flatten()
    }

    /// What a plan says, if it is there; of a long one no more than `max` bytes. No link is followed, however quickly
    /// somebody puts one there.
    pub fn read_spec(&self, file: &str, max: u64) -> Option<String> {
        let name = file.strip_prefix("specs/").filter(|name| !name.contains('/'))?;
        let (flags, mode) = (OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty());
        let top = rustix::fs::open(&self.path, flags | OFlags::DIRECTORY, mode).ok()?;
        let folder = rustix::fs::openat(top, "specs", flags | OFlags::DIRECTORY, mode).ok()?;
        let file = std::fs::File::from(rustix::fs::openat(folder, name, flags, mode).ok()?);
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let mut bytes = vec![];
        file.take(max).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// What a text says, without the spaces between its words and the byte order mark before them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || c == '\u{feff}').filter(|word| !word.is_empty())
}
