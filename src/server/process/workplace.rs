//! An execution's directory: what the server asks of the supervisor, and what the supervisor leaves.
//!
//! | file | written by | says |
//! |---|---|---|
//! | `order.json`, `prompt.md` | server | what to start, and its standard input |
//! | `lock` | supervisor | held (`flock`) as long as it lives: no process number, so nothing to mistake for another |
//! | `started` | supervisor | before the agent starts: from here on it is never started again |
//! | `journal` | supervisor | what the agent printed |
//! | `cancel` | server | end it |
//! | `exit.json` | supervisor | how it ended, by temporary file, fsync and rename |

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;

/// The version of what server and supervisor say to each other.
pub const VERSION: u32 = 1;

impl Order {
    pub const VERSION: u32 = VERSION;
}

/// What to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub version: u32,
    /// Program and arguments; never a shell line.
    pub argv: Vec<String>,
    /// Where it starts.
    pub worktree: PathBuf,
    /// Added to the environment that the supervisor was started with.
    pub env: Vec<(String, String)>,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    pub version: u32,
    /// Exit status; 128 + n where signal n ended it; `None` where it could not be started.
    pub exit_code: Option<i32>,
    /// Why it could not be started.
    pub error: Option<String>,
    /// It was asked to end before it did.
    pub cancelled: bool,
    pub ended_at: Timestamp,
    /// The journal's whole length.
    pub journal_bytes: u64,
    /// How many lines (and pieces of lines) the journal holds.
    pub records: u64,
}

/// Where an execution's process stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// No supervisor has started the agent, and none lives.
    NotStarted,
    /// The supervisor lives.
    Alive,
    Ended(Exit),
    /// It was started, its supervisor is gone, and it left no exit status.
    Gone,
}

/// The directory of one execution.
#[derive(Clone, Debug)]
pub struct Workplace {
    dir: PathBuf,
}

impl Workplace {
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    pub fn journal(&self) -> PathBuf {
        self.dir.join("journal")
    }

    pub fn prompt(&self) -> PathBuf {
        self.dir.join("prompt.md")
    }

    /// Writes the order and the prompt, durably. Does nothing where they are written already.
    pub fn prepare(&self, order: &Order, prompt: &str) -> anyhow::Result<()> {
        if self.order_path().exists() {
            return Ok(());
        }
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
        self.replace("prompt.md", prompt.as_bytes())?;
        self.replace("order.json", &serde_json::to_vec_pretty(order)?)?;
        Ok(())
    }

    pub fn order(&self) -> anyhow::Result<Order> {
        let order: Order = serde_json::from_slice(&fs::read(self.order_path())?).context("order.json")?;
        anyhow::ensure!(order.version == VERSION, "order.json is of version {}, and I know {VERSION}", order.version);
        Ok(order)
    }

    /// Starts a supervisor for this directory. Harmless to repeat: of several, one starts the agent, once.
    /// `program` is this same binary; the supervisor gets the environment less the server's secrets.
    pub fn launch(&self, program: &Path) -> anyhow::Result<tokio::process::Child> {
        let log = self.open_append("supervisor.log")?;
        let mut command = tokio::process::Command::new(program);
        command.arg0("cardume").arg("supervise").arg(&self.dir).current_dir(&self.dir);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        for (name, _) in std::env::vars_os() {
            if name == "DATABASE_URL" || name.to_string_lossy().starts_with("CARDUME_") {
                command.env_remove(name);
            }
        }
        Ok(command.spawn()?)
    }

    /// Where the process stands, by what is on disk and by the lock.
    pub fn presence(&self) -> anyhow::Result<Presence> {
        // The order matters: the exit status is written while the lock is held, so who finds the lock free and no exit
        // status afterwards will never find one.
        if let Some(exit) = self.exit()? {
            return Ok(Presence::Ended(exit));
        }
        if self.is_locked()? {
            return Ok(Presence::Alive);
        }
        Ok(match self.exit()? {
            Some(exit) => Presence::Ended(exit),
            None if self.has_started() => Presence::Gone,
            None => Presence::NotStarted,
        })
    }

