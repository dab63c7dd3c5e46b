//! A card's worktree before its agent works there: made, mended, made anew, or found to be of no more use.

use std::path::Path;

use super::Engine;
use super::patience::Lack;
use super::prepare::Refusal;
use crate::domain::{Card, Project, ProjectId, Remedy};
use crate::server::git::Hold;
use crate::server::git::belonging::obstacle;
use crate::server::git::worktree::{Past, Worktree, branch_name};
use crate::server::process::Presence;
use crate::server::store::{RunningExecution, StoreError};

/// Where an execution works.
pub(super) struct Settled {
    pub worktree: Worktree,
    /// Nobody else changes the worktree meanwhile.
    pub hold: Hold,
    /// What the log says about it, where that is not as usual.
    pub remark: Option<String>,
}

impl Engine {
    pub(super) fn own_worktree(&self, card: &Card) -> Worktree {
        self.worktree_of(card).unwrap_or_else(|| Worktree {
            path: self.worktree_path(card.id),
            branch: branch_name(card.id, &card.title),
        })
    }

    /// Makes the worktree ready, and can be repeated from any point. A project that is gone is an error that may pass: its
    /// disk may only be away for a moment.
    pub(super) async fn settle(
        &self,
        execution: &RunningExecution,
        card: &Card,
        project: &Project,
    ) -> anyhow::Result<Result<Settled, Refusal>> {
        let (worktree, path) = (self.own_worktree(card), Path::new(&project.path));
        if let Some(obstacle) = obstacle(path).await? {
            return Err(obstacle.into());
        }
        let hold = worktree.hold().await?;
        // An order names a worktree that was made before: a database that was set back may have forgotten that.
        let is_first = || execution.base_commit.is_none() && self.workplace(execution.id).order().is_err();
        let remark = match execution.new_worktree && is_first() {
            true => Some(put_aside(path, &worktree, execution.ordinal, &hold).await?),
            false => None,
        };
        // Since marks are written, whatever may hold an agent's work has one.
        let past = if card.worktree_path.is_some() { Past::Unknown } else { Past::None };
        let Err(error) = worktree.ensure(path, &hold, past).await else {
            return Ok(Ok(Settled { worktree, hold, remark }));
        };
        let error = anyhow::Error::from(error);
        if Lack::behind(&error).is_some() {
            return Err(error);
        }
        let mut why = format!("The card's worktree could not be made: {error:#}");
        if worktree.path.exists() && Remedy::of(&why).is_none() {
            let dot = if why.ends_with('.') { "" } else { "." };
            why.push_str(&format!(
                "{dot} {}: the folder that is there now is kept beside it.",
                Remedy::NewWorktree.words()
            ));
        }
        Ok(Err(Refusal(why)))
    }

    /// A card of the project whose agent is at work. A run that still waits, or can't continue, has none.
    pub async fn card_with_agent_at_work(&self, project: ProjectId) -> Result<Option<Card>, StoreError> {
        for execution in self.store.running().await? {
            // It may have been deleted since.
            let Ok(card) = self.store.card(execution.card_id).await else { continue };
            let is_at_work = || matches!(self.workplace(execution.id).presence(), Ok(Presence::Alive) | Err(_));
            if card.project_id == project && is_at_work() {
                return Ok(Some(card));
            }
        }
        Ok(None)
    }
}

/// Makes room for a new worktree; answers what the log says about it.
async fn put_aside(project: &Path, worktree: &Worktree, ordinal: i64, hold: &Hold) -> anyhow::Result<String> {
    let has_branch = worktree.tip(project).await?.is_some();
    let kept = match worktree.set_aside(ordinal, hold)? {
        true => {
            format!("The old worktree is in {}, with everything that was in it.", worktree.aside(ordinal).display())
        }
        false => "There was no old worktree.".to_owned(),
    };
    let made = match has_branch {
        true => format!("The new worktree is made from the branch {}.", worktree.branch),
        false => {
            format!("The branch {} is gone, so the new worktree begins at the project's own commit.", worktree.branch)
        }
    };
    Ok(format!("{made} {kept}"))
}
