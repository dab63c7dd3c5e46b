//! The domain's words as the board writes them, and the colour and shape that go with them.

use crate::domain::{Card, Column, ExecutionStatus, Stage, Workflow, WorkflowStage};
use crate::ui::kit::{Mark, Shape, Tone};
use crate::ui::tr;

pub fn column_title(column: Column) -> &'static str {
    match column {
        Column::Backlog => tr!(columns.backlog),
        Column::Plan => tr!(columns.plan),
        Column::Implement => tr!(columns.implement),
        Column::Test => tr!(columns.test),
        Column::Review => tr!(columns.review),
        Column::Done => tr!(columns.done),
    }
}

pub fn stage_title(stage: Stage) -> &'static str {
    column_title(stage.column())
}

fn stage_in_a_sentence(stage: Stage) -> &'static str {
    match stage {
        Stage::Plan => tr!(stages.plan),
        Stage::Implement => tr!(stages.implement),
        Stage::Test => tr!(stages.test),
        Stage::Review => tr!(stages.review),
    }
}

pub fn stage_tone(stage: Stage) -> Tone {
    match stage {
        Stage::Plan => Tone::Plan,
        Stage::Implement => Tone::Implement,
        Stage::Test => Tone::Test,
        Stage::Review => Tone::Review,
    }
}

/// How a card's workflow stands. `None` where there is nothing to say.
pub fn mark_of(card: &Card) -> Option<Mark> {
    let execution = card.active_execution.as_ref()?;
    let failed = |how: ExecutionStatus| {
        let stage = execution.command.stage();
        let (tone, shape) = tone_of(stage, how);
        let what = stage.map_or_else(|| tr!(stages.workflow), stage_title);
        Mark { tone, shape, word: tr!(stages.ended, what = what, how = word_of(how)) }
    };
    let working = |stage: Stage, word: &str| Mark { tone: stage_tone(stage), shape: Shape::Working, word: word.into() };
    Some(match execution.workflow_stage {
        WorkflowStage::Idle => return None,
        WorkflowStage::Planning => working(Stage::Plan, tr!(stages.planning)),
        WorkflowStage::Implementing => working(Stage::Implement, tr!(stages.implementing)),
        WorkflowStage::Testing => working(Stage::Test, tr!(stages.testing)),
        WorkflowStage::Reviewing => working(Stage::Review, tr!(stages.reviewing)),
        WorkflowStage::Completed => Mark { tone: Tone::Done, shape: Shape::Done, word: tr!(stages.completed).into() },
        WorkflowStage::Error => match execution.status {
            how @ (ExecutionStatus::Cancelled | ExecutionStatus::Lost) => failed(how),
            _ => failed(ExecutionStatus::Error),
        },
    })
}

/// Colour and shape of an execution's status.
pub fn tone_of(stage: Option<Stage>, status: ExecutionStatus) -> (Tone, Shape) {
    match status {
        ExecutionStatus::Idle => (Tone::Neutral, Shape::Waiting),
        ExecutionStatus::Running => (stage.map_or(Tone::Neutral, stage_tone), Shape::Working),
        ExecutionStatus::Success => (Tone::Done, Shape::Done),
        ExecutionStatus::Error => (Tone::Failed, Shape::Failed),
        ExecutionStatus::Cancelled => (Tone::Stopped, Shape::Stopped),
        ExecutionStatus::Lost => (Tone::Failed, Shape::Lost),
    }
}

pub fn word_of(status: ExecutionStatus) -> &'static str {
    match status {
        ExecutionStatus::Idle => tr!(status.waiting),
        ExecutionStatus::Running => tr!(status.running),
        ExecutionStatus::Success => tr!(status.done),
        ExecutionStatus::Error => tr!(status.failed),
        ExecutionStatus::Cancelled => tr!(status.cancelled),
        ExecutionStatus::Lost => tr!(status.lost),
    }
}

/// How far one stage of a card has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Ahead,
    Running,
    Done,
    Failed,
}

impl Progress {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ahead => "ahead",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// How far each of the four stages has come.
pub fn progress(workflow: Workflow) -> [Progress; 4] {
    Stage::ALL.map(|stage| match workflow {
        Workflow::Idle => Progress::Ahead,
        Workflow::Completed => Progress::Done,
        Workflow::Working(now) | Workflow::Failed(now) if stage < now => Progress::Done,
        Workflow::Working(now) if stage == now => Progress::Running,
        Workflow::Failed(now) if stage == now => Progress::Failed,
        _ => Progress::Ahead,
    })
}

/// The same for those who do not see it.
pub fn progress_in_words(workflow: Workflow) -> String {
    match workflow {
        Workflow::Idle => tr!(stages.not_started).into(),
        Workflow::Completed => tr!(stages.all_done).into(),
        Workflow::Working(stage) => {
            tr!(stages.running, number = stage as u8 + 1, stage = stage_in_a_sentence(stage))
        }
        Workflow::Failed(stage) => {
            tr!(stages.stopped, number = stage as u8 + 1, stage = stage_in_a_sentence(stage))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_before_the_present_one_are_done_and_later_ones_ahead() {
        use Progress::*;
        assert_eq!(progress(Workflow::Idle), [Ahead; 4]);
        assert_eq!(progress(Workflow::Working(Stage::Implement)), [Done, Running, Ahead, Ahead]);
        assert_eq!(progress(Workflow::Failed(Stage::Review)), [Done, Done, Done, Failed]);
        assert_eq!(progress(Workflow::Completed), [Done; 4]);
    }
}
