//! `cardume doctor`: looks at all that a server needs, and says what is wrong and how to mend it.
//!
//! It asks no server and may run beside one. It makes nothing but a file that it takes away again.

use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use super::config::{Config, ServeOptions};
use super::process::git::git;
use super::store::{CacheLimits, Database, Store};
use crate::client::terminal::harmless_line;
use crate::domain::Agent;

/// The oldest git whose worktrees do what the engine asks of them.
const GIT_OLDEST: (u32, u32) = (2, 31);

/// What was found, a line each.
pub struct Report {
    findings: Vec<Finding>,
}

struct Finding {
    weight: Weight,
    subject: String,
    /// What is there, or what is wrong and what to do.
    detail: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    Well,
    /// Not needed by everybody.
    Note,
    Wrong,
}

impl Report {
    /// Whether a server would find what it needs.
    pub fn is_well(&self) -> bool {
        self.findings.iter().all(|finding| finding.weight != Weight::Wrong)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { weight, subject, detail } in &self.findings {
            let sign = match weight {
                Weight::Well => '✓',
                Weight::Note => '·',
                Weight::Wrong => '✗',
            };
            writeln!(f, "{sign} {subject}: {}", harmless_line(detail))?;
        }
        Ok(())
    }
}

/// Looks at everything, whatever is wrong before.
pub fn examine(options: &ServeOptions) -> Report {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => Report { findings: runtime.block_on(examine_all(options)) },
        Err(error) => Report { findings: vec![wrong("runtime", error.to_string())] },
    }
}

async fn examine_all(options: &ServeOptions) -> Vec<Finding> {
    let mut findings = vec![];
    match Config::read(options) {
        Err(error) => findings.push(wrong("configuration", format!("{error:#}"))),
        Ok(config) => {
            findings.push(well("configuration", format!("listens on {}", config.addr)));
            findings.push(data_dir(&config.data_dir));
            findings.push(database(&config).await);
            findings.push(access(&config).await);
            findings.extend(agents(&config).await);
        }
    }
    findings.push(git_itself().await);
    findings
}

fn well(subject: &str, detail: impl Into<String>) -> Finding {
    Finding { weight: Weight::Well, subject: subject.into(), detail: detail.into() }
}

fn note(subject: &str, detail: impl Into<String>) -> Finding {
    Finding { weight: Weight::Note, subject: subject.into(), detail: detail.into() }
}

fn wrong(subject: &str, detail: impl Into<String>) -> Finding {
    Finding { weight: Weight::Wrong, subject: subject.into(), detail: detail.into() }
}

fn data_dir(path: &Path) -> Finding {
    let subject = "data directory";
    let shown = path.display();
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return note(subject, format!("{shown} is not there yet; `cardume serve` makes it"));
        }
        Err(error) => return wrong(subject, format!("{shown}: {error}. Name another with --data-dir")),
    };
    if !metadata.is_dir() {
        return wrong(subject, format!("{shown} is no directory. Move it away, or name another with --data-dir"));
    }
    if let Err(error) = try_to_write(path) {
        return wrong(
            subject,
            format!("{shown} cannot be written ({error}). Mend its owner, permissions or free space"),
        );
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return note(subject, format!("{shown} is open to other users (mode {mode:o}); close it: chmod 700 {shown}"));
    }
    well(subject, shown.to_string())
}

/// Leaves nothing behind.
fn try_to_write(dir: &Path) -> std::io::Result<()> {
    let probe = dir.join(format!(".doctor-{}", std::process::id()));
    let written = std::fs::write(&probe, "cardume doctor was here");
    let removed = std::fs::remove_file(&probe);
    written.and(removed)
}

