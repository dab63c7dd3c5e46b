//! Making a backup: the database as of one moment, then what lies beside it.
//!
//! In this order, because journals only ever grow: copied after the snapshot they hold all that the snapshot has of them,
//! and maybe more. What the agents have not committed in their worktrees is in no backup, nor is `cardume.toml`.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tokio::sync::mpsc;

use super::archive::{self, Manifest, Piece, ProjectBranches, VERSION};
use super::placing::place_new;
use super::unfinished::{self, Unfinished};
use super::verify;
use crate::domain::{ExecutionId, Timestamp};
use crate::server::config::{Config, ServeOptions};
use crate::server::git::GitError;
use crate::server::git::bundle::{self, Tip};
use crate::server::store::{CardBranch, Condition, Database, Snapshot, Store, UnfinishedExecution};

/// How often it is begun again because executions went away while it was made.
const TRIES: u32 = 3;
/// What of an execution's directory is no part of a backup: nobody will hold the lock, and of how the agent ended after
/// the snapshot nothing else is in the backup.
const LEFT_OUT: [&str; 2] = ["lock", "exit.json"];

/// What was made.
pub struct Made {
    pub bytes: u64,
    /// What could not be part of it, a line each.
    pub missing: Vec<String>,
}

/// `cardume backup FILE`: works on the database and the files; a server may be running or not. Answers a line.
pub fn run(file: &Path, options: &ServeOptions) -> anyhow::Result<String> {
    let runtime = tokio::runtime::Runtime::new()?;
    let made = runtime.block_on(async {
        let config = Config::read(options)?;
        let store = connect_beside(&config).await?;
        let made = make(&store, &config.data_dir, file, crate::server::now()).await;
        store.close().await;
        made
    })?;
    let mut said = format!("{}: {} bytes, checked\n", file.display(), made.bytes);
    made.missing.iter().for_each(|missing| said.push_str(&format!("not in it: {missing}\n")));
    Ok(said)
}

async fn connect_beside(config: &Config) -> anyhow::Result<Store> {
    match Condition::of(&config.database, 0).await.context("the database cannot be opened")? {
        // What is in it can be moved to a better one.
        Condition::Sound { .. } | Condition::WrongEncoding(_) => {}
        Condition::Absent | Condition::LogAlone => match &config.database {
            Database::Sqlite(path) => bail!("there is no database at {}; nothing was backed up", path.display()),
            Database::Postgres(_) => bail!("the database is empty; nothing was backed up"),
        },
        Condition::Damaged(what) => bail!("the database is damaged ({what}); nothing was backed up"),
    }
    Store::connect_beside(&config.database).await.context("the database cannot be opened")
}

/// Makes a backup and checks it. `target` must not be there, and is there only once it is whole.
pub async fn make(store: &Store, data_dir: &Path, target: &Path, now: Timestamp) -> anyhow::Result<Made> {
    let target = std::path::absolute(target)?;
    let shown = target.display();
    if std::fs::symlink_metadata(&target).is_ok() {
        bail!("{shown} is there already; a backup never takes the place of another file");
    }
    // Of backups that were killed. Where that isn't possible, making one fails too, and says why.
    let _ = unfinished::remove_leftovers(target.parent().unwrap_or(Path::new("/")));
    let unfinished = Unfinished::create(&target)?;
    let bundle = unfinished.bundle();
    let mut tries = 0;
    let missing = loop {
        tries += 1;
        match write(store, data_dir, unfinished.emptied()?, &bundle.0, (now, tries == TRIES)).await? {
            Some(missing) => break missing,
            None => tracing::debug!("executions went away while a backup was made; making it again"),
        }
    };
    fail::fail_point!("backup::written");
    let path = unfinished.path().to_owned();
    let bytes = tokio::task::spawn_blocking(move || {
        verify::verify(&path).map(|_| ())?;
        anyhow::Ok(path.metadata()?.len())
    });
    let bytes = bytes.await?.context("the backup that was just written cannot be read back")?;
    place_new(unfinished.path(), &target).with_context(|| format!("the backup cannot be put at {shown}"))?;
    Ok(Made { bytes, missing })
}

