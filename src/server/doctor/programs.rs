//! The programs that a server starts: git, and the agents.

use std::path::Path;

use super::{Finding, note, well, wrong};
use crate::domain::Agent;
use crate::server::config::Config;
use crate::server::git::git;

/// The oldest git whose worktrees do what the engine asks of them.
const GIT_OLDEST: (u32, u32) = (2, 38);

pub async fn agents(config: &Config) -> Vec<Finding> {
    let agents = match crate::server::agents(config) {
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

pub async fn git_itself() -> Finding {
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
}
