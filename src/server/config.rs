//! What the server is told: flags, then the environment, then `cardume.toml`, then what goes without saying.
//!
//! Everything is checked here, once, so that nothing behind it has to. It does not know which agents are built in.

mod access;
mod backup;
mod logs;
mod stages;

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use etcetera::BaseStrategy;
use serde::Deserialize;
use toml::Spanned;

pub use access::AccessConfig;

use super::agents::{AgentProgram, Format, VerdictBy};
use super::engine::StageLimits;
use super::store::Database;
pub use backup::BackupConfig;
pub use logs::LogsConfig;

const ADDR_DEFAULT: &str = "127.0.0.1:3000";
const FILE_NAME: &str = "cardume.toml";
/// Each is looked for on the PATH whenever somebody asks which there are.
const AGENTS_MAX: usize = 100;

/// The flags of `cardume serve`; `cardume doctor` takes the same.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ServeOptions {
    /// Where to listen; port 0 picks a free one [default: 127.0.0.1:3000]
    #[arg(long, env = "CARDUME_ADDR", value_name = "HOST:PORT", value_parser = host_and_port)]
    pub addr: Option<String>,
    /// Where everything is kept [default: the platform's place for user data]
    #[arg(long, env = "CARDUME_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// postgres://… or sqlite:FILE [default: SQLite in the data directory]
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// The configuration [default: cardume.toml in the data directory, if it is there]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Also make a small project to try things on
    #[arg(long)]
    pub demo: bool,
    /// Serve a database whose runs are in another data directory that is gone; they are marked as lost
    #[arg(long)]
    pub take_over: bool,
}

/// The configuration, checked.
#[derive(Clone)]
pub struct Config {
    pub addr: SocketAddr,
    /// The host of `addr` as it was written: a name or an IP address.
    pub host: String,
    /// Absolute; there, and for this user only, once [`Config::load`] has answered.
    pub data_dir: PathBuf,
    pub database: Database,
    pub default_agent: Option<String>,
    pub agents: BTreeMap<String, AgentConfig>,
    pub backup: BackupConfig,
    pub logs: LogsConfig,
    pub stages: StageLimits,
    pub access: AccessConfig,
    pub demo: bool,
    pub take_over: bool,
}

/// `[agents.NAME]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentConfig {
    /// An argv, never empty.
    pub command: Vec<String>,
    pub format: Format,
    /// Whether implementing has failed where nothing in the worktree changed. Absent: as the engine sees fit.
    pub expects_changes: Option<bool>,
    /// How a test or a review without a verdict is judged.
    pub verdict: VerdictBy,
    /// Arguments with which it goes on with its own session, `{session}` standing for that; empty: it cannot.
    pub resume: Vec<String>,
    /// Arguments that tell it of a card's model, `{model}` standing for that; empty: cards name none.
    pub model: Vec<String>,
}

impl Config {
    /// The configured agents, ready to be started.
    pub fn agent_programs(&self) -> impl Iterator<Item = AgentProgram> {
        self.agents.iter().map(|(name, agent)| {
            AgentProgram::configured(name, agent.command.clone(), agent.format, agent.expects_changes)
                .judged_by(agent.verdict)
                .resumed_with(agent.resume.clone())
                .told_the_model_by(agent.model.clone())
        })
    }

    /// Reads the configuration and makes the data directory. Errors are a line for the user.
    pub fn load(options: &ServeOptions) -> anyhow::Result<Self> {
        let mut config = Self::read(options)?;
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&config.data_dir);
        let made = made.and_then(|()| config.data_dir.canonicalize());
        let shown = config.data_dir.display().to_string();
        config.data_dir = made.with_context(|| format!("cannot make the data directory {shown}"))?;
        Ok(config)
    }

    /// The same, without making anything.
    pub fn read(options: &ServeOptions) -> anyhow::Result<Self> {
        let data_dir = match options.data_dir.as_ref().filter(|path| !path.as_os_str().is_empty()) {
            Some(path) => path.clone(),
            None => default_data_dir()?,
        };
        let data_dir = std::path::absolute(&data_dir).context("cannot tell where the data directory is")?;
        let file = read_file(options.config.as_deref(), &data_dir)?;

        let addr = options.addr.clone().or(file.addr).unwrap_or_else(|| ADDR_DEFAULT.to_owned());
        let database_url = options.database_url.clone().filter(|url| !url.is_empty()).or(file.database_url);
        let database = match database_url {
            Some(url) => database_at(&url)?,
            None => Database::Sqlite(data_dir.join("cardume.db")),
        };
        let bound = resolve(&addr)?;
        Ok(Self {
            host: host_and_port(&addr)
                .map_err(|error| anyhow!(error))?
                .rsplit_once(':')
                .unwrap_or_default()
                .0
                .to_owned(),
            addr: bound,
            data_dir,
            database,
            default_agent: file.default_agent,
            agents: file.agents,
            backup: file.backup,
            logs: file.logs,
            stages: file.stages,
            // No flag: what is in a command line can be read by everybody on the machine.
            access: file
                .access
                .or_environment(std::env::var("CARDUME_TOKEN").ok(), bound.ip().to_canonical().is_loopback())
                .map_err(|error| anyhow!(error))?,
            demo: options.demo,
            take_over: options.take_over,
        })
    }
}