/// `None` where an execution of the snapshot was gone when its directory was to be copied.
async fn write(
    store: &Store,
    data_dir: &Path,
    to: File,
    bundle: &Path,
    (now, is_last_try): (Timestamp, bool),
) -> anyhow::Result<Option<Vec<String>>> {
    let (pieces, taken) = mpsc::channel(1);
    let writer = tokio::task::spawn_blocking(move || archive::write(to, taken));
    let source = Source { pieces, data_dir, bundle, now, is_last_try, missing: vec![] };
    let sent = source.send_all(store).await;
    let written = writer.await?;
    match sent {
        Ok(Some(missing)) => written.map(|()| Some(missing)),
        Ok(None) => Ok(None),
        // The writer went away first, and knows why.
        Err(error) if error.is::<WriterGone>() => written.and(Err(error)),
        Err(error) => Err(error),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the backup cannot be written")]
struct WriterGone;

struct Source<'a> {
    pieces: mpsc::Sender<Piece>,
    data_dir: &'a Path,
    /// Where bundles may lie for a moment.
    bundle: &'a Path,
    now: Timestamp,
    is_last_try: bool,
    missing: Vec<String>,
}

impl Source<'_> {
    async fn send_all(mut self, store: &Store) -> anyhow::Result<Option<Vec<String>>> {
        let mut snapshot = store.snapshot().await?;
        let migrations = snapshot.migrations().await?;
        let unfinished = snapshot.unfinished().await?;
        let branches = snapshot.branches().await?;
        let engine = snapshot.engine().to_owned();
        let tables = self.send_tables(snapshot).await?;
        let mut without_journal = 0;
        for execution in &unfinished {
            if !self.send_execution(execution).await? {
                if !self.is_last_try {
                    return Ok(None);
                }
                without_journal += 1;
            }
        }
        if without_journal > 0 {
            self.missing.push(self.missing_journals(without_journal));
        }
        let projects = self.send_bundles(branches).await?;
        let manifest = Manifest {
            version: VERSION,
            cardume: env!("CARGO_PKG_VERSION").to_owned(),
            created_at: self.now,
            engine,
            migrations,
            tables,
            unfinished: unfinished.iter().map(|execution| execution.id).collect(),
            projects,
            members: vec![],
        };
        self.send(Piece::Manifest(Box::new(manifest))).await?;
        Ok(Some(self.missing))
    }

    async fn send(&self, piece: Piece) -> anyhow::Result<()> {
        self.pieces.send(piece).await.map_err(|_| WriterGone.into())
    }

    async fn send_tables(&self, mut snapshot: Snapshot) -> anyhow::Result<Vec<(String, u64)>> {
        let (sender, mut parts) = mpsc::channel(1);
        let dump = async move { snapshot.dump(&sender).await };
        let forward = async move {
            let mut tables: Vec<(String, u64)> = vec![];
            let mut number = 0;
            while let Some(part) = parts.recv().await {
                number += 1;
                match tables.last_mut().filter(|(table, _)| *table == part.table) {
                    Some((_, rows)) => *rows += part.rows,
                    None => tables.push((part.table.clone(), part.rows)),
                }
                let name = format!("database/{number:06}-{}.jsonl", part.table);
                self.send(Piece::Bytes { name, bytes: part.text }).await?;
            }
            anyhow::Ok(tables)
        };
        let (dumped, tables) = tokio::join!(dump, forward);
        let tables = tables?;
        dumped?;
        Ok(tables)
    }

    /// The execution's directory. False where there is none any more although there was one.
    async fn send_execution(&self, execution: &UnfinishedExecution) -> anyhow::Result<bool> {
        let dir = self.data_dir.join("executions").join(execution.id.to_string());
        // As long as no agent has started there is nothing in it that would not be made again.
        if !dir.join("started").exists() {
            return Ok(execution.journal_offset == 0 && (dir.exists() || !execution.is_prepared));
        }
        let id = execution.id;
        let files = tokio::task::spawn_blocking(move || open_files(&dir, id)).await?;
        let Some(files) = files.context("the directory of a running execution cannot be read")? else {
            return Ok(false);
        };
        for piece in files {
            self.send(piece).await?;
        }
        Ok(true)
    }

    fn missing_journals(&self, count: usize) -> String {
        let (journals, runs) = if count == 1 { ("journal", "run") } else { ("journals", "runs") };
        format!(
            "the {journals} of {count} unfinished {runs}: not in {}. After a restore, what they printed and the database \
             doesn't have yet is missing. If that is not the data directory of this database, make the backup again with \
             the right --data-dir",
            self.data_dir.join("executions").display()
        )
    }

    async fn send_bundles(&mut self, branches: Vec<CardBranch>) -> anyhow::Result<Vec<ProjectBranches>> {
        let mut projects: Vec<ProjectBranches> = vec![];
        for group in branches.chunk_by(|one, other| one.project == other.project) {
            let (id, repository) = (group[0].project, PathBuf::from(&group[0].repository));
            let kept = group.iter().map(|branch| format!("refs/cardume/{}", branch.card));
            let names: Vec<String> = group.iter().map(|branch| branch.branch.clone()).chain(kept).collect();
            match self.bundle(&repository, &names).await {
                Ok((tips, bundle)) => {
                    if let Some(file) = bundle {
                        let length = file.metadata()?.len();
                        self.send(Piece::File { name: format!("bundles/{id}.bundle"), file, length }).await?;
                    }
                    let branches = tips.into_iter().map(|tip| (tip.branch, tip.commit)).collect();
                    projects.push(ProjectBranches { id, repository, branches });
                }
                // Of a repository that is away for now the rest is kept all the same.
                Err(error) => self.missing.push(format!("the branches in {}: {error}", repository.display())),
            }
        }
        Ok(projects)
    }

    async fn bundle(&self, repository: &Path, names: &[String]) -> Result<(Vec<Tip>, Option<File>), GitError> {
        let _ = std::fs::remove_file(self.bundle);
        let tips = bundle::tips(repository, names).await?;
        if tips.is_empty() || !bundle::create(repository, &tips, self.bundle).await? {
            return Ok((tips, None));
        }
        let failed = |error: std::io::Error| GitError::Failed { command: "bundle".into(), message: error.to_string() };
        let file = File::open(self.bundle).map_err(failed)?;
        // Open, it can be read to its end without its name.
        std::fs::remove_file(self.bundle).map_err(failed)?;
        Ok((tips, Some(file)))
    }
}

