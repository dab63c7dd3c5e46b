//! Restoring a backup: all of it is checked before anything is written, and what is written gets its name only once it
//! is whole.
//!
//! The new data directory is built beside its place and renamed; a Postgres database is filled in one transaction, which
//! is committed after that. So whatever interrupts it, there is either nothing new or all of it.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use tokio::sync::mpsc;

use super::archive::Manifest;
use super::opening;
use super::placing::{Scratch, sync_parent};
use super::verify::{self, Member, Verified};
use crate::server::git::bundle::{self, Brought, Tip};
use crate::server::store::{Condition, Database, Filling};

/// The name of a directory that is being restored: `.NAME` and this.
const UNFINISHED: &str = ".restoring";

/// `cardume restore FILE --data-dir DIR`
#[derive(Clone, Debug, clap::Args)]
pub struct RestoreOptions {
    /// The backup
    pub file: PathBuf,
    /// Where to restore it: a directory that is empty, or not there yet
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
    /// Restore into this Postgres database, which must be empty, instead of SQLite in DIR
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,
}

/// Restores, and answers what there is to say.
pub fn run(options: &RestoreOptions) -> anyhow::Result<String> {
    let target = std::path::absolute(&options.data_dir).context("cannot tell where the data directory is")?;
    ensure_empty(&target)?;
    let url = options.database_url.as_deref().filter(|url| !url.is_empty());
    let postgres = match url.map(crate::server::config::database_at).transpose()? {
        Some(Database::Sqlite(_)) => bail!("SQLite is restored into the data directory; leave --database-url out"),
        postgres => postgres,
    };
    let backup = Arc::new(verify::verify(&options.file)?);
    ensure_room(&backup, &target)?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(restore(backup, &target, postgres))
}

async fn restore(backup: Arc<Verified>, target: &Path, postgres: Option<Database>) -> anyhow::Result<String> {
    let (building, _lock) = make_beside(target)?;
    if let Some(database) = &postgres
        && let Ok(Condition::WrongEncoding(encoding)) = Condition::of(database, 0).await
    {
        bail!(opening::wrong_encoding(&encoding));
    }
    let database = postgres.unwrap_or_else(|| Database::Sqlite(building.0.join("cardume.db")));
    let mut filling = Filling::begin(&database, &backup.manifest.migrations).await?;
    unpack(backup.clone(), &building.0, &mut filling).await?;
    filling.move_worktrees(&target.join("worktrees")).await?;
    // SQLite's file is a part of the directory and has to be whole before it gets its name; a Postgres database is not,
    // and keeps nothing if the directory does not come to its place.
    if matches!(database, Database::Sqlite(_)) {
        filling.commit().await.context("the backup's database cannot be restored")?;
        sync_all_in(&building.0)?;
        put_in_place(&building.0, target)?;
    } else {
        sync_all_in(&building.0)?;
        put_in_place(&building.0, target)?;
        if let Err(error) = filling.commit().await {
            let _ = fs::rename(target, &building.0);
            return Err(error).context("the backup's database cannot be restored");
        }
    }
    let mut said = summary(&backup.manifest, target, &database);
    bring_branches_back(&backup.manifest, target, &mut said).await;
    Ok(said)
}

fn ensure_empty(target: &Path) -> anyhow::Result<()> {
    let shown = target.display();
    match fs::read_dir(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("{shown} cannot be restored into; name another directory")),
        Ok(mut entries) => {
            ensure!(
                entries.next().is_none(),
                "{shown} is not empty, and nothing in it is touched; restore into a new directory"
            );
            Ok(())
        }
    }
}

fn ensure_room(backup: &Verified, target: &Path) -> anyhow::Result<()> {
    let there = target.ancestors().find(|ancestor| ancestor.is_dir()).unwrap_or(Path::new("/"));
    let room = rustix::fs::statvfs(there)?;
    let (free, needed) = (room.f_bavail.saturating_mul(room.f_frsize), backup.bytes());
    ensure!(free > needed, "{} has {free} bytes free, and the backup needs {needed}", there.display());
    Ok(())
}

/// A directory beside the target, locked so that nobody else builds in it, or takes it for a leftover.
fn make_beside(target: &Path) -> anyhow::Result<(Scratch, File)> {
    let name = target.file_name().and_then(|name| name.to_str()).context("the data directory's name is no text")?;
    let parent = target.parent().context("the root directory is no data directory")?;
    fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let building = parent.join(format!(".{name}{UNFINISHED}"));
    if let Ok(leftover) = File::open(&building) {
        ensure!(leftover.try_lock().is_ok(), "another restoration into {} is under way", target.display());
        fs::remove_dir_all(&building)?;
    }
    DirBuilder::new().mode(0o700).create(&building).with_context(|| format!("cannot make {}", building.display()))?;
    let lock = File::open(&building)?;
    ensure!(lock.try_lock().is_ok(), "another restoration into {} is under way", target.display());
    Ok((Scratch(building), lock))
}

