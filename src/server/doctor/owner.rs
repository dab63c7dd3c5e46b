//! Whose the database is: which server works with it now, and which data directory its executions are in.

use super::{Finding, note, well, wrong};
use crate::server::config::Config;
use crate::server::keeping::owner;
use crate::server::store::{DatabaseLock, LockError, LockFile, Store};

/// Whether a server holds the locks, as far as they can be looked at.
pub async fn server(config: &Config) -> Vec<Finding> {
    let subject = "server";
    let mut findings = vec![];
    let path = owner::data_dir_lock(&config.data_dir);
    if let Err(error) = LockFile::is_held(&path) {
        findings.push(wrong(subject, LockError::File { path, error }.to_string()));
    }
    findings.push(match DatabaseLock::held_by(&config.database).await {
        Err(error @ LockError::File { .. }) => wrong(subject, error.to_string()),
        // What is wrong with the database itself is said where it is looked at.
        Err(LockError::Database(error)) => note(subject, format!("whether one works with the database: {error}")),
        Ok(None) => well(subject, "none works with the database now"),
        Ok(Some(None)) => well(subject, "one works with the database, and has not said where it is"),
        Ok(Some(Some(holder))) => {
            let is_same = holder.data_dir == config.data_dir.canonicalize().unwrap_or(config.data_dir.clone());
            let told = format!("one works with the database: {holder}");
            if is_same { well(subject, told) } else { wrong(subject, format!("{told}. `cardume serve` with this data directory would refuse; stop that one first, or name its data directory with --data-dir")) }
        }
    });
    findings
}

/// Whether the database belongs to this data directory.
pub async fn data_dir(config: &Config, store: &Store) -> Option<Finding> {
    let subject = "data directory";
    match owner::misplaced(config, store).await {
        Ok(None) => None,
        Ok(Some((binding, 0))) => Some(wrong(
            subject,
            format!(
                "the database belongs to {}, and {} is another one. Name that one with --data-dir; if this one is meant, \
                 start `cardume serve` with it once, which binds the database to it",
                binding.path.display(),
                config.data_dir.display()
            ),
        )),
        Ok(Some((binding, running))) => Some(wrong(subject, owner::refusal(config, &binding, running))),
        Err(error) => Some(wrong(subject, format!("{error:#}"))),
    }
}
