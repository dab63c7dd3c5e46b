//! Who may read what is kept: this user only. Directories 0700, the database's files 0600.
//!
//! Agents' worktrees are left as git and the agents made them; they lie in a directory that nobody else can enter.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::server::store::{Database, sqlite_companions};

/// What others could enter or read, and what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    pub path: PathBuf,
    pub mode: u32,
    pub wanted: u32,
}

/// Makes the directories in which things are kept, and closes to others what is open to them.
pub fn tighten(data_dir: &Path, database: &Database) -> io::Result<()> {
    for dir in own_directories(data_dir) {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    for Open { path, mode, wanted } in open_to_others(data_dir, database)? {
        match fs::set_permissions(&path, Permissions::from_mode(mode & wanted)) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            tightened => tightened?,
        }
    }
    Ok(())
}

/// All of it that others could enter or read.
pub fn open_to_others(data_dir: &Path, database: &Database) -> io::Result<Vec<Open>> {
    let mut open = vec![];
    let mut look = |path: PathBuf, wanted: u32| match fs::symlink_metadata(&path) {
        Ok(metadata) if metadata.is_symlink() => Ok(()),
        Ok(metadata) => {
            let mode = metadata.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                open.push(Open { path, mode, wanted });
            }
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    look(data_dir.to_owned(), 0o700)?;
    for entry in fs::read_dir(data_dir.join("executions")).into_iter().flatten() {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            look(entry.path(), 0o700)?;
        }
    }
    for dir in own_directories(data_dir) {
        look(dir, 0o700)?;
    }
    if let Database::Sqlite(path) = database {
        for file in sqlite_companions(path).into_iter().chain([path.clone()]) {
            look(file, 0o600)?;
        }
    }
    Ok(open)
}

fn own_directories(data_dir: &Path) -> [PathBuf; 2] {
    ["executions", "worktrees"].map(|name| data_dir.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::Sqlite(dir.path().join("cardume.db"));
        fs::create_dir_all(dir.path().join("executions/one")).unwrap();
        for file in ["cardume.db", "cardume.db-wal", "other"] {
            fs::write(dir.path().join(file), "").unwrap();
            fs::set_permissions(dir.path().join(file), Permissions::from_mode(0o644)).unwrap();
        }
        for open in ["", "executions", "executions/one"] {
            fs::set_permissions(dir.path().join(open), Permissions::from_mode(0o755)).unwrap();
        }
        assert_eq!(open_to_others(dir.path(), &database).unwrap().len(), 5);
        tighten(dir.path(), &database).unwrap();
        assert_eq!(open_to_others(dir.path(), &database).unwrap(), []);
        let mode = |path: &str| dir.path().join(path).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(""), mode("executions/one"), mode("worktrees")), (0o700, 0o700, 0o700));
        assert_eq!((mode("cardume.db"), mode("cardume.db-wal"), mode("other")), (0o600, 0o600, 0o644));
    }
}
