//! What is remembered of a run from one try to follow it to the next, and what is done about its errors.

use std::time::{Duration, Instant};

use super::Engine;
use super::patience::{Lack, Next, Patience, TRIES};
use crate::domain::ExecutionId;
use crate::server::git::belonging::Obstacle;

/// How long a started supervisor may take to show itself.
const SHOW_WITHIN: Duration = Duration::from_secs(5);
/// A cancelled execution whose supervisor does not end it within this time is ended from here.
pub(super) const CANCEL_WITHIN: Duration = Duration::from_secs(6);

/// What is remembered of a run from one try to follow it to the next.
#[derive(Default)]
pub(super) struct Course {
    patience: Patience,
    /// How much of the journal was in the database at the last try.
    pub progress: i64,
    pub launches: Launches,
    pub cancel: Cancel,
    /// It has failed often enough: this is the error in which it ends.
    pub given_up: Option<String>,
}

/// The steps on the way of a run, as an error names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Step {
    #[error("the stage could not be made ready")]
    GettingReady,
    #[error("the run could not be followed")]
    Watching,
    #[error("it could not be worked out how the stage ended")]
    Concluding,
}

#[derive(Default)]
pub(super) struct Launches {
    pub count: u32,
    last: Option<Instant>,
}

impl Launches {
    pub fn is_due(&self) -> bool {
        self.last.is_none_or(|last| last.elapsed() > SHOW_WITHIN)
    }

    pub fn note(&mut self) {
        self.count += 1;
        self.last = Some(Instant::now());
    }
}

#[derive(Default)]
pub(super) struct Cancel {
    /// When, and at which number of [`Engine::cancels`].
    pub looked_at: Option<(Instant, u64)>,
    pub asked_at: Option<Instant>,
}

impl Cancel {
    pub fn is_overdue(&self) -> bool {
        self.asked_at.is_some_and(|since| since.elapsed() > CANCEL_WITHIN)
    }
}

impl Engine {
    /// What to do about an error: how long to pause. Too many errors end the run.
    pub(super) async fn bear(&self, id: ExecutionId, course: &mut Course, error: anyhow::Error) -> Duration {
        let next = course.patience.after(Lack::behind(&error), course.progress, Instant::now());
        tracing::warn!(execution = %id, error = format!("{error:#}"), ?next, "an execution cannot be followed now");
        // Where the database is away, nothing can be given up either.
        let is_overdue = course.cancel.is_overdue() && !matches!(next, Next::Wait { lack: Lack::Database, .. });
        match next {
            Next::Wait { pause, lack, is_new } => {
                if is_new {
                    // On a full disk the log can't take the remark. The server's own log has it.
                    let words = format!("Waiting: {lack}. The run goes on by itself as soon as it can.");
                    let _ = self.remark_on_waiting(id, words).await;
                }
                if is_overdue {
                    course.give_up(&error);
                }
                pause
            }
            Next::TryAgain { pause } if !is_overdue => pause,
            Next::TryAgain { .. } => {
                course.give_up(&error);
                Duration::ZERO
            }
            Next::GiveUp { pause } => {
                course.give_up(&error);
                pause
            }
        }
    }
}

impl Course {
    fn give_up(&mut self, error: &anyhow::Error) {
        if self.given_up.is_some() {
            return;
        }
        let obstacle = error.chain().find_map(|cause| cause.downcast_ref::<Obstacle>());
        let is_watched = error.downcast_ref() == Some(&Step::Watching);
        self.given_up = Some(match obstacle {
            Some(obstacle) => obstacle.to_string(),
            None if is_watched => format!(
                "Cardume tried {TRIES} times: {error:#}. The agent was ended; the journal has everything that it printed. \
                 Remove the cause, then retry."
            ),
            None => format!("Cardume tried {TRIES} times: {error:#}. Remove the cause, then retry."),
        });
    }
}
