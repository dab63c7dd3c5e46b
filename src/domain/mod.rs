//! The nouns of Cardume and their transitions, shared by the server and the browser.
//!
//! Pure values: no I/O, no clock, no randomness. Whatever needs the present moment gets it as a [`Timestamp`].

pub mod agent;
pub mod card;
pub mod execution;
pub mod harmless;
pub mod id;
pub mod integer;
pub mod log;
pub mod problem;
pub mod project;
pub mod remedy;
pub mod request_key;
pub mod search;
pub mod stage;
pub mod timestamp;
pub mod usage;
pub mod verdict;
pub mod workflow;

pub use agent::Agent;
pub use card::{Card, CardEdit, CardMove, NewCard};
pub use execution::{ActiveExecution, Command, Execution, ExecutionStatus, Usage};
pub use id::{CardId, ExecutionId, ProjectId};
pub use log::{ExecutionLog, LogLine, LogSlice, LogType};
pub use problem::Problem;
pub use project::{NewProject, Project, ProjectEdit};
pub use remedy::Remedy;
pub use request_key::{BadRequestKey, RequestKey};
pub use search::{LogMatch, LogMatches, RunMatch, SearchLimits};
pub use stage::{Column, ColumnSettings, Stage, WorkflowStage};
pub use timestamp::Timestamp;
pub use usage::{Period, UsageReport, Used, UsedByCard, UsedByProject, UsedByStage, UsedOnDay, UsedSoFar};
pub use verdict::Verdict;
pub use workflow::{Event, IllegalTransition, Retry, Workflow, WorkflowStatus, workflow_statuses};
