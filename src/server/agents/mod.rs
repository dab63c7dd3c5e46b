//! Agents: how each is started, and how its output becomes log rows.
//!
//! Knows no database. Starting is the supervisor's; what an agent's end means for the card is the engine's.

mod claude;
pub mod demo;
mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::domain::{Agent, LogLine, LogType, Usage};
use crate::server::process::environment;
use crate::server::process::journal::Stream;

/// How an agent's output is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Each line is a row.
    Text,
    /// Claude Code's `--output-format stream-json`.
    Claude,
    // Known by name, so that the configuration can say that they are not read yet.
    Codex,
    Gemini,
    Opencode,
}

/// By what a test or a review is judged if its agent gives no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerdictBy {
    /// Only words count: without a verdict the stage has failed.
    Words,
    /// The exit status counts.
    Exit,
}

impl Format {
    /// How its agents are judged unless the user says otherwise. A plain command may know nothing of verdicts.
    pub fn verdict(self) -> VerdictBy {
        if self == Self::Text { VerdictBy::Exit } else { VerdictBy::Words }
    }
}

/// An agent that can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentProgram {
    pub name: String,
    /// Program and arguments.
    pub argv: Vec<String>,
    pub format: Format,
    /// Whether an implementing stage that changed no file is a failure.
    pub expects_changes: bool,
    pub verdict: VerdictBy,
    /// Arguments, after all others, with which it goes on with a session of its own; `{session}` stands for its name.
    /// Empty: it cannot.
    resume: Vec<String>,
    /// Arguments, before those, that name the model; `{model}` stands for it. Empty: it is not told.
    model: Vec<String>,
    /// Models that it is known to take, by name.
    models: Vec<String>,
    /// What to do where the program is missing.
    install: Option<&'static str>,
}

impl AgentProgram {
    /// A command of the user's. `expects_changes` absent: as fits the format.
    pub fn configured(name: &str, argv: Vec<String>, format: Format, expects_changes: Option<bool>) -> Self {
        // Of a plain command Cardume knows only what the user says; an agent that tells of its tools is held to them.
        let expects_changes = expects_changes.unwrap_or(format != Format::Text);
        Self {
            name: name.to_owned(),
            argv,
            format,
            expects_changes,
            verdict: format.verdict(),
            resume: vec![],
            model: vec![],
            models: vec![],
            install: None,
        }
    }

    /// The same agent, which can go on with a session of its own by these arguments.
    pub fn resumed_with(mut self, arguments: Vec<String>) -> Self {
        self.resume = arguments;
        self
    }

    /// The same agent, judged in this way if it gives no verdict.
    pub fn judged_by(mut self, verdict: VerdictBy) -> Self {
        self.verdict = verdict;
        self
    }

    /// The same agent, which is told of a card's model by these arguments.
    pub fn told_the_model_by(mut self, arguments: Vec<String>) -> Self {
        self.model = arguments;
        self
    }

    /// Whether a card may name the model.
    pub fn takes_model(&self) -> bool {
        !self.model.is_empty()
    }

    /// Whether it can go on with `session`. The name comes from the agent's output: one that could be taken for an
    /// option is none.
    pub fn can_resume(&self, session: &str) -> bool {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !self.resume.is_empty()
            && (1..=128).contains(&session.len())
            && !session.starts_with('-')
            && session.chars().all(is_plain)
    }

    /// Program and arguments, to work with `model` where that is named, and to go on with `session` where there is one.
    pub fn argv_with(&self, model: Option<&str>, session: Option<&str>) -> Vec<String> {
        let filled = |arguments: &[String], name: &str, value: Option<&str>| -> Vec<String> {
            let Some(value) = value else { return vec![] };
            arguments.iter().map(|argument| argument.replace(name, value)).collect()
        };
        let model = filled(&self.model, "{model}", model);
        self.argv.iter().cloned().chain(model).chain(filled(&self.resume, "{session}", session)).collect()
    }
}

/// All the agents there are. Cheap to clone.
#[derive(Clone)]
pub struct Agents {
    programs: Arc<BTreeMap<String, AgentProgram>>,
    default: Option<String>,
    /// Asking a program for its version takes a while, and the answer rarely changes.
    listed: moka::future::Cache<(), Vec<Agent>>,
}

impl Agents {
    /// The built-in agents and `configured` ones, of which one may replace a built-in of the same name.
    pub fn new(configured: impl IntoIterator<Item = AgentProgram>, default: Option<String>) -> Self {
        let mut programs = BTreeMap::new();
        for program in [demo::program(), claude::program()].into_iter().chain(configured) {
            programs.insert(program.name.clone(), program);
        }
        let listed = moka::future::Cache::builder().time_to_live(Duration::from_secs(30)).build();
        Self { programs: Arc::new(programs), default, listed }
    }

    pub fn get(&self, name: &str) -> Option<&AgentProgram> {
        self.programs.get(name)
    }

