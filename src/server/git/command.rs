//! Runs git: an argument vector, no shell, no hooks, no questions, and a limit on the wait.
//!
//! Two kinds of commands. A command that only reads is killed when nobody waits for it any more. A command that changes
//! something runs under a [`Hold`](super::Hold) and survives the server: nothing cuts it off halfway, and the lock that
//! it inherits keeps everybody else away until it has ended.

use std::ffi::{OsStr, OsString};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::fs::MemfdFlags;
use rustix::io::FdFlags;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;

use super::hold::Hold;
use crate::server::process::{Shortage, environment};

/// Checking out a large repository takes a while; nothing takes this long.
const LIMIT: Duration = Duration::from_secs(600);
/// What a command prints is read up to this size; lists of files are the longest.
const OUTPUT_MAX_BYTES: u64 = 256 * 1024 * 1024;

/// git said no. The text is its own last words, fit for the user.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    #[error("git is not installed, or not on the PATH of the server: install it and try again")]
    Missing,
    #[error("git {command} failed: {message}")]
    Failed { command: String, message: String },
    /// It may work once there is room again: on the disk, in memory, for another file or process.
    #[error("git {command} found that {shortage}")]
    NoRoom { command: String, shortage: Shortage },
    #[error("git {command} did not end within {} minutes", LIMIT.as_secs() / 60)]
    TooLong { command: String },
    /// Something else than git is in the way, such as another process that works there. The text says what.
    #[error("{0}")]
    InTheWay(String),
}

impl GitError {
    /// A failure of the system rather than of git, such as a file that can't be written.
    pub(super) fn of(command: &str, error: std::io::Error) -> Self {
        let command = command.to_owned();
        match Shortage::of(&error) {
            Some(shortage) => Self::NoRoom { command, shortage },
            None => Self::Failed { command, message: error.to_string() },
        }
    }
}

/// The commands that look into files, and so would start the filters that the repository names.
const READ_FILES: [&str; 9] =
    ["add", "commit", "diff", "ls-files", "read-tree", "reset", "sparse-checkout", "status", "worktree"];

/// A repository is not trusted to run programs here: neither hooks, nor a file system monitor, nor a signer. Nor is this
/// the moment to tidy it up, least of all while other cards' worktrees are being made.
const SETTINGS: [&str; 15] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "commit.gpgSign=false",
    "diff.ignoreSubmodules=dirty",
    "submodule.recurse=false",
    // A folder in a project that only looks like a repository is none.
    "safe.bareRepository=explicit",
    "gc.auto=0",
    "maintenance.auto=false",
    "core.pager=cat",
    "advice.addEmbeddedRepo=false",
    // What a stage left must survive a loss of power once the database says that the stage is done.
    "core.fsync=all",
    "core.fsyncMethod=batch",
    "i18n.commitEncoding=UTF-8",
    // Others use the repository, too, and hold its locks for moments.
    "core.filesRefLockTimeout=10000",
    "core.packedRefsTimeout=10000",
];

