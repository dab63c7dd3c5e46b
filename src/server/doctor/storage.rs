//! The data directory: whether it can be written, who can read it, how much room there is, and how old the newest backup
//! is.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use super::{Finding, note, well, wrong};
use crate::domain::Timestamp;
use crate::server::config::Config;
use crate::server::keeping::{backups, modes};
use crate::server::process::disk;

/// With less room than this it is time to make some.
const ROOM_BYTES: u64 = 1024 * 1024 * 1024;
/// So many folders in the place of a run's lock are told of.
const LOCKS_MAX: usize = 10;

pub fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = vec![data_dir(&config.data_dir)];
    if !config.data_dir.is_dir() {
        return findings;
    }
    findings.extend(modes(config));
    findings.extend(lock_files(&config.data_dir));
    findings.push(room(disk::room(&config.data_dir)));
    findings.push(newest_backup(config, crate::server::now()));
    findings
}

fn data_dir(path: &Path) -> Finding {
    let subject = "data directory";
    let shown = path.display();
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return note(subject, format!("{shown} is not there yet; `cardume serve` makes it"));
        }
        Err(error) => return wrong(subject, format!("{shown}: {error}. Name another with --data-dir")),
    };
    if !metadata.is_dir() {
        return wrong(subject, format!("{shown} is no directory. Move it away, or name another with --data-dir"));
    }
    if let Err(error) = try_to_write(path) {
        return wrong(
            subject,
            format!("{shown} cannot be written ({error}). Mend its owner, permissions or free space"),
        );
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return note(subject, format!("{shown} is open to other users (mode {mode:o}); close it: chmod 700 {shown}"));
    }
    well(subject, shown.to_string())
}

/// Leaves nothing behind.
fn try_to_write(dir: &Path) -> std::io::Result<()> {
    let probe = dir.join(format!(".doctor-{}", std::process::id()));
    let written = std::fs::write(&probe, "cardume doctor was here");
    let removed = std::fs::remove_file(&probe);
    written.and(removed)
}

/// What others could read in it.
fn modes(config: &Config) -> Vec<Finding> {
    let subject = "file modes";
    let mut findings = vec![];
    match modes::open_to_others(&config.data_dir, &config.database) {
        Err(error) => findings.push(wrong(subject, format!("{error}. Mend the owner of the data directory"))),
        Ok(open) => {
            for modes::Open { path, mode, wanted } in open.into_iter().filter(|open| open.path != config.data_dir) {
                let shown = path.display();
                findings.push(note(
                    subject,
                    format!("{shown} is open to other users (mode {mode:o}); `cardume serve` closes it, or: chmod {wanted:o} {shown}"),
                ));
            }
        }
    }
    let file = config.data_dir.join("cardume.toml");
    let is_open = fs::metadata(&file).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0);
    // Anybody may know the rest of it.
    if is_open && fs::read_to_string(&file).is_ok_and(|text| text.contains("postgres")) {
        let shown = file.display();
        findings
            .push(note(subject, format!("{shown} is open to other users and may hold a password: chmod 600 {shown}")));
    }
    findings
}

/// Folders where a lock file should be: nobody can take such a lock.
fn lock_files(data_dir: &Path) -> Vec<Finding> {
    let mut findings = vec![];
    let own = data_dir.join("server.lock");
    if own.is_dir() {
        let what = format!("{} is a folder and should be a file, so no server can start. Move it away", own.display());
        findings.push(wrong("lock", what));
    }
    let executions = fs::read_dir(data_dir.join("executions")).into_iter().flatten().flatten();
    let blocked = executions.map(|entry| entry.path()).filter(|dir| dir.join("lock").is_dir());
    for dir in blocked.take(LOCKS_MAX) {
        let lock = dir.join("lock");
        let what = format!("{} is a folder and should be a file", lock.display());
        findings.push(match dir.join("exit.json").exists() {
            true => note("lock", format!("{what}; its run has ended, so nobody needs it")),
            false => wrong("lock", format!("{what}, so this run's agent can't be started or watched. Move it away")),
        });
    }
    findings
}

fn room(room: Option<u64>) -> Finding {
    let subject = "disk space";
    let megabytes = |bytes: u64| bytes / (1024 * 1024);
    match room {
        None => note(subject, "the disk does not say how much room it has"),
        Some(bytes) if bytes < ROOM_BYTES / 10 => wrong(
            subject,
            format!("only {} MB are free; agents wait when nothing is left. Make room", megabytes(bytes)),
        ),
        Some(bytes) if bytes < ROOM_BYTES => {
            note(subject, format!("only {} MB are free; make room before agents have to wait", megabytes(bytes)))
        }
        Some(bytes) => well(subject, format!("{} MB are free", megabytes(bytes))),
    }
}

fn newest_backup(config: &Config, now: Timestamp) -> Finding {
    let subject = "backup";
    let dir = config.backup.dir(&config.data_dir);
    let shown = dir.display();
    let newest = match backups::list(&dir) {
        Err(error) => {
            return wrong(subject, format!("{shown} cannot be read ({error}). Mend its owner or permissions"));
        }
        Ok(backups) => backups.into_iter().next(),
    };
    let by_hand = "make one: cardume backup FILE";
    match (newest, config.backup.every) {
        (None, None) => {
            note(subject, format!("there is none in {shown}, and every_hours = 0 switches them off; {by_hand}"))
        }
        (None, Some(_)) => note(subject, format!("there is none in {shown} yet; a server makes them, or {by_hand}")),
        (Some(newest), every) => {
            let age = Duration::from_millis(now.millis_since(newest.made_at).unsigned_abs());
            let told = format!("the newest is {} hours old: {}", age.as_secs() / 3600, newest.path.display());
            match every {
                Some(every) if age > 2 * every => note(
                    subject,
                    format!(
                        "{told}. That is older than it should be: see whether a server runs, and what its log says"
                    ),
                ),
                _ => well(subject, told),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Weight;
    use super::*;

    #[test]
    fn a_data_directory_is_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(data_dir(dir.path()).weight == Weight::Note);
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        assert!(data_dir(dir.path()).weight == Weight::Well);
        assert_eq!(dir.path().read_dir().unwrap().count(), 0);
        std::fs::write(dir.path().join("file"), "").unwrap();
        assert!(data_dir(&dir.path().join("file")).weight == Weight::Wrong);
        assert!(data_dir(&dir.path().join("missing")).weight == Weight::Note);
    }

    #[test]
    fn little_room_is_told() {
        assert!(room(Some(10 << 30)).weight == Weight::Well);
        assert!(room(Some(500 << 20)).weight == Weight::Note);
        assert!(room(Some(50 << 20)).weight == Weight::Wrong);
        assert!(room(None).weight == Weight::Note);
    }
}
