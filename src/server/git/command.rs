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

/// The commands that look into files, and so would start the filters that the repository names.
const READ_FILES: [&str; 6] = ["add", "commit", "diff", "ls-files", "status", "worktree"];

/// A repository is not trusted to run programs here: neither hooks, nor a file system monitor, nor a signer. Nor is this
/// the moment to tidy it up, least of all while other cards' worktrees are being made.
const SETTINGS: [&str; 9] = [
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
];

/// Runs `git ARGUMENTS` in `dir` and answers what it printed. Whatever the repository's own configuration says, nothing
/// of it is started; what the user's own configuration says (Git LFS, for one) counts.
pub async fn git<S: AsRef<OsStr>>(dir: &Path, arguments: &[S]) -> Result<String, GitError> {
    let name = arguments.first().map(|name| name.as_ref().to_string_lossy().into_owned()).unwrap_or_default();
    let mut command = command(dir);
    if READ_FILES.contains(&name.as_str()) {
        let mut list = self::command(dir);
        list.args(["config", "--list", "--show-scope", "--name-only", "-z"]);
        let harmless = harmless_settings(&run(dir, "config", list).await?);
        command.env("GIT_CONFIG_COUNT", harmless.len().to_string());
        for (index, (key, value)) in harmless.iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{index}"), key).env(format!("GIT_CONFIG_VALUE_{index}"), value);
        }
    }
    command.args(arguments);
    run(dir, &name, command).await
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

fn command(dir: &Path) -> Command {
    let mut command = Command::new("git");
    command.args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
    command.current_dir(dir).stdin(Stdio::null()).kill_on_drop(true);
    for (variable, _) in std::env::vars_os() {
        let name = variable.to_string_lossy();
        // The server's secrets are not for whatever git might start; and it is to look at this repository, no other.
        let is_ours = name == "DATABASE_URL" || name.starts_with("CARDUME_") || name.starts_with("GIT_CONFIG_");
        let is_elsewhere =
            ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"].contains(&&*name);
        if is_ours || is_elsewhere {
            command.env_remove(&variable);
        }
    }
    command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
    // Nothing here has to do with a remote: what a partial clone lacks stays away, lest its address be a program.
    command.env("GIT_NO_LAZY_FETCH", "1").env("GIT_ALLOW_PROTOCOL", "");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "Cardume").env(format!("GIT_{role}_EMAIL"), "cardume@localhost");
    }
    command
}

async fn run(dir: &Path, name: &str, mut command: Command) -> Result<String, GitError> {
    let name = name.to_owned();
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
