//! An execution's directory: what the server asks of the supervisor, and what the supervisor leaves.
//!
//! | file | written by | says |
//! |---|---|---|
//! | `order.json`, `prompt.md` | server | what to start, and its standard input |
//! | `lock` | supervisor | held (`flock`) as long as it lives: no process number, so nothing to mistake for another |
//! | `started` | supervisor | before the agent starts: from here on it is never started again; who started it, in which boot |
//! | `journal` | supervisor | what the agent printed |
//! | `cancel` | server | end it |
//! | `exit.json` | supervisor | how it ended, by temporary file, fsync and rename |

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::tree::ProcessId;
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
    /// An agent that works longer is ended. Absent: it may take as long as it likes.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// An agent is ended once its journal has this many bytes. Absent: it may print as much as it likes.
    #[serde(default)]
    pub log_bytes: Option<u64>,
    /// The branch's commit when the stage began, for a database that has forgotten it.
    #[serde(default)]
    pub base_commit: Option<String>,
    /// The repository as it was before the agent started, for the server to compare with.
    #[serde(default)]
    pub repository: Option<serde_json::Value>,
    /// How many files the agent may have open, where the server's own limit is another one.
    #[serde(default)]
    pub open_files: Option<u64>,
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
    /// It was ended because it took longer than its order allows.
    #[serde(default)]
    pub timed_out: bool,
    /// It was ended because its journal had reached this many bytes.
    #[serde(default)]
    pub log_limit: Option<u64>,
    pub ended_at: Timestamp,
    /// The journal's whole length.
    pub journal_bytes: u64,
    /// How many lines (and pieces of lines) the journal holds.
    pub records: u64,
    /// The digest of all records, in hexadecimal digits. Absent from supervisors that did not know of it.
    #[serde(default)]
    pub digest: Option<String>,
}

/// Which supervisor started the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    #[serde(flatten)]
    process: Option<ProcessId>,
    boot_id: Option<String>,
}

/// Where an execution's process stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// No supervisor has started the agent, and none lives.
    NotStarted,
    /// The supervisor lives.
    Alive,
    Ended(Exit),
    /// It was started, its supervisor is gone, and it left no exit status that can be read.
    Gone {
        /// The machine has been started again since.
        rebooted: bool,
    },
}

