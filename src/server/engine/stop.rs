//! What comes first in every state of a run: somebody cancels it, or its time is over.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Engine;
use super::follow::{ASK_EVERY, LOOK_EVERY};
use crate::domain::ExecutionId;
use crate::server::store::RunningExecution;

impl Engine {
    /// What a stage has left of its time; `None`: it has no limit. The time before its agent starts counts. The time
    /// before this server began does not: nobody could have used it.
    pub(super) fn time_left(&self, execution: &RunningExecution) -> Option<Duration> {
        let since = execution.started_at.max(self.began_at).as_millis();
        let elapsed = u64::try_from((self.clock)().as_millis() - since).unwrap_or_default();
        self.limits.timeout.map(|limit| limit.saturating_sub(Duration::from_millis(elapsed)))
    }

    pub(super) fn is_out_of_time(&self, execution: &RunningExecution) -> bool {
        self.time_left(execution).is_some_and(|left| left.is_zero())
    }

    /// Waits until the execution has to stop before its agent has started.
    pub(super) async fn until_stopped(&self, execution: &RunningExecution) {
        if execution.cancel_requested {
            return;
        }
        let out_of_time = async {
            match self.time_left(execution) {
                Some(left) => tokio::time::sleep(left).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.until_cancelled(execution.id) => {}
            () = out_of_time => {}
        }
    }

    /// Waits until somebody asks to cancel the execution. A database that is away says nothing about that.
    pub(super) async fn until_cancelled(&self, id: ExecutionId) {
        let mut looked_at = (Instant::now(), self.cancels.load(Ordering::Relaxed));
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            // Read before the store is: what is asked for in between is seen the next time.
            let cancels = self.cancels.load(Ordering::Relaxed);
            if cancels == looked_at.1 && looked_at.0.elapsed() < ASK_EVERY {
                continue;
            }
            looked_at = (Instant::now(), cancels);
            if self.store.running_execution(id).await.is_ok_and(|execution| execution.cancel_requested) {
                return;
            }
        }
    }
}
