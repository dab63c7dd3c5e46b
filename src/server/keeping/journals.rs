//! Removing the directories of executions that have ended: what agents printed is on disk twice until then.
//!
//! A journal goes only where the supervisor's digest of it equals the one of what is in the database, and only once the
//! database holds that outside its write-ahead log. All others are kept. Harmless to repeat after a crash anywhere.

use std::path::Path;

use crate::domain::{ExecutionId, Timestamp};
use crate::server::store::Store;

/// Removes the directories of verified executions that ended at `before` or earlier; answers how many.
pub async fn remove_finished(store: &Store, data_dir: &Path, before: Timestamp) -> anyhow::Result<usize> {
    let executions = data_dir.join("executions");
    let mut removable = vec![];
    for id in directories(&executions).await? {
        if store.is_verified(id, before).await? {
            removable.push(executions.join(id.to_string()));
        }
    }
    if removable.is_empty() || !store.settle().await? {
        return Ok(0);
    }
    for dir in &removable {
        fail::fail_point!("journals::remove");
        remove(dir).await?;
    }
    Ok(removable.len())
}

async fn remove(dir: &Path) -> std::io::Result<()> {
    match tokio::fs::remove_dir_all(dir).await {
        // Its card was deleted meanwhile.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

async fn directories(executions: &Path) -> std::io::Result<Vec<ExecutionId>> {
    let mut entries = tokio::fs::read_dir(executions).await?;
    let mut found = vec![];
    while let Some(entry) = entries.next_entry().await? {
        found.extend(entry.file_name().to_str().and_then(|name| name.parse::<ExecutionId>().ok()));
    }
    Ok(found)
}
