//! Before a server works: it takes the locks that make it the only one, and makes sure that the executions of the
//! database are in its own data directory.
//!
//! A data directory is known by a random id in it, not by its path: it can be moved, and an empty one at the same path
//! is another one.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use uuid::Uuid;

use super::ownership::Ownership;
use super::placing::sync_parent;
use crate::domain::{ExecutionId, ExecutionStatus, LogType};
use crate::server::config::Config;
use crate::server::now;
use crate::server::store::{
    Attempt, Binding, Database, DatabaseLock, Ending, Holder, Lease, LockError, LockFile, NewLine, Store,
};

/// How long a server that is on its way down may keep its locks from the next one. A second server gives up within 5 s.
pub const LOCK_WITHIN: Duration = Duration::from_secs(4);
const TRY_EVERY: Duration = Duration::from_millis(100);
/// In the data directory.
const IDENTITY_FILE: &str = "identity";
const DATA_DIR_LOCK: &str = "server.lock";

/// Keeps other servers away from the data directory.
pub async fn lock_data_dir(data_dir: &Path, deadline: Instant) -> anyhow::Result<LockFile> {
    let path = data_dir_lock(data_dir);
    loop {
        match LockFile::try_take(&path) {
            Ok(Some(lock)) => return Ok(lock),
            Ok(None) if Instant::now() < deadline => tokio::time::sleep(TRY_EVERY).await,
            Ok(None) => bail!(
                "another Cardume serves {}{}; nothing was changed. Stop it first, or choose another --data-dir",
                data_dir.display(),
                LockFile::holder(&path).map(|holder| format!(" ({holder})")).unwrap_or_default()
            ),
            Err(error) => return Err(LockError::File { path, error }.into()),
        }
    }
}

/// The file whose lock keeps other servers away from the data directory.
pub fn data_dir_lock(data_dir: &Path) -> PathBuf {
    data_dir.join(DATA_DIR_LOCK)
}

/// Keeps other servers away from the database, whatever their data directory. Touches nothing in it.
pub async fn lock_database(database: &Database, deadline: Instant) -> anyhow::Result<DatabaseLock> {
    loop {
        match DatabaseLock::try_take(database).await.context("the database cannot be opened")? {
            Attempt::Taken(lock) => return Ok(lock),
            Attempt::HeldBy(_) if Instant::now() < deadline => tokio::time::sleep(TRY_EVERY).await,
            Attempt::HeldBy(holder) => bail!(
                "another Cardume works with this database{}; nothing was changed. Stop it first, or use another \
                 database (--database-url)",
                told(holder.as_deref())
            ),
        }
    }
}

fn told(holder: Option<&Holder>) -> String {
    match holder {
        Some(holder) => format!(": {holder}"),
        None => " (it has not said yet where it is)".to_owned(),
    }
}

/// Refuses a data directory that lacks what the database's executions need. Changes nothing.
pub async fn check_data_dir(config: &Config, store: &Store) -> anyhow::Result<()> {
    match misplaced(config, store).await? {
        Some((binding, running)) if running > 0 && !config.take_over => bail!(refusal(config, &binding, running)),
        _ => Ok(()),
    }
}

/// If the database belongs to another data directory: which one, and how many executions have not ended.
pub async fn misplaced(config: &Config, store: &Store) -> anyhow::Result<Option<(Binding, i64)>> {
    let Some(binding) = store.binding().await.context("the database cannot be read")? else { return Ok(None) };
    if identity(&config.data_dir)? == Some(binding.id) {
        return Ok(None);
    }
    let running = store.running_count().await.context("the database cannot be read")?;
    Ok(Some((binding, running)))
}

