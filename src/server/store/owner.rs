//! Who owns the database: which server may write to it, and which data directory its executions are in.
//!
//! The lock says who may; the row `server_owner` says under which number, and to which data directory it belongs. What
//! a wrong data directory means is not decided here.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use uuid::Uuid;

use super::connection::Engine;
use super::decode::parse;
use super::lock_file::LockFile;
use super::session_lock::SessionLock;
use super::{CardId, Database, Store, StoreError, Stored, catalog};

/// Behind the name of an SQLite file.
const LOCK_SUFFIX: &str = ".server-lock";
const TAKE_OVER: &str = "insert into server_owner (id, generation, holder) values (1, 1, $1)
                         on conflict (id) do update
                         set generation = server_owner.generation + 1, holder = excluded.holder
                         returning generation";

/// A server, as it tells others where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// `http://HOST:PORT`, once it listens.
    pub address: Option<String>,
    pub data_dir: PathBuf,
    pub host: String,
    pub pid: u32,
    /// The Postgres session that holds the lock.
    pub session: Option<i32>,
}

impl Holder {
    pub fn this_process(data_dir: &Path) -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Self { address: None, data_dir: data_dir.to_owned(), host, pid: std::process::id(), session: None }
    }

    /// Without paths, for everybody who can call the server.
    pub fn without_paths(&self) -> String {
        let address = self.address.as_ref().map(|address| format!("{address}, ")).unwrap_or_default();
        format!("{address}on host {}, process {}", self.host, self.pid)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, data directory {}", self.without_paths(), self.data_dir.display())
    }
}

/// The data directory that a database belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    pub id: Uuid,
    /// Where it was when it was last served.
    pub path: PathBuf,
}

/// The lock of the one server of a database. Held until it is dropped, or broken from outside.
#[derive(Debug)]
pub enum DatabaseLock {
    /// SQLite: on a file beside the database.
    File(LockFile),
    /// Postgres: in the database.
    Session(SessionLock),
}

/// What an attempt to take the lock came to.
#[derive(Debug)]
pub enum Attempt {
    Taken(DatabaseLock),
    /// Another server has it, and may have said who it is.
    HeldBy(Option<Box<Holder>>),
}

/// Why a lock can be neither taken nor found held.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("the lock file {} cannot be used ({error}). Move away what is there, or mend its owner and permissions", path.display())]
    File { path: PathBuf, error: std::io::Error },
    #[error(transparent)]
    Database(#[from] StoreError),
}

impl DatabaseLock {
    /// Takes the lock, unless another server has it. Touches nothing in the database.
    pub async fn try_take(database: &Database) -> Result<Attempt, LockError> {
        match database {
            Database::Sqlite(path) => {
                let path = lock_path(path);
                match LockFile::try_take(&path) {
                    Ok(Some(lock)) => Ok(Attempt::Taken(Self::File(lock))),
                    Ok(None) => Ok(Attempt::HeldBy(LockFile::holder(&path).map(Box::new))),
                    Err(error) => Err(LockError::File { path, error }),
                }
            }
            Database::Postgres(url) => match SessionLock::try_take(url).await.map_err(StoreError::from)? {
                Some(lock) => Ok(Attempt::Taken(Self::Session(lock))),
                None => {
                    let holder = SessionLock::held_by(url).await.map_err(StoreError::from)?;
                    Ok(Attempt::HeldBy(holder.flatten().map(Box::new)))
                }
            },
        }
    }

    /// Who holds the lock now: the outer `None` if nobody does, the inner one if the holder has not said who it is.
    pub async fn held_by(database: &Database) -> Result<Option<Option<Holder>>, LockError> {
        match database {
            Database::Sqlite(path) => {
                let path = lock_path(path);
                match LockFile::is_held(&path) {
                    Ok(is_held) => Ok(is_held.then(|| LockFile::holder(&path))),
                    Err(error) => Err(LockError::File { path, error }),
                }
            }
            Database::Postgres(url) => Ok(SessionLock::held_by(url).await.map_err(StoreError::from)?),
        }
    }

    /// The Postgres session that holds it.
    pub fn session(&self) -> Option<i32> {
        match self {
            Self::File(_) => None,
            Self::Session(lock) => Some(lock.session),
        }
    }

    /// Takes the database over: every write under an earlier number is refused from now on, and one that is being made
    /// is waited for. Answers the new number.
    pub async fn take_over(&mut self, store: &Store, holder: &Holder) -> Stored<i64> {
        match self {
            Self::File(_) => {
                let mut tx = store.begin_unproven().await?;
                let generation = sqlx::query_scalar(TAKE_OVER).bind(told(holder)?).fetch_one(&mut *tx).await?;
                tx.commit().await?;
                store.announce(self, holder).await?;
                Ok(generation)
            }
            Self::Session(lock) => Ok(lock.take_over(TAKE_OVER, told(holder)?).await?),
        }
    }