/// Every member to its place.
async fn unpack(backup: Arc<Verified>, dir: &Path, filling: &mut Filling) -> anyhow::Result<()> {
    let tables = backup.manifest.tables.clone();
    ensure!(
        tables.iter().map(|(table, _)| table.as_str()).collect::<BTreeSet<_>>() == filling.tables(),
        "the backup does not have the rows of all tables"
    );
    let (sender, mut parts) = mpsc::channel(1);
    let dir = dir.to_owned();
    let reader = tokio::task::spawn_blocking(move || {
        backup.each(|member, content| match member {
            Member::Part(table) => {
                let mut text = String::new();
                content.read_to_string(&mut text)?;
                sender.blocking_send((table, text)).context("the rows cannot be stored")
            }
            Member::ExecutionFile(id, name) => write_new(&dir.join("executions").join(id.to_string()), &name, content),
            Member::Bundle(id) => write_new(&dir.join("bundles"), &format!("{id}.bundle"), content),
            Member::Manifest => Ok(()),
        })
    });
    let mut counts: Vec<(String, u64)> = vec![];
    while let Some((table, text)) = parts.recv().await {
        let rows = filling.add(&table, &text).await.context("the backup's database cannot be restored")?;
        match counts.last_mut().filter(|(last, _)| *last == table) {
            Some((_, count)) => *count += rows,
            None => counts.push((table, rows)),
        }
    }
    reader.await??;
    ensure!(counts == tables, "the backup does not have the rows that its manifest tells of");
    Ok(())
}

fn write_new(dir: &Path, name: &str, content: &mut dyn Read) -> anyhow::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(dir.join(name))?;
    io::copy(content, &mut file)?;
    Ok(())
}

fn sync_all_in(dir: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_all_in(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    Ok(File::open(dir)?.sync_all()?)
}

fn put_in_place(building: &Path, target: &Path) -> anyhow::Result<()> {
    // Takes the place of an empty directory, and of nothing else.
    fs::rename(building, target).with_context(|| format!("cannot put the data directory at {}", target.display()))?;
    Ok(sync_parent(target)?)
}

fn summary(manifest: &Manifest, target: &Path, database: &Database) -> String {
    let rows = |table: &str| manifest.tables.iter().find(|(name, _)| name == table).map_or(0, |(_, rows)| *rows);
    let mut said = format!(
        "restored {} of {}: {} projects, {} cards, {} executions, of which {} had not ended\n",
        target.display(),
        manifest.created_at,
        rows("projects"),
        rows("cards"),
        rows("executions"),
        manifest.unfinished.len()
    );
    let url = if matches!(database, Database::Postgres(_)) { " --database-url URL" } else { "" };
    said.push_str(&format!("serve it: cardume serve --data-dir {}{url}\n", target.display()));
    said
}

/// Branches that the projects' repositories lack. What cannot be brought back stays as a bundle, with a line that says
/// what to do.
async fn bring_branches_back(manifest: &Manifest, target: &Path, said: &mut String) {
    for project in &manifest.projects {
        let bundle = target.join("bundles").join(format!("{}.bundle", project.id));
        let bundle = Some(bundle).filter(|bundle| bundle.is_file());
        let is_hexadecimal = |commit: &str| commit.len() >= 40 && commit.chars().all(|c| c.is_ascii_hexdigit());
        let tips = project.branches.iter().filter(|(_, commit)| is_hexadecimal(commit));
        let tips: Vec<Tip> =
            tips.map(|(branch, commit)| Tip { branch: branch.clone(), commit: commit.clone() }).collect();
        let brought = match project.repository.is_dir() {
            true => bundle::bring_back(&project.repository, &tips, bundle.as_deref()).await.ok(),
            false => None,
        };
        let repository = project.repository.display();
        match (brought, &bundle) {
            (Some(Brought::All), Some(bundle)) => drop(fs::remove_file(bundle)),
            (Some(Brought::All), None) => {}
            (_, Some(bundle)) => said.push_str(&format!(
                "the branches of {repository} could not be brought back; put the repository there, then: git -C \
                 {repository} fetch {} 'refs/heads/cardume/*:refs/heads/cardume/*'\n",
                bundle.display()
            )),
            (_, None) if tips.is_empty() => {}
            (_, None) => said.push_str(&format!(
                "the branches of {repository} could not be brought back; their commits are in the repository's remote\n"
            )),
        }
    }
    let _ = fs::remove_dir(target.join("bundles"));
}