/// All files of an execution's directory that belong into a backup. `None` where the directory has gone.
fn open_files(dir: &Path, id: ExecutionId) -> std::io::Result<Option<Vec<Piece>>> {
    let mut pieces = vec![];
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !entry.file_type()?.is_file() || !verify::is_plain_file(&name) || LEFT_OUT.contains(&name.as_str()) {
            continue;
        }
        let file = match File::open(entry.path()) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let length = if name == "journal" { whole_records(&file)? } else { file.metadata()?.len() };
        pieces.push(Piece::File { name: format!("executions/{id}/{name}"), file, length });
    }
    Ok(Some(pieces))
}

/// How long the journal is up to its last line feed: the supervisor may be in the middle of a record.
fn whole_records(journal: &File) -> std::io::Result<u64> {
    let mut end = journal.metadata()?.len();
    let mut buffer = vec![0; 64 * 1024];
    while end > 0 {
        let count = end.min(buffer.len() as u64);
        journal.read_exact_at(&mut buffer[..count as usize], end - count)?;
        if let Some(index) = buffer[..count as usize].iter().rposition(|byte| *byte == b'\n') {
            return Ok(end - count + index as u64 + 1);
        }
        end -= count;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_copied_to_the_end_of_its_last_record() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let long = "x".repeat(200_000);
        for (text, length) in [("", 0), ("abc", 0), ("abc\n", 4), ("abc\nde", 4), (&format!("abc\n{long}"), 4)] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(whole_records(&File::open(&path).unwrap()).unwrap(), length);
        }
    }
}