/// `~/.local/share/cardume`, or what the platform has instead.
fn default_data_dir() -> anyhow::Result<PathBuf> {
    let strategy = etcetera::base_strategy::choose_native_strategy()
        .context("there is no home directory to keep the data in; name a place with --data-dir")?;
    Ok(strategy.data_dir().join("cardume"))
}

/// Checks the form of an address, without asking what its host is.
fn host_and_port(text: &str) -> Result<String, String> {
    let known = text.rsplit_once(':').filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    known
        .map(|_| text.to_owned())
        .ok_or_else(|| format!("“{text}” is no address; write HOST:PORT, as in {ADDR_DEFAULT}"))
}

fn resolve(addr: &str) -> anyhow::Result<SocketAddr> {
    let known = addr.to_socket_addrs().with_context(|| format!("cannot find the address {addr}"))?;
    // `localhost` is both ::1 and 127.0.0.1; the latter is what everybody else assumes.
    known.min_by_key(SocketAddr::is_ipv6).with_context(|| format!("the address {addr} leads nowhere"))
}

/// A URL may hold a password: no message repeats it.
pub fn database_at(url: &str) -> anyhow::Result<Database> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Database::Postgres(url.to_owned()));
    }
    let Some(path) = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")) else {
        bail!("the database URL (--database-url or DATABASE_URL) must begin with postgres:// or sqlite:");
    };
    // What other programs append: sqlx's `?mode=rwc` and the like.
    let path = path.split('?').next().unwrap_or_default();
    if path.is_empty() || path == ":memory:" {
        bail!("the database URL names no file; a database in memory would forget every run");
    }
    Ok(Database::Sqlite(std::path::absolute(path).context("cannot tell where the database is")?))
}

/// `cardume.toml`, as far as it says anything.
#[derive(Default)]
struct Settings {
    addr: Option<String>,
    database_url: Option<String>,
    default_agent: Option<String>,
    agents: BTreeMap<String, AgentConfig>,
    backup: BackupConfig,
    logs: LogsConfig,
    stages: StageLimits,
    access: AccessConfig,
}

fn read_file(given: Option<&Path>, data_dir: &Path) -> anyhow::Result<Settings> {
    let path = given.map_or_else(|| data_dir.join(FILE_NAME), Path::to_path_buf);
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(&text).map_err(|error| anyhow!("{}, {error}", path.display())),
        Err(error) if given.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(Settings::default()),
        Err(error) => Err(error).with_context(|| format!("cannot read the configuration {}", path.display())),
    }
}

