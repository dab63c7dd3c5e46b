//! The agent's work at a stage's end, as the git room sees it: the plan, the commit, and the reference that keeps it.

use std::path::Path;

use super::Engine;
use super::follow::Following;
use crate::domain::Timestamp;
use crate::server::git::worktree::Worktree;
use crate::server::git::{Gathered, GitError, RepositoryState, StageEnd, keep_ref};

/// The work of one execution.
pub(super) struct Work<'a> {
    following: &'a Following,
    worktree: Worktree,
    /// Of the commit, where one is made.
    message: String,
    at: Timestamp,
}

impl<'a> Work<'a> {
    /// `at`: a time that is the same however often this is worked out.
    pub fn of(engine: &Engine, following: &'a Following, at: Timestamp) -> Self {
        let Following { execution, card, .. } = following;
        let agent = engine.agents.get(&execution.agent).map_or(execution.agent.as_str(), |program| &program.name);
        let message = format!("{}: {}\n\nCardume card {}, agent {agent}", execution.stage, card.title, card.id);
        Self { following, worktree: engine.own_worktree(card), message, at }
    }

    /// The plan of a planning stage: one written since the stage began, else the one that an earlier attempt left. A
    /// database that was restored to an earlier state may not know it; then the branch does.
    pub async fn find_spec(&self) -> Result<Option<String>, GitError> {
        if let Some(new) = self.worktree.spec_since(self.project(), self.base()).await? {
            return Ok(Some(new));
        }
        let known = self.following.card.spec_path.as_deref();
        if let Some(known) = known.filter(|spec| self.worktree.has_spec(spec)) {
            return Ok(Some(known.to_owned()));
        }
        match self.worktree.origin(self.project()).await {
            Ok(origin) => self.worktree.spec_since(self.project(), &origin).await,
            Err(error @ GitError::NoRoom { .. }) => Err(error),
            // The project has been given another history meanwhile.
            Err(_) => Ok(None),
        }
    }

    /// Brings it onto the card's branch; `spec` even where the repository ignores it.
    pub async fn gather(&self, spec: Option<&str>) -> Result<Gathered, GitError> {
        let forced: Vec<String> = spec.map(str::to_owned).into_iter().collect();
        let hold = self.worktree.hold().await?;
        self.stage_end(&forced).gather(&hold).await
    }

    /// Keeps it without moving anything.
    pub async fn keep_all(&self) -> Result<(), GitError> {
        let hold = self.worktree.hold().await?;
        self.stage_end(&[]).keep_all(&hold).await
    }

    /// The reference that keeps it, once there is one.
    pub async fn kept_ref(&self) -> Option<String> {
        let reference = keep_ref(self.following.card.id, self.following.execution.id);
        self.worktree.has_ref(self.project(), &reference).await.then_some(reference)
    }

    /// What changed in the repository since the agent was started, but for the card's own branch.
    pub async fn changes_elsewhere(&self) -> Vec<String> {
        let order = self.following.workplace.order().ok();
        let before = order.and_then(|order| serde_json::from_value::<RepositoryState>(order.repository?).ok());
        let Some(before) = before else { return vec![] };
        let changes = before.changes_until_now(&self.worktree, self.project()).await;
        changes.unwrap_or_else(|error| {
            tracing::warn!(execution = %self.following.execution.id, %error, "the repository can't be compared");
            vec![]
        })
    }

    fn stage_end<'b>(&'b self, forced: &'b [String]) -> StageEnd<'b> {
        StageEnd {
            worktree: &self.worktree,
            project: self.project(),
            card: self.following.card.id,
            execution: self.following.execution.id,
            base: self.base(),
            message: &self.message,
            at: self.at,
            forced,
        }
    }

    fn project(&self) -> &Path {
        Path::new(&self.following.project.path)
    }

    fn base(&self) -> &str {
        self.following.execution.base_commit.as_deref().unwrap_or_default()
    }
}
