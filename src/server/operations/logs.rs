//! Reading history and logs.

use super::{Answer, App};
use crate::api::LogPage;
use crate::domain::{CardId, Execution, ExecutionId, ExecutionLog, LogLine, LogSlice, LogType, Problem};
use crate::server::agents::Format;
use crate::server::markdown;

impl App {
    /// Every stage and attempt of a card, newest first.
    pub async fn executions(&self, id: CardId) -> Answer<Vec<Execution>> {
        self.store.card(id).await?;
        Ok(self.store.executions(id).await?)
    }

    /// The log of the card's active execution; `None` where it has none.
    pub async fn card_log(&self, id: CardId, slice: LogSlice, limit: i64) -> Answer<Option<ExecutionLog>> {
        match self.store.card(id).await?.active_execution {
            Some(execution) => self.execution_log(execution.id, slice, limit).await.map(Some),
            None => Ok(None),
        }
    }

    /// A slice of an execution's log; of very long rows fewer than `limit`.
    pub async fn execution_log(&self, id: ExecutionId, slice: LogSlice, limit: i64) -> Answer<ExecutionLog> {
        if !(1..=LogSlice::LIMIT_MAX).contains(&limit) {
            return Err(Problem::invalid(format!("The limit is 1 to {}.", LogSlice::LIMIT_MAX)));
        }
        if matches!(slice, LogSlice::After(n) | LogSlice::Before(n) | LogSlice::Around(n) if n < 0) {
            return Err(Problem::invalid("A sequence is 0 or more."));
        }
        Ok(self.store.log(id, slice, limit).await?)
    }

    /// The same, as a page shows it. Agents whose output is plain lines write no Markdown.
    pub async fn log_page(&self, id: ExecutionId, slice: LogSlice, limit: i64) -> Answer<LogPage> {
        let log = self.execution_log(id, slice, limit).await?;
        let has_said = |line: &LogLine| line.kind == LogType::Text && !line.partial;
        if !log.logs.iter().any(has_said) {
            return Ok(LogPage { log, prose: vec![] });
        }
        let agent = self.store.execution(id).await?.agent;
        if self.agents.get(&agent).is_none_or(|program| program.format == Format::Text) {
            return Ok(LogPage { log, prose: vec![] });
        }
        let rendered = tokio::task::spawn_blocking(move || {
            let said = log.logs.iter().filter(|line| has_said(line));
            let prose = said.filter_map(|line| Some((line.sequence, markdown::prose(&line.content)?))).collect();
            LogPage { log, prose }
        });
        rendered.await.map_err(|error| {
            tracing::error!(%error, "the prose of a log");
            Problem::internal()
        })
    }

    /// The sequence of the next row behind `after` that tells of a failure; `None` where none does.
    pub async fn next_error(&self, id: ExecutionId, after: i64) -> Answer<Option<i64>> {
        Ok(self.store.next_error(id, after).await?)
    }
}
