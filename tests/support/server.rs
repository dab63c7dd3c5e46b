//! A real Cardume for tests: the built binary on a free port, with a data directory of its own, real git repositories
//! and agents that are little scripts.
//!
//! It knows nothing of the server's inside. Whatever was started under its folder is gone when it is dropped.

// Every test binary uses its own part of this.
#![allow(dead_code)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use ureq::http::{HeaderMap, Request};

/// The program under test.
pub const CARDUME: &str = env!("CARGO_BIN_EXE_cardume");

/// A `text` agent that does in each stage what the stage is for, at once.
pub const GOOD_AGENT: &str = r##"
cat > /dev/null
case "$CARDUME_STAGE" in
    plan) mkdir -p specs && echo "# The plan" > specs/plan.md ;;
    implement) echo "a line" >> work.txt ;;
esac
echo "did $CARDUME_STAGE"
"##;

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server to be: its agents, environment and arguments.
pub struct Preparation {
    home: TempDir,
    config: String,
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
}

impl Preparation {
    /// Adds an agent that is this bash script, and whose lines are rows.
    pub fn agent(self, name: &str, script: &str) -> Self {
        self.agent_of_format(name, script, "text")
    }

    /// Adds an agent that is this bash script.
    pub fn agent_of_format(mut self, name: &str, script: &str, format: &str) -> Self {
        let path = self.home.path().join(format!("{name}.sh"));
        fs::write(&path, script).unwrap();
        let path = path.display();
        self.config.push_str(&format!("[agents.{name}]\ncommand = [\"bash\", \"{path}\"]\nformat = \"{format}\"\n\n"));
        self
    }

    /// Adds a line to the agent that was added last.
    pub fn agent_line(mut self, name: &str, line: &str) -> Self {
        let section = format!("[agents.{name}]\n");
        self.config = self.config.replace(&section, &format!("{section}{line}\n"));
        self
    }

    /// Puts lines at the top of `cardume.toml`.
    pub fn config(mut self, text: &str) -> Self {
        self.config = format!("{text}\n{}", self.config);
        self
    }

    /// Sets a variable of the server's environment, which its agents inherit.
    pub fn env(mut self, name: &str, value: impl AsRef<Path>) -> Self {
        self.environment.push((name.into(), value.as_ref().display().to_string()));
        self
    }

    /// Adds an argument to `cardume serve`.
    pub fn arg(mut self, argument: &str) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// The folder of this test: home of the server and of its repositories.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Starts the server and waits until it accepts connections.
    pub fn start(self) -> Server {
        let data_dir = self.home.path().join("data");
        fs::create_dir_all(&data_dir).unwrap();
        fs::write(data_dir.join("cardume.toml"), &self.config).unwrap();
        let (environment, arguments) = (self.environment, self.arguments);
        let mut server =
            Server { home: self.home, environment, arguments, running: None, address: "127.0.0.1:0".into() };
        server.restart();
        server
    }
}

/// A running server, or one that has just been killed.
pub struct Server {
    home: TempDir,
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
    running: Option<Child>,
    /// `127.0.0.1:PORT`; a restart comes back to the same port.
    address: String,
}

impl Server {
    pub fn prepare() -> Preparation {
        let home = tempfile::Builder::new().prefix("cardume-test-").tempdir().unwrap();
        Preparation { home, config: String::new(), environment: vec![], arguments: vec![] }
    }

