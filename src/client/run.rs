//! `cardume run`: a project, a card, a run, and what comes of it.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::json;

use super::logs::Printer;
use super::terminal::say;
use super::{Connection, follow};
use crate::domain::harmless::harmless_line;
use crate::domain::{Card, Project, WorkflowStage};

/// What to run.
#[derive(clap::Args)]
pub struct NewRun {
    /// The git repository to work on
    #[arg(long, value_name = "DIR")]
    project: PathBuf,
    /// What is to be done, in a line
    #[arg(long)]
    title: String,
    /// What is to be done, in full
    #[arg(long, default_value = "")]
    description: String,
    /// Who is to do it [default: the server's]
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Print the log as it comes, and end as the run ends
    #[arg(long, short)]
    follow: bool,
}

/// Adds the project if need be, makes a card and runs it. The card's id is the first line on stdout.
/// With `--follow` it is an error if the run ends otherwise than completed.
pub fn run(server: &Connection, new: NewRun) -> anyhow::Result<()> {
    let path = absolute(&new.project)?;
    let project: Project = server.post("/api/projects", &json!({ "path": path }))?;
    let card = json!({
        "projectId": project.id, "title": new.title, "description": new.description, "agent": new.agent,
    });
    let card: Card = server.post("/api/cards", &card)?;
    say(&format!("{}\n", card.id))?;
    let _: Card = server.post(&format!("/api/cards/{}/run", card.id), &json!({}))?;
    if !new.follow {
        return Ok(());
    }
    let mut page = Printer::default();
    let last = follow::read_all(server, card.id, true, |execution, line| say(&page.lines(execution, line)))?;
    let last = last.context("the card never ran")?;
    if last.workflow_stage == WorkflowStage::Completed {
        return Ok(());
    }
    let why = last.workflow_error.unwrap_or_else(|| format!("it stands at “{}”", last.workflow_stage));
    bail!("{} ended: {}", last.command, harmless_line(&why))
}

fn absolute(path: &Path) -> anyhow::Result<String> {
    let shown = path.display();
    let absolute = path.canonicalize().with_context(|| format!("cannot find the project {shown}"))?;
    absolute.into_os_string().into_string().ok().with_context(|| format!("the path {shown} is not UTF-8"))
}
