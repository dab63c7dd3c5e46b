//! The directory of backups: their names, which is the newest, and which have to go.
//!
//! Only files whose names are exactly of the form that Cardume gives are looked at, and only they are ever removed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::domain::Timestamp;

const PREFIX: &str = "cardume-";
const SUFFIX: &str = ".tar.zst";
const BEFORE_UPDATE: &str = "-before-update";
const TIME_FORMAT: &str = "%Y%m%dT%H%M%SZ";

/// Why a backup was made. The newest of each kind are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Scheduled,
    /// Before the schema was brought up to date.
    BeforeUpdate,
}

/// A backup in the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    pub path: PathBuf,
    pub kind: Kind,
    /// To the second.
    pub made_at: Timestamp,
}

/// `cardume-20261122T080000Z.tar.zst`
pub fn name(kind: Kind, now: Timestamp) -> String {
    let word = match kind {
        Kind::Scheduled => "",
        Kind::BeforeUpdate => BEFORE_UPDATE,
    };
    // RFC 3339 to the second, without what some file systems do not like in a name.
    let time = now.to_string().chars().take(19).filter(|c| !matches!(c, '-' | ':')).collect::<String>();
    format!("{PREFIX}{time}Z{word}{SUFFIX}")
}

/// Why and when the backup of this name was made; `None` where the name is none of Cardume's own.
pub fn parse(name: &str) -> Option<(Kind, Timestamp)> {
    let time = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let (time, kind) = match time.strip_suffix(BEFORE_UPDATE) {
        Some(time) => (time, Kind::BeforeUpdate),
        None => (time, Kind::Scheduled),
    };
    let time = chrono::NaiveDateTime::parse_from_str(time, TIME_FORMAT).ok()?;
    let made_at = Timestamp::from(time.and_utc());
    (self::name(kind, made_at) == name).then_some((kind, made_at))
}

/// All backups there, newest first. None where there is no such directory.
pub fn list(dir: &Path) -> io::Result<Vec<Backup>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        entries => entries?,
    };
    let mut backups = vec![];
    for entry in entries {
        let entry = entry?;
        if let Some((kind, made_at)) = entry.file_name().to_str().and_then(parse)
            && entry.file_type()?.is_file()
        {
            backups.push(Backup { path: entry.path(), kind, made_at });
        }
    }
    backups.sort_by_key(|backup| std::cmp::Reverse(backup.made_at));
    Ok(backups)
}

/// Removes all of a kind but the newest `keep`.
pub fn rotate(dir: &Path, kind: Kind, keep: usize) -> io::Result<()> {
    let mut old = list(dir)?.into_iter().filter(|backup| backup.kind == kind).skip(keep.max(1));
    old.try_for_each(|backup| fs::remove_file(backup.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_millis(1_763_798_400_000 + day * 86_400_000)
    }

    #[test]
    fn a_name_tells_kind_and_time() {
        assert_eq!(name(Kind::Scheduled, at(0)), "cardume-20251122T080000Z.tar.zst");
        for kind in [Kind::Scheduled, Kind::BeforeUpdate] {
            assert_eq!(parse(&name(kind, at(3))), Some((kind, at(3))));
        }
        for other in
            ["cardume-.tar.zst", "cardume-2025-11-22.tar.zst", "mine.tar.zst", "cardume-20251322T080000Z.tar.zst"]
        {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn only_the_oldest_of_its_own_files_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let others = ["cardume-mine.tar.zst", "notes.txt", "cardume-20251122T080000Z.tar.zst.bak"];
        let ours = (0..5).map(|day| name(Kind::Scheduled, at(day))).chain([name(Kind::BeforeUpdate, at(0))]);
        for file in others.map(str::to_owned).into_iter().chain(ours) {
            fs::write(dir.path().join(file), "").unwrap();
        }
        fs::create_dir(dir.path().join(name(Kind::Scheduled, at(-9)))).unwrap();
        rotate(dir.path(), Kind::Scheduled, 2).unwrap();
        let left = list(dir.path()).unwrap();
        assert_eq!(left.iter().map(|backup| backup.made_at).collect::<Vec<_>>(), [at(4), at(3), at(0)]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3 + others.len() + 1);
        assert!(list(&dir.path().join("none")).unwrap().is_empty());
    }
}