    /// A server whose agent `good` does what each stage is for.
    pub fn start() -> Self {
        Self::prepare().agent("good", GOOD_AGENT).start()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn data_dir(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// What the server has written to its standard error, over all its starts.
    pub fn own_log(&self) -> String {
        fs::read_to_string(self.home.path().join("server.log")).unwrap_or_default()
    }

    pub fn pid(&self) -> u32 {
        self.running.as_ref().expect("the server runs").id()
    }

    /// A command of the client, pointed at this server.
    pub fn cardume(&self, arguments: &[&str]) -> Command {
        let mut command = clean_command(self.home.path());
        command.args(arguments).env("CARDUME_SERVER", self.url());
        command
    }

    /// `kill -9`: the server gets no chance to tidy up. Its agents live on.
    pub fn kill_9(&mut self) {
        let mut child = self.running.take().expect("the server runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGTERM; answers how it ended, within 5 s as promised (and some for a busy machine).
    pub fn terminate(&mut self) -> ExitStatus {
        let mut child = self.running.take().expect("the server runs");
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let deadline = Instant::now() + Duration::from_secs(15);
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            if Instant::now() > deadline {
                let _ = child.kill();
                panic!("the server did not stop; its log:\n{}", self.own_log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The processes that were started for executions of this server: agents and what they started.
    pub fn agents(&self) -> Vec<i32> {
        let folder = self.data_dir().join("worktrees");
        let works_here = |pid: &i32| {
            fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
                let name = format!("CARDUME_WORKTREE={}", folder.display());
                environment.windows(name.len()).any(|window| window == name.as_bytes())
            })
        };
        processes_under(self.home.path()).into_iter().filter(works_here).collect()
    }

    /// Kills agents and supervisors, as a machine does that loses its power.
    pub fn kill_agents(&self) {
        end_all_under(self.home.path());
        assert!(eventually(|| processes_under(self.home.path()).is_empty()));
    }

    /// Whether its process is there: one that a test makes crash ends by itself.
    pub fn is_running(&mut self) -> bool {
        let Some(child) = &mut self.running else { return false };
        if child.try_wait().unwrap().is_some() {
            self.running = None;
        }
        self.running.is_some()
    }

    /// Sets a variable of the environment of its next start; `None` takes it away.
    pub fn set_env(&mut self, name: &str, value: Option<&str>) {
        self.environment.retain(|(other, _)| other != name);
        self.environment.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    }

    /// The arguments of its next start, beside address and data directory.
    pub fn set_arguments(&mut self, arguments: &[&str]) {
        self.arguments = arguments.iter().map(|argument| argument.to_string()).collect();
    }

    /// Starts it again on the same data directory and port; kills it first where it still runs.
    pub fn restart(&mut self) {
        self.try_restart().unwrap_or_else(|why| panic!("{why}"));
    }

    /// As `restart`, for one that may end before it listens.
    pub fn try_restart(&mut self) -> Result<(), String> {
        if self.is_running() {
            self.kill_9();
        }
        let log = File::options().create(true).append(true).open(self.home.path().join("server.log")).unwrap();
        let mut child = clean_command(self.home.path())
            .args(["serve", "--addr", &self.address, "--data-dir"])
            .arg(self.data_dir())
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        self.running = Some(child);
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let Some(address) = line.trim_end().strip_prefix("Cardume is listening on http://") else {
            return Err(format!("the server did not start: it printed {line:?}; its log:\n{}", self.own_log()));
        };
        self.address = address.into();
        // Nothing more is expected there; it is read all the same, so that the server never waits for us.
        std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        Ok(())
    }

    // requests

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    pub fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], &body.to_string())
    }

    pub fn patch(&self, path: &str, body: Value) -> Answer {
        self.send("PATCH", path, &[("content-type", "application/json")], &body.to_string())
    }

    pub fn put(&self, path: &str, body: Value) -> Answer {
        self.send("PUT", path, &[("content-type", "application/json")], &body.to_string())
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], "")
    }

