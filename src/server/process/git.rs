//! Runs git: an argument vector, no shell, no hooks, no questions, and a limit on the wait.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// Checking out a large repository takes a while; nothing takes this long.
const LIMIT: Duration = Duration::from_secs(600);

/// git said no. The text is its own last words, fit for the user.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    #[error("git is not installed, or not on the PATH of the server: install it and try again")]
    Missing,
    #[error("git {command} failed: {message}")]
    Failed { command: String, message: String },
    /// It may work once there is room again.
    #[error("git {command} found the disk full")]
    NoRoom { command: String },
    #[error("git {command} did not end within {} minutes", LIMIT.as_secs() / 60)]
    TooLong { command: String },
}

/// Runs `git ARGUMENTS` in `dir` and answers what it printed.
pub async fn git<S: AsRef<OsStr>>(dir: &Path, arguments: &[S]) -> Result<String, GitError> {
    let name = arguments.first().map(|name| name.as_ref().to_string_lossy().into_owned()).unwrap_or_default();
    let mut command = Command::new("git");
    // A repository is not trusted to run programs here: neither hooks, nor a file system monitor, nor a signer.
    command.args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "commit.gpgSign=false"]);
    // Nor is this the moment to tidy it up, least of all while other cards' worktrees are being made.
    command.args(["-c", "gc.auto=0", "-c", "maintenance.auto=false"]);
    command.args(arguments).current_dir(dir).stdin(Stdio::null()).kill_on_drop(true);
    command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"] {
        command.env_remove(variable);
    }
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "Cardume").env(format!("GIT_{role}_EMAIL"), "cardume@localhost");
    }
    let output = match tokio::time::timeout(LIMIT, command.output()).await {
        Err(_) => return Err(GitError::TooLong { command: name }),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound && dir.is_dir() => {
            return Err(GitError::Missing);
        }
        Ok(Err(error)) => return Err(GitError::Failed { command: name, message: error.to_string() }),
        Ok(Ok(output)) => output,
    };
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    // strerror's own words, in the C locale that was asked for.
    if ["No space left on device", "Disk quota exceeded"].iter().any(|error| words.contains(error)) {
        return Err(GitError::NoRoom { command: name });
    }
    let message = words.trim().chars().take(600).collect::<String>();
    let message = if message.is_empty() { format!("it ended with {}", output.status) } else { message };
    Err(GitError::Failed { command: name, message })
}
