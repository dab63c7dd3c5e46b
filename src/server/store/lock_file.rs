//! A lock on a file, held by one process. The kernel releases it when that process ends, however it ends.
//!
//! The file says who holds it, so that others can tell the user. It is empty while nobody does.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::Holder;

/// What a holder says of itself is not longer than this.
const HOLDER_MAX_BYTES: u64 = 64 * 1024;

/// A lock that is held until this is dropped.
#[derive(Debug)]
pub struct LockFile {
    path: PathBuf,
    file: File,
}

impl LockFile {
    /// Takes the lock, and makes the file if needed. `None` if another process holds it.
    pub fn try_take(path: &Path) -> io::Result<Option<Self>> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let lock = Self { path: path.to_owned(), file };
        // If the file was replaced since it was opened, this lock keeps nobody out.
        if !lock.is_in_place() {
            return Ok(None);
        }
        lock.file.set_len(0)?;
        Ok(Some(lock))
    }

    /// Whether another process holds the lock. Makes nothing.
    pub fn is_held(path: &Path) -> io::Result<bool> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Who holds the lock, if the holder has said so.
    pub fn holder(path: &Path) -> Option<Holder> {
        let mut text = String::new();
        File::open(path).ok()?.take(HOLDER_MAX_BYTES).read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Tells others who holds the lock.
    pub fn announce(&self, holder: &Holder) -> io::Result<()> {
        let text = serde_json::to_string(holder)?;
        self.file.set_len(0)?;
        (&self.file).rewind()?;
        (&self.file).write_all(text.as_bytes())
    }

    /// Whether the file that is locked is still the one that others find. If somebody removed it, another process can
    /// make and lock a new one.
    pub fn is_in_place(&self) -> bool {
        match (self.path.metadata(), self.file.metadata()) {
            (Ok(there), Ok(ours)) => (there.dev(), there.ino()) == (ours.dev(), ours.ino()),
            _ => false,
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_and_says_who_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        assert!(!LockFile::is_held(&path).unwrap());
        let lock = LockFile::try_take(&path).unwrap().unwrap();
        assert!(LockFile::try_take(&path).unwrap().is_none() && LockFile::is_held(&path).unwrap());
        let holder = Holder::this_process(dir.path());
        lock.announce(&holder).unwrap();
        assert_eq!(LockFile::holder(&path), Some(holder));
        drop(lock);
        assert_eq!((LockFile::holder(&path), LockFile::is_held(&path).unwrap()), (None, false));
    }

    #[test]
    fn a_lock_on_a_file_that_was_removed_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let lock = LockFile::try_take(&path).unwrap().unwrap();
        assert!(lock.is_in_place());
        std::fs::remove_file(&path).unwrap();
        let other = LockFile::try_take(&path).unwrap().unwrap();
        assert!(!lock.is_in_place() && other.is_in_place());
    }

    #[test]
    fn a_directory_in_its_place_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(LockFile::try_take(dir.path()).is_err() && LockFile::is_held(dir.path()).is_err());
    }
}