/// The variables of git's own that a command inherits: where git is, and the user's own configuration.
const KEPT_VARIABLES: [&str; 4] = ["GIT_EXEC_PATH", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"];

/// Where a command runs, and what it is pinned to: with `GIT_DIR` and its like in the environment, nothing in the
/// repository's configuration can lead git elsewhere.
#[derive(Clone, Debug)]
pub struct Place {
    dir: PathBuf,
    environment: Vec<(&'static str, OsString)>,
    settings: Vec<String>,
    /// What a command reads on its standard input.
    input: Vec<u8>,
}

impl Place {
    /// A folder that may lie in a repository: git looks for it from there.
    pub fn folder(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), environment: vec![], settings: vec![], input: vec![] }
    }

    /// `git_dir`, and files in `work_tree`.
    pub(super) fn pinned(git_dir: &Path, work_tree: &Path) -> Self {
        let environment = vec![("GIT_DIR", git_dir.into()), ("GIT_WORK_TREE", work_tree.into())];
        Self { dir: work_tree.to_owned(), environment, settings: vec![], input: vec![] }
    }

    /// Sets a variable of git's.
    pub(super) fn with(mut self, variable: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((variable, value.into()));
        self
    }

    /// Adds settings, each `key=value`.
    pub(super) fn set(mut self, settings: impl IntoIterator<Item = String>) -> Self {
        self.settings.extend(settings);
        self
    }

    /// Gives the command something to read.
    pub(super) fn input(mut self, bytes: Vec<u8>) -> Self {
        self.input = bytes;
        self
    }

    /// Runs a command that changes nothing, and answers what it printed.
    pub async fn read<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<String, GitError> {
        Ok(String::from_utf8_lossy(&self.read_bytes(arguments).await?).into_owned())
    }

    /// The same, for output that may be no UTF-8.
    pub async fn read_bytes<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Vec<u8>, GitError> {
        let mut command = self.command(arguments).await?;
        command.env("GIT_OPTIONAL_LOCKS", "0").kill_on_drop(true);
        self.finish(arguments, command).await?.printed(name_of(arguments))
    }

    /// Asks a question that is answered by the exit status: 0 is yes, 1 is no.
    pub(super) async fn asks<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<bool, GitError> {
        Ok(matches!(self.read_or_refuse(arguments).await?, Outcome::Done(_)))
    }

    /// Runs a command that changes nothing, and that ends with status 1 where the answer is no or nothing.
    pub(super) async fn read_or_refuse<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Outcome, GitError> {
        let mut command = self.command(arguments).await?;
        command.env("GIT_OPTIONAL_LOCKS", "0").kill_on_drop(true);
        self.finish(arguments, command).await?.outcome(name_of(arguments))
    }

    /// Runs a command that changes something. `point` names this call, for the tests that let the server crash before
    /// and after each.
    pub(super) async fn change<S: AsRef<OsStr>>(
        &self,
        hold: &Hold,
        point: &'static str,
        arguments: &[S],
    ) -> Result<String, GitError> {
        let finished = self.finish_change(hold, point, arguments).await?;
        Ok(String::from_utf8_lossy(&finished.printed(name_of(arguments))?).into_owned())
    }

    /// The same for a command that ends with status 1 where it is refused: what it printed, and whether it was.
    pub(super) async fn change_or_refuse<S: AsRef<OsStr>>(
        &self,
        hold: &Hold,
        point: &'static str,
        arguments: &[S],
    ) -> Result<Outcome, GitError> {
        self.finish_change(hold, point, arguments).await?.outcome(name_of(arguments))
    }

    async fn finish_change<S: AsRef<OsStr>>(
        &self,
        hold: &Hold,
        point: &'static str,
        arguments: &[S],
    ) -> Result<Finished, GitError> {
        let command = self.outliving(hold, arguments).await?;
        crash_point("before", point);
        let finished = self.finish(arguments, command).await?;
        crash_point("after", point);
        Ok(finished)
    }

    /// A command that goes on without the server, and keeps the locks until it has ended.
    async fn outliving<S: AsRef<OsStr>>(&self, hold: &Hold, arguments: &[S]) -> Result<Command, GitError> {
        let mut command = self.command(arguments).await?;
        let locks = hold.files()?;
        // SAFETY: between fork and exec this makes system calls on descriptors only, which are async-signal-safe.
        unsafe {
            command.pre_exec(move || {
                for lock in &locks {
                    rustix::io::fcntl_setfd(lock.as_fd(), FdFlags::empty())?;
                }
                Ok(())
            });
        }
        // A process group of its own: Ctrl-C in the server's terminal is not for it.
        command.process_group(0).kill_on_drop(false);
        Ok(command)
    }

    async fn finish<S: AsRef<OsStr>>(&self, arguments: &[S], mut command: Command) -> Result<Finished, GitError> {
        let name = name_of(arguments);
        if !self.input.is_empty() {
            let input = in_memory(&self.input).map_err(|error| GitError::of(&name, error))?;
            command.stdin(input);
        }
        run(&self.dir, &name, command).await
    }

    async fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Command, GitError> {
        let mut command = self.bare();
        if READ_FILES.contains(&&*name_of(arguments)) {
            let mut list = self.bare();
            list.args(["config", "--list", "--show-scope", "--name-only", "-z"]).kill_on_drop(true);
            let listed = run(&self.dir, "config", list).await?.printed("config".to_owned())?;
            let harmless = harmless_settings(&String::from_utf8_lossy(&listed));
            command.env("GIT_CONFIG_COUNT", harmless.len().to_string());
            for (index, (key, value)) in harmless.iter().enumerate() {
                command.env(format!("GIT_CONFIG_KEY_{index}"), key).env(format!("GIT_CONFIG_VALUE_{index}"), value);
            }
        }
        command.args(arguments);
        Ok(command)
    }

    /// git, in its place and with nothing of the server's, but without a command.
    fn bare(&self) -> Command {
        let mut command = Command::new("git");
        command.args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
        command.args(self.settings.iter().flat_map(|setting| [OsString::from("-c"), setting.into()]));
        command.current_dir(&self.dir).stdin(Stdio::null());
        // The server's secrets are not for what git might start.
        for name in environment::secrets() {
            command.env_remove(name);
        }
        for (variable, _) in std::env::vars_os() {
            let name = variable.to_string_lossy();
            // It must look at this repository, and no other.
            if name.starts_with("GIT_") && !KEPT_VARIABLES.contains(&&*name) {
                command.env_remove(&variable);
            }
        }
        command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
        // A repository can say that one commit stands for another. What is read here is what is there.
        command.env("GIT_NO_REPLACE_OBJECTS", "1").env("GIT_GRAFT_FILE", "/dev/null/none");
        // Nothing here has to do with a remote: what a partial clone lacks stays away, as its address may be a program.
        command.env("GIT_NO_LAZY_FETCH", "1").env("GIT_ALLOW_PROTOCOL", "");
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), AUTHOR).env(format!("GIT_{role}_EMAIL"), AUTHOR_EMAIL);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Who makes Cardume's own commits.
const AUTHOR: &str = "Cardume";
pub(super) const AUTHOR_EMAIL: &str = "cardume@localhost";