    /// Whether the lock is still held. On Postgres the database says in the same answer whether it is still written under
    /// `generation`; on SQLite only what writes asks that, because reading may have to wait.
    pub async fn is_held_under(&mut self, generation: i64) -> Stored<bool> {
        match self {
            Self::File(lock) => Ok(lock.is_in_place()),
            Self::Session(lock) => Ok(lock.generation().await? == Some(generation)),
        }
    }
}

/// Beside the file that the path leads to, so that every name of a database leads to the same lock.
fn lock_path(database: &Path) -> PathBuf {
    let real = database.canonicalize().ok().or_else(|| {
        let (folder, name) = (database.parent()?.canonicalize().ok()?, database.file_name()?);
        Some(folder.join(name))
    });
    let mut name = real.unwrap_or_else(|| database.to_owned()).into_os_string();
    name.push(LOCK_SUFFIX);
    name.into()
}

#[derive(FromRow)]
struct BindingRow {
    data_dir_id: Option<String>,
    data_dir: Option<String>,
}

impl Store {
    /// Tells others who serves the database.
    pub async fn announce(&self, lock: &DatabaseLock, holder: &Holder) -> Stored<()> {
        match lock {
            DatabaseLock::File(file) => Ok(file.announce(holder).map_err(sqlx::Error::Io)?),
            DatabaseLock::Session(_) => {
                let query = sqlx::query("update server_owner set holder = $1 where id = 1").bind(told(holder)?);
                self.write(query).await.map(drop)
            }
        }
    }

    /// The number under which the database may be written now.
    pub(super) async fn generation(&self) -> Stored<Option<i64>> {
        let generation = sqlx::query_scalar("select generation from server_owner where id = 1");
        Ok(generation.fetch_optional(self.reader()).await?)
    }

    /// The data directory that the database belongs to; `None` if no server has bound it yet.
    pub async fn binding(&self) -> Stored<Option<Binding>> {
        let mut connection = self.reader().acquire().await?;
        if !catalog::has_table(&mut connection, self.connection.engine, "server_owner").await? {
            return Ok(None);
        }
        let row: Option<BindingRow> = sqlx::query_as("select data_dir_id, data_dir from server_owner where id = 1")
            .fetch_optional(&mut *connection)
            .await?;
        let Some(BindingRow { data_dir_id: Some(id), data_dir }) = row else { return Ok(None) };
        Ok(Some(Binding { id: parse_id(&id)?, path: data_dir.unwrap_or_default().into() }))
    }

    /// Binds the database to a data directory. Worktrees that were in the old one are expected in the new one.
    pub async fn bind(&self, binding: &Binding) -> Stored<()> {
        let old = self.binding().await?;
        if old.as_ref() == Some(binding) {
            return Ok(());
        }
        let mut tx = self.begin_board().await?;
        sqlx::query("update server_owner set data_dir_id = $1, data_dir = $2 where id = 1")
            .bind(binding.id.to_string())
            .bind(binding.path.to_string_lossy().into_owned())
            .execute(&mut *tx)
            .await?;
        if let Some(old) = old.filter(|old| old.path != binding.path) {
            let places: Vec<(String, String)> =
                sqlx::query_as("select id, worktree_path from cards where worktree_path is not null")
                    .fetch_all(&mut *tx)
                    .await?;
            for (card, _) in places.iter().filter(|(_, place)| Path::new(place).starts_with(&old.path)) {
                let id: CardId = parse(card)?;
                let place = binding.path.join("worktrees").join(id.to_string());
                sqlx::query("update cards set worktree_path = $2 where id = $1")
                    .bind(card.as_str())
                    .bind(place.to_string_lossy().into_owned())
                    .execute(&mut *tx)
                    .await?;
            }
        }
        tx.commit().await
    }

    /// How many executions have not ended.
    pub async fn running_count(&self) -> Stored<i64> {
        let count = sqlx::query_scalar("select count(*) from executions where status = 'running'");
        Ok(count.fetch_one(self.reader()).await?)
    }

    pub(super) fn is_on_postgres(&self) -> bool {
        self.connection.engine == Engine::Postgres
    }
}

fn told(holder: &Holder) -> Stored<String> {
    serde_json::to_string(holder).map_err(|error| StoreError::Database(sqlx::Error::Encode(error.into())))
}

fn parse_id(text: &str) -> Stored<Uuid> {
    Uuid::parse_str(text).map_err(|error| StoreError::Database(sqlx::Error::Decode(error.into())))
}