/// An error is `line N: what is wrong`.
fn parse(text: &str) -> Result<Settings, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        addr: Option<Spanned<String>>,
        database_url: Option<String>,
        default_agent: Option<String>,
        #[serde(default)]
        agents: BTreeMap<Spanned<String>, Agent>,
        backup: Option<Spanned<backup::BackupTable>>,
        logs: Option<Spanned<logs::LogsTable>>,
        stages: Option<Spanned<stages::Stages>>,
        access: Option<Spanned<AccessConfig>>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Agent {
        command: Spanned<Vec<String>>,
        format: Spanned<Format>,
        expects_changes: Option<bool>,
        verdict: Option<Spanned<VerdictBy>>,
        #[serde(default)]
        resume: Vec<String>,
        model: Option<Spanned<Vec<String>>>,
    }

    let line_at = |offset: usize| text[..offset.min(text.len())].matches('\n').count() + 1;
    let file: File = toml::from_str(text).map_err(|error| {
        let message = error.message().replace('\n', ", ");
        error.span().map_or(message.clone(), |span| format!("line {}: {message}", line_at(span.start)))
    })?;

    if let Some(addr) = &file.addr {
        host_and_port(addr.get_ref()).map_err(|error| format!("line {}: {error}", line_at(addr.span().start)))?;
    }
    let access = match file.access {
        Some(access) => {
            let line = line_at(access.span().start);
            access.into_inner().checked().map_err(|error| format!("line {line}: {error}"))?
        }
        None => AccessConfig::default(),
    };
    if file.agents.len() > AGENTS_MAX {
        return Err(format!("line 1: there are more than {AGENTS_MAX} agents"));
    }
    let mut agents = BTreeMap::new();
    for (name, agent) in file.agents {
        check_name(name.get_ref()).map_err(|error| format!("line {}: {error}", line_at(name.span().start)))?;
        let name = name.into_inner();
        let at = |span: std::ops::Range<usize>| format!("line {}: the agent “{name}”", line_at(span.start));
        if agent.command.get_ref().first().is_none_or(String::is_empty) {
            return Err(format!("{} has no program in its command", at(agent.command.span())));
        }
        if let Some(model) = &agent.model
            && !model.get_ref().iter().any(|argument| argument.contains("{model}"))
        {
            return Err(format!(
                "{} has no “{{model}}” in model, as in [\"--model\", \"{{model}}\"]",
                at(model.span())
            ));
        }
        let format = *agent.format.get_ref();
        if !matches!(format, Format::Text | Format::Claude) {
            let span = agent.format.span();
            let word = &text[span.clone()];
            return Err(format!("{} has the format {word}, which is not supported yet; use \"text\"", at(span)));
        }
        let verdict = match agent.verdict {
            Some(verdict) if *verdict.get_ref() == VerdictBy::Exit && format != Format::Text => {
                let at = at(verdict.span());
                return Err(format!(
                    "{at} must give its verdict in words; only text agents can have verdict = \"exit\""
                ));
            }
            Some(verdict) => verdict.into_inner(),
            None => format.verdict(),
        };
        let config = AgentConfig {
            command: agent.command.into_inner(),
            format,
            expects_changes: agent.expects_changes,
            verdict,
            resume: agent.resume,
            model: agent.model.map(Spanned::into_inner).unwrap_or_default(),
        };
        agents.insert(name, config);
    }
    let backup = match file.backup {
        Some(table) => section(table, backup::BackupTable::check, line_at)?,
        None => BackupConfig::default(),
    };
    let logs = match file.logs {
        Some(table) => section(table, logs::LogsTable::check, line_at)?,
        None => LogsConfig::default(),
    };
    let stages = match file.stages {
        Some(table) => section(table, stages::Stages::checked, line_at)?,
        None => StageLimits::default(),
    };
    Ok(Settings {
        addr: file.addr.map(Spanned::into_inner),
        database_url: file.database_url,
        default_agent: file.default_agent,
        agents,
        backup,
        logs,
        stages,
        access,
    })
}

/// A section of the file, checked by itself; what is wrong is told with the line where it begins.
fn section<T, C>(
    table: Spanned<T>,
    check: impl FnOnce(T) -> Result<C, String>,
    line_at: impl Fn(usize) -> usize,
) -> Result<C, String> {
    let line = line_at(table.span().start);
    check(table.into_inner()).map_err(|error| format!("line {line}: {error}"))
}

