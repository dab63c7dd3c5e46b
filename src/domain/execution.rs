//! An execution: one agent invocation for one stage of a card.

use serde::{Deserialize, Serialize};

use super::stage::words;
use super::{CardId, ExecutionId, Stage, Timestamp, WorkflowStage};

/// How an execution stands. Only the server's engine moves it on:
/// `running` → `success` | `error` | `cancelled` | `lost`. `idle` is a state held without an agent, and never ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ExecutionStatus {
    /// Never had a process.
    Idle,
    /// Its agent works, or is about to be started.
    Running,
    /// The agent ended well and left what the stage is for.
    Success,
    /// The agent failed, or ended well without doing what the stage is for.
    Error,
    /// Somebody stopped it.
    Cancelled,
    /// Its process is gone and left no exit status.
    Lost,
}

words!(ExecutionStatus, "execution status", {
    Idle => "idle", Running => "running", Success => "success", Error => "error", Cancelled => "cancelled", Lost => "lost",
});

impl ExecutionStatus {
    /// True once nothing more will come from its agent. `idle` has not ended: it never began, and rows can still be added.
    pub fn has_ended(self) -> bool {
        !matches!(self, Self::Idle | Self::Running)
    }
}

/// What an execution was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub enum Command {
    #[serde(rename = "/plan")]
    Plan,
    #[serde(rename = "/implement")]
    Implement,
    #[serde(rename = "/test")]
    Test,
    #[serde(rename = "/review")]
    Review,
    /// Made only to hold a state: no agent was started.
    #[serde(rename = "workflow")]
    Workflow,
}

words!(Command, "command", {
    Plan => "/plan", Implement => "/implement", Test => "/test", Review => "/review", Workflow => "workflow",
});

impl Command {
    /// The stage that an agent works on; `None` where there is no agent.
    pub fn stage(self) -> Option<Stage> {
        Stage::ALL.into_iter().find(|stage| Self::from(*stage) == self)
    }
}

impl From<Stage> for Command {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Plan => Self::Plan,
            Stage::Implement => Self::Implement,
            Stage::Test => Self::Test,
            Stage::Review => Self::Review,
        }
    }
}

/// What the agent said it used. Absent where it does not say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// The agent's own name for its conversation; some agents can resume it.
    pub session_id: Option<String>,
    pub model: Option<String>,
    pub turns: Option<i64>,
    pub input_tokens: Option<i64>,
    pub output_tokens: Option<i64>,
    /// In US dollars.
    pub cost_usd: Option<f64>,
}

/// One agent invocation for one stage of a card, as history shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Execution {
    pub id: ExecutionId,
    pub card_id: CardId,
    pub command: Command,
    /// 1 for the first try of this stage of this card, then 2, 3, …
    #[cfg_attr(feature = "ssr", schema(minimum = 1))]
    pub attempt: i64,
    pub agent: String,
    pub status: ExecutionStatus,
    pub workflow_stage: WorkflowStage,
    pub workflow_error: Option<String>,
    pub started_at: Timestamp,
    pub completed_at: Option<Timestamp>,
    /// What the agent said at the end.
    pub result: Option<String>,
    /// The agent's exit status; 128 + n where signal n ended it.
    pub exit_code: Option<i32>,
    /// The sequence of its last log row; 0 while it has none.
    #[cfg_attr(feature = "ssr", schema(minimum = 0))]
    pub last_sequence: i64,
    /// Exactly one execution of a card is active: the one that the board shows.
    pub active: bool,
    /// SHA-256 of all that the agent printed, as far as it is in the log; ARCHITECTURE.md has the definition.
    #[cfg_attr(feature = "ssr", schema(pattern = "^[0-9a-f]{64}$"))]
    pub digest: Option<String>,
    /// Whether that is what the agent's supervisor saw. `None` while it runs, and where the supervisor left no word.
    pub verified: Option<bool>,
    /// How often in succession Cardume itself has begun this stage again, after a restart of the machine.
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(minimum = 0))]
    pub automatic: i64,
    /// The reference in the project's repository that keeps what this stage left, whatever became of the branch.
    #[serde(default)]
    pub work_ref: Option<String>,
    /// What somebody should look at, a line each: the agent changed the repository's settings, or moved other branches.
    #[serde(default)]
    pub warning: Option<String>,
    #[serde(flatten)]
    pub usage: Usage,
}

/// What a card tells of its active execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ActiveExecution {
    pub id: ExecutionId,
    pub status: ExecutionStatus,
    pub command: Command,
    pub workflow_stage: WorkflowStage,
    pub workflow_error: Option<String>,
    pub started_at: Timestamp,
    pub completed_at: Option<Timestamp>,
    #[cfg_attr(feature = "ssr", schema(minimum = 0))]
    pub last_sequence: i64,
}