    /// Any request at all. Panics where there is no answer.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.try_send(method, path, headers, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}; the server's log:\n{}", self.own_log()))
    }

    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, ureq::Error> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .timeout_global(Some(PATIENCE))
            .proxy(None)
            .build()
            .into();
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = if body.is_empty() && matches!(method, "GET" | "HEAD" | "DELETE" | "OPTIONS") {
            agent.run(request.body(()).unwrap())?
        } else {
            agent.run(request.body(body.to_owned()).unwrap())?
        };
        let text = response.body_mut().with_config().limit(64 << 20).read_to_string()?;
        Ok(Answer { status: response.status().as_u16(), headers: response.headers().clone(), text })
    }

    // scenes

    /// Adds `repository` as a project; answers its id.
    pub fn add_project(&self, repository: &Path) -> String {
        let answer = self.post("/api/projects", serde_json::json!({ "path": repository }));
        assert!(matches!(answer.status, 200 | 201), "{answer:?}");
        answer.json()["id"].as_str().unwrap().into()
    }

    /// Makes a card for `agent`; answers its id.
    pub fn add_card(&self, project: &str, title: &str, agent: &str) -> String {
        let answer =
            self.post("/api/cards", serde_json::json!({ "projectId": project, "title": title, "agent": agent }));
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["id"].as_str().unwrap().into()
    }

    /// A repository, a project, and a card that runs with `agent`; answers the card's id.
    pub fn run_new_card(&self, agent: &str) -> String {
        let project = self.add_project(&self.repository("repository"));
        let card = self.add_card(&project, "A card", agent);
        let answer = self.post(&format!("/api/cards/{card}/run"), Value::Null);
        assert_eq!(answer.status, 202, "{answer:?}");
        card
    }

    pub fn card(&self, id: &str) -> Value {
        let answer = self.get(&format!("/api/cards/{id}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// The executions of a card, oldest first.
    pub fn executions(&self, card: &str) -> Vec<Value> {
        let mut answer = self.get(&format!("/api/cards/{card}/executions")).json();
        let executions = answer["executions"].as_array_mut().unwrap();
        executions.reverse();
        std::mem::take(executions)
    }

    /// All rows of an execution, read in pages of so many; checks on the way that their sequences are 1, 2, 3, …
    #[track_caller]
    pub fn rows(&self, execution: &str, page: usize) -> Vec<Value> {
        let mut rows: Vec<Value> = vec![];
        loop {
            let after = rows.len();
            let answer = self.get(&format!("/api/executions/{execution}/logs?after={after}&limit={page}")).json();
            let lines = answer["execution"]["logs"].as_array().unwrap_or_else(|| panic!("{answer}"));
            if lines.is_empty() {
                assert_eq!(answer["execution"]["lastSequence"], after, "{execution}: rows are missing at the end");
                return rows;
            }
            for line in lines {
                assert_eq!(line["sequence"], rows.len() + 1, "{execution}: a hole or a duplicate");
                rows.push(line.clone());
            }
        }
    }

    /// Waits until the card's workflow stands at `stage`; answers the card as it was then.
    pub fn wait_for_stage(&self, card: &str, stage: &str) -> Value {
        self.wait_for_card(card, &format!("stage {stage}"), |card| card["activeExecution"]["workflowStage"] == stage)
    }

    /// Waits until the card is as wanted; answers it.
    pub fn wait_for_card(&self, id: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let mut card = Value::Null;
        let there = eventually(|| {
            card = self.card(id);
            is_so(&card)
        });
        assert!(there, "waited in vain for {what}; the card: {card:#}\nthe server's log:\n{}", self.own_log());
        card
    }

    /// A new git repository with one commit, in the folder of this test.
    pub fn repository(&self, name: &str) -> PathBuf {
        git_repository(&self.home.path().join(name))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.running.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        end_all_under(self.home.path());
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap_or_default())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks that this is an RFC 9457 problem of this status, and answers its detail.
    #[track_caller]
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{self:?}");
        for member in ["type", "title", "detail"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {self:?}");
        }
        problem["detail"].as_str().unwrap().into()
    }
}

/// The program with nothing of this machine's configuration in its environment.
pub fn clean_command(home: &Path) -> Command {
    let mut command = Command::new(CARDUME);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name == "DATABASE_URL" || name.starts_with("CARDUME_") || name.starts_with("GIT_") {
            command.env_remove(name);
        }
    }
    command.env("HOME", home).env_remove("XDG_DATA_HOME").env_remove("XDG_CONFIG_HOME").env("GIT_CONFIG_NOSYSTEM", "1");
    command
}

/// Makes a git repository with one commit.
pub fn git_repository(path: &Path) -> PathBuf {
    fs::create_dir_all(path).unwrap();
    fs::write(path.join("README.md"), "# A repository\n").unwrap();
    git(path, &["init", "--quiet", "--initial-branch=main"]);
    git(path, &["add", "."]);
    let author = ["-c", "user.name=Test", "-c", "user.email=test@example.org"];
    git(path, &[&author[..], &["commit", "--quiet", "-m", "The first commit"]].concat());
    path.canonicalize().unwrap()
}

/// Runs git there; answers what it printed.
#[track_caller]
pub fn git(path: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(path).args(arguments).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Asks again and again until it is so; false where that takes longer than anything should.
pub fn eventually(mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if is_so() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    false
}

/// The processes that have `folder` in their command line or environment.
pub fn processes_under(folder: &Path) -> Vec<i32> {
    let folder = folder.as_os_str().as_encoded_bytes();
    let mentions = |file: PathBuf| {
        fs::read(file).is_ok_and(|content| content.windows(folder.len()).any(|window| window == folder))
    };
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid != std::process::id() as i32)
        .filter(|pid| {
            mentions(format!("/proc/{pid}/cmdline").into()) || mentions(format!("/proc/{pid}/environ").into())
        })
        .collect()
}

fn end_all_under(folder: &Path) {
    for pid in processes_under(folder).into_iter().filter_map(Pid::from_raw) {
        let _ = kill_process(pid, Signal::KILL);
    }
}
