//! `cardume doctor`: looks at all that a server needs, and says what is wrong and how to mend it.
//!
//! It asks no server and may run beside one. It makes nothing but a file that it takes away again, and leaves the
//! database's schema as it is.

mod access;
mod cleanup;
mod database;
mod executions;
mod owner;
mod programs;
mod projects;
mod storage;

use std::fmt;

use super::config::{Config, ServeOptions};
use crate::domain::harmless::harmless_line;

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
            findings.extend(storage::examine(&config));
            let (of_database, store) = database::examine(&config).await;
            findings.extend(of_database);
            findings.extend(owner::server(&config).await);
            findings.push(access::examine(&config, store.as_ref()).await);
            if let Some(store) = store {
                findings.extend(owner::data_dir(&config, &store).await);
                let (of_projects, stuck) = projects::examine(&store).await;
                findings.extend(of_projects);
                findings.extend(executions::examine(&config, &store, stuck).await);
                findings.extend(cleanup::examine(&config, &store).await);
                store.close().await;
            }
            findings.extend(programs::agents(&config).await);
        }
    }
    findings.push(programs::git_itself().await);
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
