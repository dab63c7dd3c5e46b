//! What Cardume itself says in a run's log while the run goes on.

use super::Engine;
use crate::domain::{ExecutionId, LogSlice, LogType};
use crate::server::store::{NewLine, RunningExecution, StoreError};

/// How many of the last rows are searched for an earlier remark.
const LAST_ROWS: i64 = 20;

impl Engine {
    /// Says that the agent has printed nothing for a while, once for each silence.
    pub(super) async fn remark_on_silence(&self, execution: &RunningExecution) -> Result<(), StoreError> {
        const REMARK: &str = "The agent has printed nothing for";
        let Some(limit) = self.limits.quiet else { return Ok(()) };
        let last = self.store.log(execution.id, LogSlice::Tail, 1).await?.logs.pop();
        // A server that was restarted meanwhile has said so already.
        if last.is_some_and(|line| line.kind == LogType::Info && line.content.starts_with(REMARK)) {
            return Ok(());
        }
        let limit = match limit.as_secs() {
            seconds @ 0..120 => format!("{seconds} seconds"),
            seconds => format!("{} minutes", seconds / 60),
        };
        let words = format!("{REMARK} {limit}. It may be thinking, waiting or stuck; cancel it if this goes on.");
        self.append_info(execution.id, vec![words]).await
    }

    /// Says what the run waits for, unless one of the last rows does.
    pub(super) async fn remark_on_waiting(&self, id: ExecutionId, words: String) -> Result<(), StoreError> {
        let last = self.store.log(id, LogSlice::Tail, LAST_ROWS).await?.logs;
        if last.iter().any(|line| line.content == words) {
            return Ok(());
        }
        self.append_info(id, vec![words]).await
    }

    pub(super) async fn append_info(&self, id: ExecutionId, contents: Vec<String>) -> Result<(), StoreError> {
        let timestamp = (self.clock)().max(self.store.execution(id).await?.started_at);
        let row = |content| NewLine { timestamp, kind: LogType::Info, content, partial: false };
        let lines: Vec<NewLine> = contents.into_iter().map(row).collect();
        self.store.append(id, &lines).await.map(drop)
    }
}