/// Runs `git ARGUMENTS` in `dir` and answers what it printed. Whatever the repository's own configuration says, nothing
/// of it is started; what the user's own configuration says (Git LFS, for one) counts.
pub async fn git<S: AsRef<OsStr>>(dir: &Path, arguments: &[S]) -> Result<String, GitError> {
    Place::folder(dir).read(arguments).await
}

fn name_of<S: AsRef<OsStr>>(arguments: &[S]) -> String {
    arguments.first().map(|name| name.as_ref().to_string_lossy().into_owned()).unwrap_or_default()
}

/// What takes the programs out of a repository's own configuration, out of `SCOPE\0KEY\0…`. No key is read from a
/// command line: its middle may have any character in it.
fn harmless_settings(listed: &str) -> Vec<(String, &'static str)> {
    let words: Vec<&str> = listed.split('\0').collect();
    let own = words.chunks_exact(2).filter(|pair| matches!(pair[0], "local" | "worktree")).map(|pair| pair[1]);
    own.filter_map(|key| {
        let (section, rest) = key.split_once('.')?;
        let (driver, variable) = rest.rsplit_once('.')?;
        let value = match (section, variable) {
            ("filter", "clean" | "smudge" | "process") => "",
            ("filter", "required") => "false",
            // Hooks by configuration, which newer versions of git know.
            ("hook", "command") => ":",
            _ => return None,
        };
        Some((format!("{section}.{driver}.{variable}"), value))
    })
    .collect()
}

/// Where the tests let the server crash: before and after each call that changes something.
fn crash_point(when: &str, point: &str) {
    // In a build without such points nothing reads these.
    let _ = (when, point);
    fail::fail_point!(&format!("git::{when}-{point}"));
}

/// What a command that may be refused printed.
pub(super) enum Outcome {
    Done(String),
    Refused(String),
}

/// How a command ended, and what it printed.
struct Finished {
    status: std::process::ExitStatus,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Finished {
    /// What it printed, if it did well.
    fn printed(self, command: String) -> Result<Vec<u8>, GitError> {
        if self.status.success() { Ok(self.stdout) } else { Err(self.failure(command)) }
    }

    fn outcome(self, command: String) -> Result<Outcome, GitError> {
        let text = String::from_utf8_lossy(&self.stdout).into_owned();
        match self.status.code() {
            Some(0) => Ok(Outcome::Done(text)),
            Some(1) => Ok(Outcome::Refused(text)),
            _ => Err(self.failure(command)),
        }
    }

    fn failure(&self, command: String) -> GitError {
        let words = String::from_utf8_lossy(&self.stderr);
        if let Some(shortage) = Shortage::in_words(&words) {
            return GitError::NoRoom { command, shortage };
        }
        let message = words.trim().chars().take(600).collect::<String>();
        let message = if message.is_empty() { format!("it ended with {}", self.status) } else { message };
        GitError::Failed { command, message }
    }
}

/// Runs it to its end. It prints into memory rather than into pipes, so that it never notices that the server is gone.
async fn run(dir: &Path, name: &str, mut command: Command) -> Result<Finished, GitError> {
    let failed = |error| GitError::of(name, error);
    let (mut stdout, mut stderr) = (in_memory(&[]).map_err(failed)?, in_memory(&[]).map_err(failed)?);
    command.stdout(stdout.try_clone().map_err(failed)?).stderr(stderr.try_clone().map_err(failed)?);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound && dir.is_dir() => return Err(GitError::Missing),
        Err(error) => return Err(failed(error)),
    };
    let group = child.id().and_then(|id| Pid::from_raw(id as i32));
    let status = match tokio::time::timeout(LIMIT, child.wait()).await {
        Ok(status) => status.map_err(failed)?,
        Err(_) => {
            // With what it started, where it leads a group; else by itself.
            let _ = group.map(|group| kill_process_group(group, Signal::KILL));
            let _ = child.kill().await;
            return Err(GitError::TooLong { command: name.to_owned() });
        }
    };
    let (stdout, stderr) = (printed(&mut stdout).map_err(failed)?, printed(&mut stderr).map_err(failed)?);
    Ok(Finished { status, stdout, stderr })
}

/// A file in memory with these bytes, to be read from its beginning.
fn in_memory(bytes: &[u8]) -> std::io::Result<std::fs::File> {
    let mut file = std::fs::File::from(rustix::fs::memfd_create("git", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

fn printed(file: &mut std::fs::File) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![];
    file.rewind()?;
    file.take(OUTPUT_MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_repositorys_own_programs_are_taken_out() {
        let listed = "global\0filter.lfs.clean\0local\0filter.a.b=c\nd.clean\0local\0core.bare\0\
                      worktree\0filter.x.required\0local\0hook.x.command\0local\0filter.clean\0";
        let expected = [
            ("filter.a.b=c\nd.clean".to_owned(), ""),
            ("filter.x.required".to_owned(), "false"),
            ("hook.x.command".to_owned(), ":"),
        ];
        assert_eq!(harmless_settings(listed), expected);
        assert_eq!(harmless_settings(""), []);
    }
}
