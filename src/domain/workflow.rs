//! The workflow: a card's way through plan → implement → test → review, as one state machine.
//!
//! The server's engine asks it what comes next; the browser asks it what may be offered. What it does not allow is an
//! [`IllegalTransition`], never a string that nobody checks.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Card, CardId, Column, ExecutionStatus, Stage, WorkflowStage};

/// Where a card's workflow stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workflow {
    /// It has not run, or only a state is held.
    Idle,
    /// An agent works on this stage, or is about to.
    Working(Stage),
    /// This stage failed, was cancelled or was lost.
    Failed(Stage),
    Completed,
}

/// What may happen to a workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Run, on a card that stands in this column.
    Start(Column),
    /// The stage did what it is for.
    Succeed,
    /// The stage failed, was cancelled or was lost.
    Fail,
    /// Again, from this stage, or from the one that failed.
    Retry(Option<Stage>),
}

/// What somebody who retries a card asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Retry {
    /// Absent: the stage that failed.
    pub stage: Option<Stage>,
    /// The old worktree is put aside, and a new one is made from the card's branch.
    pub new_worktree: bool,
}

/// An [`Event`] that the workflow does not allow where it stands. Says why in words for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IllegalTransition {
    pub from: Workflow,
    pub event: Event,
}

impl std::error::Error for IllegalTransition {}

impl fmt::Display for IllegalTransition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.event, self.from) {
            (Event::Start(_) | Event::Retry(_), Workflow::Working(stage)) => {
                write!(f, "The card is running ({stage}). Wait until it has ended, or cancel it.")
            }
            (Event::Start(column), _) => {
                write!(
                    f,
                    "A run starts from the backlog, and the card stands in {column}. Move it to the backlog, or retry a stage."
                )
            }
            (Event::Retry(_), Workflow::Idle) => write!(f, "Nothing has failed here. Run the card instead."),
            (Event::Retry(_), _) => write!(f, "Nothing has failed here. Name the stage to start again from."),
            (Event::Succeed | Event::Fail, _) => write!(f, "No stage is running on this card."),
        }
    }
}

/// A state that is set from outside and that the card's own run contradicts. Says why in words for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contradiction(pub Workflow);

impl std::error::Error for Contradiction {}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.0.stage();
        match self.0 {
            Workflow::Working(stage) => write!(
                f,
                "The card is running ({stage}), so its state is “{word}”, without an error. Wait until it has ended, or cancel it."
            ),
            Workflow::Failed(stage) => {
                write!(
                    f,
                    "The card's last run did not get through {stage}, so its state is “{word}”. Retry it, or run it again."
                )
            }
            Workflow::Completed => {
                write!(
                    f,
                    "The card's last run is done, so its state is “{word}”, without an error. Retry a stage, or run it again."
                )
            }
            Workflow::Idle => write!(f, "Any state can be set on a card that has not run."),
        }
    }
}

impl Workflow {
    /// Where a card's workflow stands, by what the card tells.
    pub fn of(card: &Card) -> Self {
        let Some(execution) = &card.active_execution else { return Self::Idle };
        match (execution.command.stage(), execution.status) {
            (Some(stage), ExecutionStatus::Running) => Self::Working(stage),
            (Some(stage), ExecutionStatus::Error | ExecutionStatus::Cancelled | ExecutionStatus::Lost) => {
                Self::Failed(stage)
            }
            (Some(_), ExecutionStatus::Success) if execution.workflow_stage == WorkflowStage::Completed => {
                Self::Completed
            }
            _ => Self::Idle,
        }
    }

    /// What this becomes when `event` happens.
    pub fn apply(self, event: Event) -> Result<Self, IllegalTransition> {
        match (self, event) {
            (Self::Idle | Self::Failed(_) | Self::Completed, Event::Start(Column::Backlog)) => {
                Ok(Self::Working(Stage::Plan))
            }
            (Self::Working(stage), Event::Succeed) => Ok(stage.next().map_or(Self::Completed, Self::Working)),
            (Self::Working(stage), Event::Fail) => Ok(Self::Failed(stage)),
            (Self::Failed(stage), Event::Retry(None)) => Ok(Self::Working(stage)),
            (Self::Idle | Self::Failed(_) | Self::Completed, Event::Retry(Some(stage))) => Ok(Self::Working(stage)),
            (from, event) => Err(IllegalTransition { from, event }),
        }
    }

    /// The column that the card belongs in; `None` where the workflow does not say.
    pub fn column(self) -> Option<Column> {
        match self {
            Self::Idle => None,
            Self::Working(stage) => Some(stage.column()),
            Self::Failed(stage) => Some(stage.column_after_failure()),
            Self::Completed => Some(Column::Done),
        }
    }