/// A unit of time, and its length in seconds.
struct Unit(&'static str, f64);

const HOURS: Unit = Unit("hours", 3600.0);
const MINUTES: Unit = Unit("minutes", 60.0);

/// A time that may be a fraction of its unit; 0 switches off what it is for. `value` absent: `default`.
fn duration(
    name: &str,
    value: Option<f64>,
    Unit(unit, seconds): Unit,
    default: Option<Duration>,
) -> Result<Option<Duration>, String> {
    /// A hundred years.
    const SECONDS_MAX: f64 = 3600.0 * 24.0 * 366.0 * 100.0;
    match value.map(|value| value * seconds) {
        None => Ok(default),
        Some(seconds) if (0.0..=SECONDS_MAX).contains(&seconds) => {
            Ok((seconds > 0.0).then(|| Duration::from_secs_f64(seconds)))
        }
        Some(_) => Err(format!("{name} is a number of {unit}, such as 24 or 0.5; 0 switches it off")),
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_plain) {
        return Err("an agent's name is made of up to 64 letters, digits, “-”, “_” and “.”".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str, change: impl Fn(&mut ServeOptions)) -> anyhow::Result<Config> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE_NAME), file).unwrap();
        let mut options = ServeOptions { data_dir: Some(dir.path().into()), ..Default::default() };
        change(&mut options);
        Config::load(&options)
    }

    #[track_caller]
    fn fails(file: &str, parts: &[&str]) {
        let error = read(file, |_| ()).err().expect("this is refused").to_string();
        assert!(parts.iter().all(|part| error.contains(part)) && !error.contains('\n'), "{error}");
    }

    #[test]
    fn without_a_word_it_listens_on_loopback_with_sqlite_in_the_data_directory() {
        let config = read("", |_| ()).unwrap();
        assert_eq!(config.addr.to_string(), "127.0.0.1:3000");
        assert!(matches!(&config.database, Database::Sqlite(path) if path.parent() == Some(&config.data_dir)));
        assert!(config.data_dir.is_absolute() && config.agents.is_empty());
    }

    #[test]
    fn an_option_beats_the_file() {
        let file = "addr = \"127.0.0.1:1111\"\ndatabase_url = \"postgres://there/db\"";
        let config = read(file, |options| options.addr = Some("127.0.0.1:2222".into())).unwrap();
        assert_eq!(config.addr.port(), 2222);
        assert!(matches!(config.database, Database::Postgres(url) if url == "postgres://there/db"));
        let config = read(file, |options| options.database_url = Some("sqlite:/tmp/x.db".into())).unwrap();
        assert!(matches!(config.database, Database::Sqlite(path) if path == Path::new("/tmp/x.db")));
    }

    #[test]
    fn agents_are_read() {
        let config = read("[agents.mine]\ncommand = [\"bash\", \"x.sh\"]\nformat = \"text\"\n", |_| ()).unwrap();
        let mine = AgentConfig {
            command: vec!["bash".into(), "x.sh".into()],
            format: Format::Text,
            expects_changes: None,
            verdict: VerdictBy::Exit,
            resume: vec![],
            model: vec![],
        };
        assert_eq!(config.agents, BTreeMap::from([("mine".to_owned(), mine)]));
    }

    #[test]
    fn an_agent_is_judged_by_its_words_unless_it_prints_plain_text() {
        for (lines, expected) in [
            ("format = \"text\"", VerdictBy::Exit),
            ("format = \"text\"\nverdict = \"exit\"", VerdictBy::Exit),
            ("format = \"text\"\nverdict = \"words\"", VerdictBy::Words),
            ("format = \"claude\"", VerdictBy::Words),
            ("format = \"claude\"\nverdict = \"words\"", VerdictBy::Words),
        ] {
            let config = read(&format!("[agents.a]\ncommand = [\"x\"]\n{lines}\n"), |_| ()).unwrap();
            assert_eq!(config.agent_programs().next().unwrap().verdict, expected, "{lines}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        fails("\nadress = \"x\"", &["cardume.toml, line 2", "adress", "addr"]);
        fails("addr = \"nowhere\"", &["line 1", "nowhere", "HOST:PORT"]);
        fails("[agents.a]\nformat = \"text\"", &["line 1", "command"]);
        fails("[agents.a]\ncommand = []\nformat = \"text\"", &["line 2", "“a”", "program"]);
        fails("[agents.a]\ncommand = [\"x\"]\nformat = \"codex\"", &["line 3", "codex", "not supported yet"]);
        fails("[agents.a]\ncommand = [\"x\"]\nformat = \"cobol\"", &["line 3", "cobol", "text"]);
        fails("[agents.\"a b\"]\ncommand = [\"x\"]\nformat = \"text\"", &["line 1", "name"]);
        fails("[agents.a]\ncommand = [\"x\"]\nformat = \"text\"\nmodel = [\"-m\"]", &["line 4", "“a”", "{model}"]);
        let agent = |format: &str| format!("[agents.a]\ncommand = [\"x\"]\nformat = \"{format}\"\n");
        fails(&(agent("text") + "verdict = \"maybe\""), &["line 4", "maybe", "words"]);
        fails(&(agent("claude") + "verdict = \"exit\""), &["line 4", "“a”", "words"]);
        fails("[agents.a\n", &["line 1"]);
    }

    #[test]
    fn a_wrong_database_url_is_refused_without_repeating_it() {
        let error = read("", |options| options.database_url = Some("mysql://root:secret@there/db".into()));
        let error = error.err().unwrap().to_string();
        assert!(error.contains("postgres://") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn a_configuration_that_was_named_must_be_there() {
        assert!(read("", |options| options.config = Some("/there/is/none.toml".into())).is_err());
    }

    #[test]
    fn the_data_directory_is_made_for_this_user_only() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let options = ServeOptions { data_dir: Some(dir.path().join("a/b")), ..Default::default() };
        let config = Config::load(&options).unwrap();
        assert_eq!(config.data_dir.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
}
