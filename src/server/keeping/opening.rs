//! Before a server works with a database: it is looked at, backed up where its schema is to change, and brought up to
//! date.
//!
//! A database that cannot be trusted is left as it is, and never replaced by an empty one: Cardume stops instead.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, bail};

use super::backups::{self, Kind};
use super::{backup, modes, owner};
use crate::server::config::Config;
use crate::server::store::{CacheLimits, Condition, Database, DatabaseLock, Schema, Store};

/// A database up to this size is looked at in full before the board is up, which takes a fraction of a second; a larger
/// one only at its beginning, and in full afterwards, beside the work.
const LOOK_IN_FULL_UP_TO_BYTES: u64 = 64 * 1024 * 1024;

/// Opens the database for a command that works with it whether a server runs or not. Only if the schema must be changed,
/// no server may be using it; the lock, if there is one, is to be kept meanwhile.
pub async fn open_beside(config: &Config) -> anyhow::Result<(Store, Option<DatabaseLock>)> {
    if let Ok(Condition::Sound { .. }) = Condition::of(&config.database, 0).await {
        let store = Store::connect_beside(&config.database).await.context("the database cannot be opened")?;
        let schema = store.schema().await.context("the database cannot be read")?;
        if schema.pending.is_empty() && schema.unknown.is_empty() {
            return Ok((store, None));
        }
        store.close().await;
    }
    let lock = owner::lock_database(&config.database, Instant::now() + owner::LOCK_WITHIN).await?;
    Ok((open(config).await?, Some(lock)))
}

/// Opens the database. The caller holds its lock. An error is a line for the user.
pub async fn open(config: &Config) -> anyhow::Result<Store> {
    modes::tighten(&config.data_dir, &config.database)
        .with_context(|| format!("the modes in {} cannot be set", config.data_dir.display()))?;
    let condition = Condition::of(&config.database, LOOK_IN_FULL_UP_TO_BYTES).await;
    let condition = condition.context("the database cannot be opened")?;
    if let Some(trouble) = trouble(config, &condition) {
        bail!(trouble);
    }
    let store =
        Store::connect(&config.database, CacheLimits::default()).await.context("the database cannot be opened")?;
    let schema = store.schema().await.context("the database cannot be read")?;
    owner::check_data_dir(config, &store).await?;
    update(config, &store, &schema).await?;
    if condition == (Condition::Sound { in_full: false }) {
        let (store, newest) = (store.clone(), restoring(config));
        tokio::spawn(async move { look_in_full(&store, &newest).await });
    }
    Ok(store)
}

/// Why a server must not work with a database in this condition, and what to do.
pub fn trouble(config: &Config, condition: &Condition) -> Option<String> {
    let place = match &config.database {
        Database::Sqlite(path) => path.display().to_string(),
        Database::Postgres(_) => "the Postgres database".to_owned(),
    };
    let how = restoring(config);
    match condition {
        Condition::Sound { .. } => None,
        Condition::Absent => signs_of_use(config).map(|sign| {
            format!(
                "the database {place} is missing or empty, although {} has been in use ({sign} is there); nothing was \
                 changed. If another database was used before, name it (--database-url). {how}",
                config.data_dir.display()
            )
        }),
        Condition::LogAlone => Some(format!(
            "the database {place} is missing or empty, but its write-ahead log is there; nothing was changed. Put the \
             database file back beside its log. {how}"
        )),
        Condition::Damaged(what) => {
            Some(format!("the database {place} is damaged ({what}); it was left as it is. {how}"))
        }
        Condition::WrongEncoding(encoding) => Some(wrong_encoding(encoding)),
    }
}

/// What to do about a Postgres database that can't hold every text.
pub fn wrong_encoding(encoding: &str) -> String {
    format!(
        "the Postgres database has the encoding {encoding}, and Cardume needs UTF8; nothing was changed. Make a database \
         with `createdb --encoding=UTF8 --template=template0 NAME`, and name it with --database-url (`cardume backup` and \
         `cardume restore` move what is in this one)"
    )
}

/// What to do where a database is lost.
fn restoring(config: &Config) -> String {
    let dir = config.backup.dir(&config.data_dir);
    let command = |file: &Path| format!("`cardume restore {} --data-dir DIR`", file.display());
    match backups::list(&dir).unwrap_or_default().first() {
        Some(newest) => format!("The newest backup can be restored into a new directory: {}", command(&newest.path)),
        None => format!(
            "There is no backup in {}; one from elsewhere can be restored into a new directory: {}",
            dir.display(),
            command(Path::new("FILE"))
        ),
    }
}

/// What there is only after a server worked in the data directory.
fn signs_of_use(config: &Config) -> Option<&'static str> {
    let has_entries = |name: &&str| {
        let dir = config.data_dir.join(name);
        dir.read_dir().is_ok_and(|mut entries| entries.next().is_some())
    };
    let has_backups = || !backups::list(&config.data_dir.join("backups")).unwrap_or_default().is_empty();
    ["executions", "worktrees"].into_iter().find(has_entries).or_else(|| has_backups().then_some("backups"))
}

/// Why this Cardume cannot work with the schema, if it cannot.
pub fn too_new(schema: &Schema) -> Option<String> {
    let newest = schema.unknown.last()?;
    Some(format!(
        "the database was used by a newer Cardume (its schema has migration {newest}, and version {} does not know it); \
         start the newer one, or restore the backup that was made before the update",
        env!("CARGO_PKG_VERSION")
    ))
}

/// Brings the schema up to date, behind a backup. What fails leaves the database as it was.
async fn update(config: &Config, store: &Store, schema: &Schema) -> anyhow::Result<()> {
    if let Some(trouble) = too_new(schema) {
        bail!(trouble);
    }
    if schema.pending.is_empty() {
        return Ok(());
    }
    if !schema.applied.is_empty() {
        tracing::info!(migrations = ?schema.pending, "the database is about to be brought up to date; a backup is made first");
        let file = back_up(config, store).await.context(
            "the database must be brought up to date, and the backup before it failed; nothing was changed. Mend that, \
             and start again",
        )?;
        tracing::info!(file = %file.display(), "a backup was made");
    }
    store.migrate().await.context("the database could not be brought up to date, and is as it was before")
}

async fn back_up(config: &Config, store: &Store) -> anyhow::Result<std::path::PathBuf> {
    let dir = config.backup.dir(&config.data_dir);
    make_dir(&dir)?;
    let now = crate::server::now();
    let file = dir.join(backups::name(Kind::BeforeUpdate, now));
    let made = backup::make(store, &config.data_dir, &file, now).await?;
    for missing in made.missing {
        tracing::warn!("not in the backup: {missing}");
    }
    backups::rotate(&dir, Kind::BeforeUpdate, config.backup.keep)?;
    Ok(file)
}

/// Makes the directory of backups, for this user only.
pub fn make_dir(dir: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.with_context(|| format!("cannot make {}", dir.display()))
}

/// The look that was put off.
async fn look_in_full(store: &Store, how: &str) {
    match store.faults().await {
        Ok(faults) if faults.is_empty() => tracing::info!("every page of the database was looked at; all is well"),
        Ok(faults) => {
            let what = faults.join("; ");
            tracing::error!("the database is damaged ({what}); stop Cardume before it is used any further. {how}");
            store.note_damage();
        }
        Err(error) => tracing::warn!(%error, "the database could not be looked at in full"),
    }
}