async fn database(config: &Config) -> Finding {
    let subject = "database";
    let (place, remedy) = match &config.database {
        Database::Sqlite(path) if !path.exists() => {
            return note(subject, format!("{} is not there yet; `cardume serve` makes it", path.display()));
        }
        Database::Sqlite(path) => (path.display().to_string(), "Mend the file's owner, permissions or free space"),
        Database::Postgres(_) => ("Postgres".to_owned(), "Check the database URL, and that the database is up"),
    };
    let limits = CacheLimits { time_to_live: Duration::from_secs(1), size_bytes: 0 };
    let examined = async {
        let store = Store::open(&config.database, limits).await?;
        let version = store.engine_version().await;
        let writable = store.check_writable(super::now()).await;
        store.close().await;
        writable.and(version)
    };
    match tokio::time::timeout(Duration::from_secs(20), examined).await {
        Ok(Ok(version)) => well(subject, format!("{version}, {place}")),
        Ok(Err(error)) => wrong(subject, format!("{place}: {error}. {remedy}")),
        Err(_) => wrong(subject, format!("{place} does not answer. {remedy}")),
    }
}

/// Whether those who can reach the server are asked for anything.
async fn access(config: &Config) -> Finding {
    let subject = "access";
    let has_token = config.access.token.is_some();
    let has_made = match &config.database {
        Database::Sqlite(path) if !path.exists() => false,
        _ => made_credentials(config).await.unwrap_or(false),
    };
    match (config.addr.ip().to_canonical().is_loopback(), has_token || has_made) {
        (_, true) => well(subject, "a token or a login is wanted"),
        (true, false) if config.access.required => well(subject, "the link that is printed at start is wanted"),
        (true, false) => well(subject, "nobody is asked, and only this machine reaches it"),
        (false, false) => wrong(
            subject,
            format!("others can reach {}: make a token (cardume token new NAME), or listen on 127.0.0.1", config.addr),
        ),
    }
}

async fn made_credentials(config: &Config) -> Option<bool> {
    let limits = CacheLimits { time_to_live: Duration::from_secs(1), size_bytes: 0 };
    let asked = async {
        let store = Store::open(&config.database, limits).await?;
        let made = store.has_credentials().await;
        store.close().await;
        made
    };
    tokio::time::timeout(Duration::from_secs(20), asked).await.ok()?.ok()
}

async fn agents(config: &Config) -> Vec<Finding> {
    let agents = match super::agents(config) {
        Ok(agents) => agents.list().await,
        Err(error) => return vec![wrong("agents", error.to_string())],
    };
    let finding = |agent: Agent| {
        let subject = format!("agent {}", agent.name);
        match agent.reason {
            None => well(&subject, agent.version.unwrap_or_else(|| "installed".into())),
            Some(reason) => note(&subject, reason),
        }
    };
    agents.into_iter().map(finding).collect()
}

async fn git_itself() -> Finding {
    let remedy = format!("Install git {}.{} or newer", GIT_OLDEST.0, GIT_OLDEST.1);
    match git(Path::new("/"), &["--version"]).await {
        Err(error) => wrong("git", format!("{error}. {remedy}")),
        Ok(output) => match git_version(output.trim()) {
            Some(version) if version >= GIT_OLDEST => well("git", output.trim()),
            Some(_) => wrong("git", format!("{} is too old. {remedy}", output.trim())),
            None => wrong("git", format!("does not say its version. {remedy}")),
        },
    }
}

/// Out of `git version 2.39.5 (Apple Git-154)`.
fn git_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.strip_prefix("git version ")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gits_version_is_read() {
        assert_eq!(git_version("git version 2.39.5"), Some((2, 39)));
        assert_eq!(git_version("git version 2.46.0 (Apple Git-154)"), Some((2, 46)));
        assert_eq!(git_version("fatal"), None);
    }

    #[test]
    fn a_data_directory_is_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(data_dir(dir.path()).weight == Weight::Note);
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        assert!(data_dir(dir.path()).weight == Weight::Well);
        assert_eq!(dir.path().read_dir().unwrap().count(), 0);
        std::fs::write(dir.path().join("file"), "").unwrap();
        assert!(data_dir(&dir.path().join("file")).weight == Weight::Wrong);
        assert!(data_dir(&dir.path().join("missing")).weight == Weight::Note);
    }
}