    /// What supervisors wrote to their own standard error: why one does not start.
    pub fn supervisor_log(&self) -> String {
        let log = fs::read(self.dir.join("supervisor.log")).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(2000)..]).trim().to_owned()
    }

    /// Asks the supervisor to end the agent and all that it started.
    pub fn ask_to_cancel(&self) -> io::Result<()> {
        self.open_append("cancel").map(drop)
    }

    /// Kills a supervisor that does not do as asked. Safe: as long as the lock is held, the number that it noted is its
    /// own and nobody else's.
    pub fn kill_supervisor(&self) {
        let pid = || fs::read_to_string(self.dir.join("started")).ok()?.trim().parse().ok();
        if self.is_locked().unwrap_or(false)
            && let Some(pid) = pid()
        {
            super::tree::signal_all(&[pid], rustix::process::Signal::KILL);
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.dir.join("cancel").exists()
    }

    pub(super) fn has_started(&self) -> bool {
        self.dir.join("started").exists()
    }

    pub(super) fn mark_started(&self) -> io::Result<()> {
        self.replace("started", format!("{}\n", std::process::id()).as_bytes())
    }

    pub(super) fn leave(&self, exit: &Exit) -> io::Result<()> {
        self.replace("exit.json", &serde_json::to_vec_pretty(exit)?)
    }

    pub fn exit(&self) -> anyhow::Result<Option<Exit>> {
        match fs::read(self.dir.join("exit.json")) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).context("exit.json")?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the lock for as long as the file lives. `None` where another process has it.
    pub(super) fn lock(&self) -> io::Result<Option<File>> {
        let file = self.open_append("lock")?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn is_locked(&self) -> io::Result<bool> {
        // Shared, so that two who only ask do not see each other.
        let file = match File::open(self.dir.join("lock")) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn order_path(&self) -> PathBuf {
        self.dir.join("order.json")
    }

    fn open_append(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().create(true).append(true).mode(0o600).open(self.dir.join(name))
    }

    /// Writes a whole file so that after a crash it is there with all its bytes, or not at all.
    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.dir.join(format!(".{name}.new"));
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, self.dir.join(name))?;
        File::open(&self.dir)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workplace() -> (tempfile::TempDir, Workplace) {
        let dir = tempfile::tempdir().unwrap();
        let workplace = Workplace::at(dir.path().join("execution"));
        let order = Order { version: VERSION, argv: vec!["true".into()], worktree: "/".into(), env: vec![] };
        workplace.prepare(&order, "prompt").unwrap();
        (dir, workplace)
    }

    #[test]
    fn presence_follows_the_files_and_the_lock() {
        let (_dir, workplace) = workplace();
        assert_eq!(workplace.presence().unwrap(), Presence::NotStarted);
        let lock = workplace.lock().unwrap().expect("the lock is free");
        assert_eq!(workplace.presence().unwrap(), Presence::Alive);
        assert!(workplace.lock().unwrap().is_none(), "two supervisors held one lock");
        workplace.mark_started().unwrap();
        drop(lock);
        assert_eq!(workplace.presence().unwrap(), Presence::Gone);
        let exit = Exit {
            version: VERSION,
            exit_code: Some(0),
            error: None,
            cancelled: false,
            ended_at: Timestamp::from_millis(1),
            journal_bytes: 0,
            records: 0,
        };
        workplace.leave(&exit).unwrap();
        assert_eq!(workplace.presence().unwrap(), Presence::Ended(exit));
    }

    #[test]
    fn preparing_twice_keeps_the_first_order() {
        let (_dir, workplace) = workplace();
        let other = Order { version: VERSION, argv: vec!["false".into()], worktree: "/".into(), env: vec![] };
        workplace.prepare(&other, "other").unwrap();
        assert_eq!(workplace.order().unwrap().argv, ["true"]);
    }
}
