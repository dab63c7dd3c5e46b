//! A backup that is being made: a hidden file beside its target, locked for as long as its process lives.
//!
//! So what a killed backup leaves is told from one that somebody still writes, and the next backup to the same place, or
//! the next server, removes it.

use std::fs::{self, File, TryLockError};
use std::io::{self, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::backups;
use super::placing::Scratch;

/// A backup is called `.NAME` and this until it is whole; what git makes for it, `.NAME.bundle` and this.
const SUFFIX: &str = ".cardume-unfinished";
/// What the server's own were called before.
const SUFFIX_BEFORE: &str = ".unfinished";
const BUNDLE: &str = ".bundle";
/// git's own, beside a bundle that it makes.
const GIT_LOCK: &str = ".lock";
/// Somebody who looks for leftovers holds the lock for a moment.
const TRIES: u32 = 5;

/// The file of a backup that is being made. It is removed when this is dropped, unless it has got its name by then.
pub struct Unfinished {
    scratch: Scratch,
    file: File,
}

impl Unfinished {
    /// Makes the file for a backup that is to be called `target`.
    pub fn create(target: &Path) -> anyhow::Result<Self> {
        let name = target.file_name().and_then(|name| name.to_str()).context("the backup's name is no text")?;
        let path = target.with_file_name(format!(".{name}{SUFFIX}"));
        let shown = path.display();
        for _ in 0..TRIES {
            let file = match File::options().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    bail!("another backup to {} is under way; wait for it, or choose another name", target.display())
                }
                Err(error) => return Err(error).with_context(|| format!("cannot make {shown}")),
            };
            match file.try_lock() {
                // Another process may have removed it as a leftover before it was locked.
                Ok(()) if file.metadata()?.nlink() == 0 => {}
                // Not every file system has locks; nobody removes a file there.
                Ok(()) | Err(TryLockError::Error(_)) => return Ok(Self { scratch: Scratch(path), file }),
                Err(TryLockError::WouldBlock) => std::thread::yield_now(),
            }
        }
        bail!("{shown} is removed again and again; choose another place for the backup")
    }

    pub fn path(&self) -> &Path {
        &self.scratch.0
    }

    /// Where git makes a bundle for this backup. It is removed when what is answered is dropped.
    pub fn bundle(&self) -> Scratch {
        let name = self.path().file_name().unwrap_or_default().to_string_lossy();
        let name = name.strip_suffix(SUFFIX).unwrap_or(&name);
        Scratch(self.path().with_file_name(format!("{name}{BUNDLE}{SUFFIX}")))
    }

    /// The file with nothing in it, to be written. It shares the lock.
    pub fn emptied(&self) -> io::Result<File> {
        let mut file = self.file.try_clone()?;
        file.set_len(0)?;
        file.rewind()?;
        file.flush()?;
        Ok(file)
    }
}

/// Removes what killed backups left in a directory; answers how many files that were. Nothing is removed that somebody
/// still writes.
pub fn remove_leftovers(dir: &Path) -> io::Result<usize> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut removed = 0;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if let Some(owner) = name.to_str().and_then(owner)
            && entry.file_type()?.is_file()
            && remove_unless_written(&entry.path(), &dir.join(owner))?
        {
            removed += 1;
        }
    }
    Ok(removed)
}

/// The name of the file that whoever makes this one keeps locked. `None` where it is no leftover of a backup.
fn owner(name: &str) -> Option<String> {
    let of = name.strip_prefix('.')?;
    if let Some(of) = of.strip_suffix(GIT_LOCK).unwrap_or(of).strip_suffix(SUFFIX) {
        return Some(format!(".{}{SUFFIX}", of.strip_suffix(BUNDLE).unwrap_or(of)));
    }
    let of = of.strip_suffix(SUFFIX_BEFORE)?;
    backups::parse(of.strip_suffix(BUNDLE).unwrap_or(of)).map(|_| name.to_owned())
}

fn remove_unless_written(path: &Path, owner: &PathBuf) -> io::Result<bool> {
    match File::open(owner) {
        Ok(file) => match file.try_lock() {
            Ok(()) => remove(path),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => Ok(false),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => remove(path),
        Err(error) => Err(error),
    }
}

fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        // Somebody else was faster.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        removed => removed.map(|()| true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_a_kill_left_is_removed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let theirs =
            [".mine.unfinished", ".cardume-mine.tar.zst.unfinished", "cardume-unfinished", "x.cardume-unfinished"];
        let leftovers = [
            ".cardume-20251122T080000Z.tar.zst.unfinished",
            ".one.tar.zst.cardume-unfinished",
            ".one.tar.zst.bundle.cardume-unfinished",
            ".two.bundle.cardume-unfinished",
            ".two.bundle.cardume-unfinished.lock",
        ];
        for name in theirs.iter().chain(&leftovers) {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let alive = Unfinished::create(&dir.path().join("alive.tar.zst")).unwrap();
        fs::write(alive.bundle().0.clone(), "").unwrap();
        let bundle = alive.bundle();
        fs::write(&bundle.0, "").unwrap();
        assert_eq!(remove_leftovers(dir.path()).unwrap(), leftovers.len());
        let left = names(dir.path());
        assert_eq!(left.len(), theirs.len() + 2, "{left:?}");
        assert!(theirs.iter().all(|name| left.iter().any(|left| left == name)), "{left:?}");
        assert!(alive.path().exists() && bundle.0.exists());
        assert!(Unfinished::create(&dir.path().join("alive.tar.zst")).is_err(), "two wrote one backup");
        drop((alive, bundle));
        assert_eq!(names(dir.path()).len(), theirs.len());
        assert_eq!(remove_leftovers(&dir.path().join("none")).unwrap(), 0);
    }

    #[test]
    fn writing_goes_on_under_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let unfinished = Unfinished::create(&dir.path().join("one")).unwrap();
        for text in ["a longer text", "short"] {
            unfinished.emptied().unwrap().write_all(text.as_bytes()).unwrap();
            assert_eq!(remove_leftovers(dir.path()).unwrap(), 0);
            assert_eq!(fs::read_to_string(unfinished.path()).unwrap(), text);
        }
    }
}
