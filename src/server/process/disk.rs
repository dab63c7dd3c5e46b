//! How much room there is on the disk.

use std::path::Path;

/// With less than this, whatever writes is about to wait.
const ROOM_MIN_BYTES: u64 = 1024 * 1024;

/// What this user can still write to the disk that `path` is on, in bytes. `None` where the disk does not say.
pub fn room(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(path).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Whether nothing more can be written there.
pub fn is_full(path: &Path) -> bool {
    room(path).is_some_and(|bytes| bytes < ROOM_MIN_BYTES)
}