    pub fn names(&self) -> String {
        self.programs.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// The agent of a card that names none: the configured one, else `claude` where it is installed, else `demo`.
    pub async fn default_name(&self) -> String {
        if let Some(name) = &self.default {
            return name.clone();
        }
        let is_installed = self.list().await.iter().any(|agent| agent.name == "claude" && agent.available);
        if is_installed { "claude" } else { "demo" }.to_owned()
    }

    /// Every agent with whether it is installed, by name.
    pub async fn list(&self) -> Vec<Agent> {
        let programs = self.programs.clone();
        self.listed
            .get_with((), async move { futures::future::join_all(programs.values().map(availability)).await })
            .await
    }
}

async fn availability(program: &AgentProgram) -> Agent {
    let (available, version, reason) = if program.argv == demo::program().argv {
        (true, Some(env!("CARGO_PKG_VERSION").to_owned()), None)
    } else {
        match find_program(&program.argv[0]) {
            Some(path) => (true, version(&path, program).await, None),
            None => (false, None, Some(missing(program))),
        }
    };
    let (takes_model, models) = (program.takes_model(), program.models.clone());
    Agent { name: program.name.clone(), available, version, reason, takes_model, models }
}

/// Where an agent's program is not there: what to do.
pub fn missing(program: &AgentProgram) -> String {
    let command = &program.argv[0];
    match program.install {
        Some(install) => format!("“{command}” is not on the PATH of the server. {install}"),
        None => format!(
            "“{command}” is not on the PATH of the server. Install it, or correct [agents.{}] in cardume.toml.",
            program.name
        ),
    }
}

/// Whether the agent's program is there to be started.
pub fn is_installed(program: &AgentProgram) -> bool {
    find_program(&program.argv[0]).is_some()
}

fn find_program(command: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let is_program = |path: &Path| {
        path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    };
    if command.contains('/') {
        return Some(PathBuf::from(command)).filter(|path| is_program(path));
    }
    std::env::split_paths(&std::env::var_os("PATH")?).map(|dir| dir.join(command)).find(|path| is_program(path))
}

/// The first line that `PROGRAM --version` prints. Only built-in agents are asked: a user's command may do anything.
async fn version(path: &Path, program: &AgentProgram) -> Option<String> {
    program.install?;
    let mut command = tokio::process::Command::new(path);
    command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    for name in environment::secrets() {
        command.env_remove(name);
    }
    let output = tokio::time::timeout(Duration::from_secs(10), command.output()).await.ok()?.ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().next().map(|line| line.trim().chars().take(80).collect())
}

/// What a line of an agent's output says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    pub rows: Vec<(LogType, String)>,
    pub usage: Usage,
    /// The text of the agent's final result.
    pub result: Option<String>,
    /// What the agent says of its own end.
    pub succeeded: Option<bool>,
}

/// How the lines of an agent's output are read.
#[derive(Clone, Debug)]
pub struct Reading {
    pub format: Format,
    /// Paths in it are shown without it.
    pub worktree: PathBuf,
    /// Secrets are masked in what is shortened: a piece of one is not seen to be one. All else is left to others.
    pub mask_secrets: bool,
}

/// Reads a whole line of an agent's output.
pub fn read_line(reading: &Reading, stream: Stream, line: &str) -> Said {
    match (reading.format, stream) {
        (Format::Claude, Stream::Stdout) => claude::read_line(line, reading),
        _ => text::read_line(stream, line),
    }
}

/// Text as the log keeps it: what is not UTF-8, and NUL, become U+FFFD.
pub fn readable(bytes: Vec<u8>) -> String {
    // Nearly always it is UTF-8, and nothing is copied.
    let text =
        String::from_utf8(bytes).unwrap_or_else(|not_utf8| String::from_utf8_lossy(not_utf8.as_bytes()).into_owned());
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// Cuts a row's content into pieces that each fit a row; all but the last are partial.
pub fn pieces(content: &str) -> Vec<&str> {
    let mut pieces = vec![];
    let mut rest = content;
    while rest.len() > LogLine::CONTENT_MAX_BYTES {
        let (piece, behind) = rest.split_at(rest.floor_char_boundary(LogLine::CONTENT_MAX_BYTES));
        pieces.push(piece);
        rest = behind;
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreadable_bytes_are_replaced() {
        assert_eq!(readable(b"a\0b\xffc".to_vec()), "a\u{fffd}b\u{fffd}c");
    }

    #[test]
    fn long_content_is_cut_between_characters() {
        let content = "é".repeat(LogLine::CONTENT_MAX_BYTES);
        let pieces = pieces(&content);
        assert_eq!(pieces.len(), 2);
        assert_eq!(pieces.concat(), content);
    }

    #[test]
    fn a_program_is_found_on_the_path_only_when_it_can_be_run() {
        assert!(find_program("sh").is_some());
        assert!(find_program("no-such-program-anywhere").is_none());
        assert!(find_program("/etc/passwd").is_none());
    }
}
