//! A card: one piece of work on the board.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::integer::whole_or_null;
use super::{ActiveExecution, CardId, Column, ExecutionStatus, ProjectId, Remedy, Timestamp, WorkflowStage};

/// One piece of work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Card {
    pub id: CardId,
    pub project_id: ProjectId,
    #[cfg_attr(feature = "ssr", schema(min_length = 1, max_length = 300))]
    pub title: String,
    /// Markdown, as the user wrote it. Never shown unescaped.
    #[cfg_attr(feature = "ssr", schema(max_length = 262144))]
    pub description: String,
    pub column_id: Column,
    /// Place in its column, from 0 at the top.
    #[cfg_attr(feature = "ssr", schema(minimum = 0))]
    pub position: i64,
    /// The name of the agent that works on it.
    #[cfg_attr(feature = "ssr", schema(min_length = 1))]
    pub agent: String,
    /// The model that the agent is asked to work with; absent: its own choice.
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(max_length = 200))]
    pub model: Option<String>,
    /// The plan's outcome, relative to the worktree: `specs/….md`.
    pub spec_path: Option<String>,
    /// The card's git branch, once it has run.
    pub branch: Option<String>,
    /// The card's git worktree, once it has run.
    pub worktree_path: Option<String>,
    /// Grows with every change; send it back to learn whether somebody else was faster.
    #[cfg_attr(feature = "ssr", schema(minimum = 1))]
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// When it was put away, off the board, with all that it has.
    #[serde(default)]
    pub archived_at: Option<Timestamp>,
    /// When it was deleted. It is in the archive from then on, and gone for good [`Card::DISCARDED_KEPT`] later.
    #[serde(default)]
    pub discarded_at: Option<Timestamp>,
    /// The last thing about its runs that somebody should look at: a setting of the repository that an agent changed, a
    /// branch that it moved, commits that it dropped. A line each.
    #[serde(default)]
    pub warning: Option<String>,
    pub active_execution: Option<ActiveExecution>,
}

impl Card {
    /// A deleted card can be restored for so long.
    pub const DISCARDED_KEPT: Duration = Duration::from_secs(24 * 60 * 60);
    /// A model's name has at most so many characters.
    pub const MODEL_MAX_CHARS: usize = 200;

    /// What its last error asks a person to do, if it asks for something that can be offered.
    pub fn remedy(&self) -> Option<Remedy> {
        let execution = self.active_execution.as_ref()?;
        let is_failed = execution.status.has_ended() && execution.workflow_stage == WorkflowStage::Error;
        execution.workflow_error.as_deref().filter(|_| is_failed).and_then(Remedy::of)
    }

    /// Whether an agent works on it, or is about to.
    pub fn is_running(&self) -> bool {
        self.active_execution.as_ref().is_some_and(|execution| execution.status == ExecutionStatus::Running)
    }
}

/// What is needed to make a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct NewCard {
    pub project_id: ProjectId,
    pub title: String,
    #[serde(default)]
    pub description: String,
    /// Absent: the configured default.
    #[serde(default)]
    pub agent: Option<String>,
    /// Absent or empty: the agent's own choice.
    #[serde(default)]
    pub model: Option<String>,
}

impl NewCard {
    pub const TITLE_MAX_CHARS: usize = 300;
    pub const DESCRIPTION_MAX_BYTES: usize = 256 * 1024;
}

/// A change to a card's text, or to whether it is on the board. Absent fields stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CardEdit {
    /// Not blank; at most 300 characters.
    #[cfg_attr(
        feature = "ssr",
        schema(min_length = 1, max_length = 300, pattern = r"^[^\u0000]*[^\u0000\s][^\u0000]*$")
    )]
    pub title: Option<String>,
    /// Markdown; at most 256 KiB.
    #[cfg_attr(feature = "ssr", schema(max_length = 262144, pattern = r"^[^\u0000]*$"))]
    pub description: Option<String>,
    /// One of `/api/agents`.
    #[cfg_attr(feature = "ssr", schema(min_length = 1))]
    pub agent: Option<String>,
    /// Empty: the agent's own choice.
    #[serde(default)]
    #[cfg_attr(
        feature = "ssr",
        schema(max_length = 200, pattern = r"^([A-Za-z0-9_.:/@\[\]][A-Za-z0-9_.:/@\[\]-]*)?$")
    )]
    pub model: Option<String>,
    /// Puts it away, or back to where it stood. Not while it runs.
    #[serde(default)]
    pub archived: Option<bool>,
    /// Puts it away to be deleted a day later; restoring it keeps it. Not while it runs.
    #[serde(default)]
    pub discarded: Option<bool>,
    /// The version that the change was made from; refused with a conflict where the card has moved on.
    #[cfg_attr(feature = "ssr", schema(minimum = 0))]
    #[serde(default, deserialize_with = "whole_or_null")]
    pub version: Option<i64>,
}

/// Where to put a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CardMove {
    pub column_id: Column,
    /// From 0 at the top; beyond the end means the end.
    pub position: i64,
    pub version: Option<i64>,
}