/// A supervisor of another version has left something that this Cardume must not guess at.
#[derive(Debug, thiserror::Error)]
#[error("{file} in the execution's directory is of version {version}, and this Cardume knows version {VERSION}")]
pub struct UnknownVersion {
    pub file: &'static str,
    pub version: u64,
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
        read_versioned("order.json", &fs::read(self.order_path())?)
    }

    /// Starts a supervisor for this directory. Harmless to repeat: of several, one starts the agent, once.
    /// `program` is this same binary; the supervisor gets the environment less the server's secrets.
    pub fn launch(&self, program: &Path) -> anyhow::Result<tokio::process::Child> {
        let log = self.open_append("supervisor.log")?;
        let mut command = tokio::process::Command::new(program);
        command.arg0("cardume").arg("supervise").arg(&self.dir).current_dir(&self.dir);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        for name in super::environment::secrets() {
            command.env_remove(name);
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
            None if self.has_started() || self.exit_path().exists() => {
                Presence::Gone { rebooted: self.is_of_another_boot() }
            }
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

    /// Makes sure that a supervisor which comes late does not start the agent any more. One that has the lock already goes
    /// on: ask for its presence after this.
    pub fn withdraw(&self) -> io::Result<()> {
        if !self.dir.exists() {
            return Ok(());
        }
        match self.ask_to_cancel() {
            Ok(()) => Ok(()),
            // On a full disk nothing can be written, but something can be removed. No order: no start.
            Err(_) => match fs::remove_file(self.order_path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        }
    }

    /// Kills a supervisor that does not do as asked: the process that `started` names, and none that has merely come to
    /// its number.
    pub fn kill_supervisor(&self) {
        if self.is_locked().unwrap_or(false)
            && !self.is_of_another_boot()
            && let Some(process) = self.started().and_then(|started| started.process)
        {
            super::tree::signal_all(&[process], rustix::process::Signal::KILL);
        }
    }

    /// The process that supervises, or did: of this boot of the machine.
    pub fn supervisor(&self) -> Option<ProcessId> {
        if self.is_of_another_boot() { None } else { self.started()?.process }
    }

    /// Whether the supervisor was stopped by a signal and does nothing until it is let go on.
    pub fn is_supervisor_stopped(&self) -> bool {
        self.supervisor().is_some_and(ProcessId::is_stopped)
    }

    fn started(&self) -> Option<Started> {
        serde_json::from_slice(&fs::read(self.dir.join("started")).ok()?).ok()
    }

    /// Whether the machine has been started again since the agent was. False where nobody knows.
    fn is_of_another_boot(&self) -> bool {
        let then = self.started().and_then(|started| started.boot_id);
        then.is_some_and(|then| super::tree::boot_id().is_some_and(|now| now != then))
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.dir.join("cancel").exists()
    }

    pub(super) fn has_started(&self) -> bool {
        self.dir.join("started").exists()
    }

    pub(super) fn mark_started(&self) -> io::Result<()> {
        let started = Started { process: ProcessId::own(), boot_id: super::tree::boot_id() };
        self.replace("started", &serde_json::to_vec(&started)?)
    }

    pub(super) fn leave(&self, exit: &Exit) -> io::Result<()> {
        self.replace("exit.json", &serde_json::to_vec_pretty(exit)?)
    }

    /// How it ended. `None` also where what is there is damaged: nobody knows then. An error where it is of another
    /// version.
    pub fn exit(&self) -> anyhow::Result<Option<Exit>> {
        let bytes = match fs::read(self.exit_path()) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match read_versioned("exit.json", &bytes) {
            Ok(exit) => Ok(Some(exit)),
            Err(error) if error.is::<UnknownVersion>() => Err(error),
            Err(_) => Ok(None),
        }
    }

    fn exit_path(&self) -> PathBuf {
        self.dir.join("exit.json")
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

/// Reads JSON with a `version`, which is looked at before anything else. Members that are not known are skipped.
fn read_versioned<T: DeserializeOwned>(file: &'static str, bytes: &[u8]) -> anyhow::Result<T> {
    let value: serde_json::Value = serde_json::from_slice(bytes).context(file)?;
    match value["version"].as_u64() {
        Some(version) if version == u64::from(VERSION) => serde_json::from_value(value).context(file),
        Some(version) => Err(UnknownVersion { file, version }.into()),
        None => anyhow::bail!("{file} has no version"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(program: &str) -> Order {
        let argv = vec![program.to_owned()];
        Order {
            version: VERSION,
            argv,
            worktree: "/".into(),
            env: vec![],
            timeout_ms: None,
            log_bytes: None,
            base_commit: None,
            repository: None,
            open_files: None,
        }
    }

    fn workplace() -> (tempfile::TempDir, Workplace) {
        let dir = tempfile::tempdir().unwrap();
        let workplace = Workplace::at(dir.path().join("execution"));
        workplace.prepare(&order("true"), "prompt").unwrap();
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
        // A process that another test starts at this moment has the lock, too, until it is another program.
        while workplace.presence().unwrap() == Presence::Alive {
            std::thread::yield_now();
        }
        assert_eq!(workplace.presence().unwrap(), Presence::Gone { rebooted: false });
        let exit = Exit {
            version: VERSION,
            exit_code: Some(0),
            error: None,
            cancelled: false,
            timed_out: false,
            log_limit: None,
            ended_at: Timestamp::from_millis(1),
            journal_bytes: 0,
            records: 0,
            digest: None,
        };
        workplace.leave(&exit).unwrap();
        assert_eq!(workplace.presence().unwrap(), Presence::Ended(exit));
    }

    #[test]
    fn a_supervisor_of_another_boot_is_gone_by_a_restart_of_the_machine() {
        let (_dir, workplace) = workplace();
        workplace.mark_started().unwrap();
        assert_eq!(workplace.presence().unwrap(), Presence::Gone { rebooted: false });
        workplace.replace("started", br#"{"pid":1,"startTime":2,"bootId":"another"}"#).unwrap();
        assert_eq!(workplace.presence().unwrap(), Presence::Gone { rebooted: true });
        // As older supervisors left it.
        workplace.replace("started", b"123\n").unwrap();
        assert_eq!(workplace.presence().unwrap(), Presence::Gone { rebooted: false });
    }

    #[test]
    fn an_exit_status_of_another_version_is_not_guessed_at_and_a_damaged_one_is_none() {
        let (_dir, workplace) = workplace();
        workplace.mark_started().unwrap();
        workplace.replace("exit.json", br#"{"version":2,"outcome":"well"}"#).unwrap();
        assert!(workplace.presence().unwrap_err().is::<UnknownVersion>());
        for damaged in ["", "{", "{}", r#"{"version":1}"#, r#"{"version":"x"}"#] {
            workplace.replace("exit.json", damaged.as_bytes()).unwrap();
            assert_eq!(workplace.presence().unwrap(), Presence::Gone { rebooted: false }, "{damaged}");
        }
    }

    #[test]
    fn a_withdrawn_order_is_not_carried_out() {
        let (_dir, workplace) = workplace();
        workplace.withdraw().unwrap();
        workplace.withdraw().unwrap();
        assert!(workplace.is_cancelled());
        // As on a full disk: the file cannot be made, here because a folder of its name is there.
        fs::remove_file(workplace.dir.join("cancel")).unwrap();
        fs::create_dir(workplace.dir.join("cancel")).unwrap();
        workplace.withdraw().unwrap();
        assert!(workplace.order().is_err());
        Workplace::at("/there/is/nothing").withdraw().unwrap();
    }

    #[test]
    fn preparing_twice_keeps_the_first_order() {
        let (_dir, workplace) = workplace();
        workplace.prepare(&order("false"), "other").unwrap();
        assert_eq!(workplace.order().unwrap().argv, ["true"]);
    }
}