/// What to do about a data directory that isn't the database's own.
pub fn refusal(config: &Config, binding: &Binding, running: i64) -> String {
    let (own, given) = (binding.path.display(), config.data_dir.display());
    let runs = if running == 1 { "1 run has".to_owned() } else { format!("{running} runs have") };
    format!(
        "{runs} not ended in this database, and their files are in its data directory {own}, while {given} is another one; \
         nothing was changed. Start with --data-dir {own}, or bring that directory back (in a container: mount its \
         volume); if it is gone, start with --take-over, which marks these runs as lost"
    )
}

/// The id of a data directory, if it has one.
fn identity(data_dir: &Path) -> anyhow::Result<Option<Uuid>> {
    let path = data_dir.join(IDENTITY_FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let id = Uuid::parse_str(text.trim());
            let how = "Bring the file back, or remove it and start with --take-over";
            id.map(Some).with_context(|| format!("{} does not hold a data directory's id. {how}", path.display()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// The id of the data directory, which gets one if it has none. It is durable before the database refers to it.
fn make_identity(data_dir: &Path) -> anyhow::Result<Uuid> {
    if let Some(id) = identity(data_dir)? {
        return Ok(id);
    }
    let (id, path) = (Uuid::new_v4(), data_dir.join(IDENTITY_FILE));
    let write = || {
        let unfinished = data_dir.join(format!(".{IDENTITY_FILE}.unfinished"));
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        writeln!(file, "{id}")?;
        file.sync_all()?;
        std::fs::rename(&unfinished, &path)?;
        sync_parent(&path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))?;
    Ok(id)
}

/// Makes the database this server's, under a new number, and binds it to the data directory. Runs of another data
/// directory end as lost. The store that is returned writes only while the ownership lasts.
pub async fn claim(config: &Config, store: Store, mut lock: DatabaseLock) -> anyhow::Result<(Store, Ownership)> {
    let failed = "the database cannot be taken over";
    let binding = Binding { id: make_identity(&config.data_dir)?, path: config.data_dir.clone() };
    let holder = Holder { session: lock.session(), ..Holder::this_process(&config.data_dir) };
    let generation = lock.take_over(&store, &holder).await.context(failed)?;
    let lease = Lease::held(generation);
    let store = store.under(lease.clone());
    if let Some((old, running)) = misplaced(config, &store).await? {
        // Looked at before, and nobody else can have begun anything since.
        ensure!(running == 0 || config.take_over, refusal(config, &old, running));
        give_up_running(&store).await.context(failed)?;
    }
    store.bind(&binding).await.context(failed)?;
    let ownership = Ownership::new(store.clone(), lease, lock, config.database.clone(), (binding, holder, generation));
    Ok((store, ownership))
}

/// Ends all runs as lost, because their data directory is gone.
async fn give_up_running(store: &Store) -> anyhow::Result<()> {
    const WHY: &str = "The stage was lost: the data directory that it ran in is gone, and the server was started with \
                       --take-over. Resume to go on.";
    for execution in store.running().await? {
        let timestamp = now().max(execution.started_at);
        let ending = Ending {
            status: ExecutionStatus::Lost,
            error: Some(WHY.to_owned()),
            result: None,
            exit_code: None,
            spec_path: None,
            work_ref: None,
            warning: None,
            lines: vec![NewLine { timestamp, kind: LogType::Error, content: WHY.to_owned(), partial: false }],
            ended_at: None,
            verified: None,
            again: false,
        };
        store.finish(execution.id, &ending, ExecutionId(Uuid::now_v7()), timestamp).await?;
        tracing::warn!(card = %execution.card_id, execution = %execution.id, "a run was given up, because its data directory is gone");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_directory_keeps_its_id() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(identity(dir.path()).unwrap(), None);
        let id = make_identity(dir.path()).unwrap();
        assert_eq!((make_identity(dir.path()).unwrap(), identity(dir.path()).unwrap()), (id, Some(id)));
        std::fs::write(dir.path().join(IDENTITY_FILE), "nonsense").unwrap();
        assert!(make_identity(dir.path()).unwrap_err().to_string().contains("--take-over"));
    }
}
