//! Searching logs.

use super::{Answer, App};
use crate::domain::{ExecutionId, LogMatches, Problem, RunMatch, SearchLimits};
use crate::server::store::{Query, StoreError};

impl App {
    /// The rows of a log, from behind `after` on, in which every word of the query begins a word.
    pub async fn search_log(&self, id: ExecutionId, query: &str, after: i64, limit: i64) -> Answer<LogMatches> {
        let query = parse(query)?;
        if after < 0 {
            return Err(Problem::invalid("after: a sequence is never negative; 0 searches from the beginning."));
        }
        if !(1..=SearchLimits::MATCHES_MAX).contains(&limit) {
            return Err(Problem::invalid(format!("limit: 1 to {} rows are found at once.", SearchLimits::MATCHES_MAX)));
        }
        Ok(self.store.search_log(id, &query, after, limit).await?)
    }

    /// The newest executions in whose logs something is found.
    pub async fn search_runs(&self, query: &str) -> Answer<Vec<RunMatch>> {
        let mut runs = vec![];
        for (id, matches) in self.store.search_all(&parse(query)?).await? {
            let execution = match self.store.execution(id).await {
                // Deleted meanwhile.
                Err(StoreError::NotFound(_)) => continue,
                execution => execution?,
            };
            let card = match self.store.card(execution.card_id).await {
                Err(StoreError::NotFound(_)) => continue,
                card => card?,
            };
            runs.push(RunMatch { card, execution, matches });
        }
        Ok(runs)
    }
}

fn parse(query: &str) -> Answer<Query> {
    if query.chars().count() > SearchLimits::QUERY_MAX_CHARS {
        let most = SearchLimits::QUERY_MAX_CHARS;
        return Err(Problem::invalid(format!("q: at most {most} characters are searched for.")));
    }
    Query::parse(query).ok_or_else(|| Problem::invalid("q: give at least one letter or digit to search for."))
}