    /// Whether the card may show this word, with this error beside it. A run has its own word, and no other is true of it;
    /// without a run somebody holds the state by hand.
    pub fn allows(self, word: WorkflowStage, error: Option<&str>) -> Result<(), Contradiction> {
        let is_true = match self {
            Self::Idle => true,
            Self::Failed(_) => word == WorkflowStage::Error,
            Self::Working(_) | Self::Completed => word == self.stage() && error.is_none(),
        };
        if is_true { Ok(()) } else { Err(Contradiction(self)) }
    }

    /// The word for it.
    pub fn stage(self) -> WorkflowStage {
        match self {
            Self::Idle => WorkflowStage::Idle,
            Self::Working(stage) => stage.working(),
            Self::Failed(_) => WorkflowStage::Error,
            Self::Completed => WorkflowStage::Completed,
        }
    }
}

/// What the board needs to know of one card's workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowStatus {
    pub stage: WorkflowStage,
    pub column: Column,
    pub error: Option<String>,
}

/// Rebuilds the workflow statuses from a load of the cards, without asking anybody anything more.
/// In the order of the cards; those that never ran are not in it.
pub fn workflow_statuses(cards: &[Card]) -> Vec<(CardId, WorkflowStatus)> {
    cards
        .iter()
        .filter_map(|card| {
            let execution = card.active_execution.as_ref()?;
            let status = WorkflowStatus {
                stage: execution.workflow_stage,
                column: card.column_id,
                error: execution.workflow_error.clone(),
            };
            Some((card.id, status))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_goes_through_the_four_stages() {
        let mut workflow = Workflow::Idle.apply(Event::Start(Column::Backlog)).unwrap();
        let mut seen = vec![];
        while let Workflow::Working(stage) = workflow {
            seen.push(stage);
            assert_eq!(workflow.column(), Some(stage.column()));
            workflow = workflow.apply(Event::Succeed).unwrap();
        }
        assert_eq!(seen, Stage::ALL);
        assert_eq!((workflow, workflow.column()), (Workflow::Completed, Some(Column::Done)));
    }

    #[test]
    fn a_failed_plan_goes_back_to_the_backlog_and_a_later_failure_stays() {
        for stage in Stage::ALL {
            let failed = Workflow::Working(stage).apply(Event::Fail).unwrap();
            let column = if stage == Stage::Plan { Column::Backlog } else { stage.column() };
            assert_eq!((failed.column(), failed.stage()), (Some(column), WorkflowStage::Error));
        }
    }

    #[test]
    fn a_retry_goes_on_from_the_failed_stage_or_from_the_one_named() {
        let failed = Workflow::Failed(Stage::Test);
        assert_eq!(failed.apply(Event::Retry(None)), Ok(Workflow::Working(Stage::Test)));
        assert_eq!(failed.apply(Event::Retry(Some(Stage::Plan))), Ok(Workflow::Working(Stage::Plan)));
    }

    #[test]
    fn a_run_allows_no_word_but_its_own() {
        use WorkflowStage::{Completed, Error, Idle, Implementing, Planning, Reviewing, Testing};
        let words = [Idle, Planning, Implementing, Testing, Reviewing, Completed, Error];
        let allowed = |workflow: Workflow, error| -> Vec<WorkflowStage> {
            words.into_iter().filter(|word| workflow.allows(*word, error).is_ok()).collect()
        };
        for stage in Stage::ALL {
            assert_eq!(allowed(Workflow::Working(stage), None), [stage.working()]);
            assert_eq!(allowed(Workflow::Working(stage), Some("stuck")), []);
            assert_eq!(allowed(Workflow::Failed(stage), None), [Error]);
            assert_eq!(allowed(Workflow::Failed(stage), Some("by hand")), [Error]);
        }
        assert_eq!(allowed(Workflow::Completed, None), [Completed]);
        assert_eq!(allowed(Workflow::Completed, Some("stuck")), []);
        assert_eq!(allowed(Workflow::Idle, Some("by hand")), words);
    }

    #[test]
    fn illegal_transitions_are_errors() {
        for (from, event) in [
            (Workflow::Working(Stage::Plan), Event::Start(Column::Backlog)),
            (Workflow::Idle, Event::Start(Column::Test)),
            (Workflow::Idle, Event::Succeed),
            (Workflow::Completed, Event::Fail),
            (Workflow::Completed, Event::Retry(None)),
            (Workflow::Idle, Event::Retry(None)),
            (Workflow::Working(Stage::Plan), Event::Retry(Some(Stage::Plan))),
        ] {
            assert_eq!(from.apply(event), Err(IllegalTransition { from, event }));
        }
    }
}
