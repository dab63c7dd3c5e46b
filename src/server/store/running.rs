//! What the engine asks about executions that run.

use sqlx::FromRow;

use super::cards::card_in;
use super::decode::parse;
use super::executions::UsageRow;
use super::logs::LineRow;
use super::{
    Card, CardId, Command, ExecutionId, ExecutionStatus, LogLine, Report, RunningExecution, Store, StoreError, Stored,
    Timestamp,
};

/// So many rows of a log are looked at by one statement.
const LOOK_AT_ROWS: i64 = 5000;

#[derive(FromRow)]
struct RunningRow {
    id: String,
    card_id: String,
    command: String,
    attempt: i64,
    agent: String,
    status: String,
    started_at: i64,
    journal_offset: i64,
    cancel_requested: i64,
    ordinal: i64,
    new_worktree: i64,
    automatic: i64,
    mask_secrets: i64,
    base_commit: Option<String>,
    digest: Option<String>,
    result: Option<String>,
    succeeded: Option<i64>,
    #[sqlx(flatten)]
    usage: UsageRow,
}

macro_rules! select_running {
    ($where:literal) => {
        concat!(
            "select id, card_id, command, attempt, agent, status, started_at, journal_offset, cancel_requested,
                    ordinal, new_worktree, automatic, mask_secrets, base_commit, digest, result, succeeded, session_id, model, turns,
                    input_tokens, output_tokens, cost_usd
             from executions ",
            $where
        )
    };
}

impl TryFrom<RunningRow> for RunningExecution {
    type Error = sqlx::Error;

    fn try_from(row: RunningRow) -> Result<Self, sqlx::Error> {
        let command: Command = parse(&row.command)?;
        let stage = command.stage().ok_or_else(|| sqlx::Error::Decode("an execution without a stage runs".into()))?;
        Ok(Self {
            id: parse(&row.id)?,
            card_id: parse(&row.card_id)?,
            stage,
            attempt: row.attempt,
            agent: row.agent,
            started_at: Timestamp::from_millis(row.started_at),
            journal_offset: row.journal_offset,
            cancel_requested: row.cancel_requested == 1,
            ordinal: row.ordinal,
            new_worktree: row.new_worktree == 1,
            automatic: row.automatic,
            mask_secrets: row.mask_secrets == 1,
            base_commit: row.base_commit,
            report: Report {
                digest: row.digest,
                usage: row.usage.into(),
                result: row.result,
                succeeded: row.succeeded.map(|succeeded| succeeded == 1),
            },
        })
    }
}

impl Store {
    /// Every execution with status `running`, oldest first.
    pub async fn running(&self) -> Stored<Vec<RunningExecution>> {
        let rows: Vec<RunningRow> = sqlx::query_as(select_running!("where status = 'running' order by started_at, id"))
            .fetch_all(self.reader())
            .await?;
        Ok(rows.into_iter().map(RunningExecution::try_from).collect::<Result<_, _>>()?)
    }

    /// `Conflict` where it has ended.
    pub async fn running_execution(&self, id: ExecutionId) -> Stored<RunningExecution> {
        let row: Option<RunningRow> =
            sqlx::query_as(select_running!("where id = $1")).bind(id.to_string()).fetch_optional(self.reader()).await?;
        let row = row.ok_or(StoreError::NotFound("execution"))?;
        if row.status != ExecutionStatus::Running.as_str() {
            return Err(StoreError::conflict("This execution has ended."));
        }
        Ok(row.try_into()?)
    }

    pub async fn set_base_commit(&self, id: ExecutionId, commit: &str) -> Stored<()> {
        let updated = self
            .write(
                sqlx::query("update executions set base_commit = $2 where id = $1").bind(id.to_string()).bind(commit),
            )
            .await?;
        if updated.rows_affected() == 0 { Err(StoreError::NotFound("execution")) } else { Ok(()) }
    }

    /// The commit at which the execution before this one of the same card began, where that one did not succeed.
    pub async fn base_of_failed_attempt(&self, id: ExecutionId) -> Stored<Option<String>> {
        let row: Option<(String, Option<String>)> = sqlx::query_as(
            "select before.status, before.base_commit from executions now
             join executions before on before.card_id = now.card_id and before.ordinal < now.ordinal
             where now.id = $1 and before.base_commit is not null
             order by before.ordinal desc limit 1",
        )
        .bind(id.to_string())
        .fetch_optional(self.reader())
        .await?;
        Ok(row.filter(|(status, _)| status != ExecutionStatus::Success.as_str()).and_then(|(_, base)| base))
    }

    /// The last line on standard output before the row `before` that has `word` (in lower case) in it, in any case: the row
    /// with which that line begins. Of an execution that runs: packed rows are not looked at.
    pub async fn last_line_with(&self, id: ExecutionId, word: &str, before: i64) -> Stored<Option<LogLine>> {
        let last: Option<i64> = sqlx::query_scalar("select max(sequence) from log_lines where execution_id = $1")
            .bind(id.to_string())
            .fetch_one(self.reader())
            .await?;
        let mut end = before.min(last.unwrap_or(0).saturating_add(1));
        while end > 1 {
            let start = end - LOOK_AT_ROWS;
            let found: Option<LineRow> = sqlx::query_as(
                "select sequence, logged_at, kind, content, partial from log_lines l
                 where execution_id = $1 and sequence >= $2 and sequence < $3 and kind = 'text'
                   and lower(content) like '%' || $4 || '%'
                   and coalesce((select partial from log_lines p
                                 where p.execution_id = l.execution_id and p.sequence < l.sequence and p.kind = 'text'
                                 order by p.sequence desc limit 1), 0) = 0
                 order by sequence desc limit 1",
            )
            .bind(id.to_string())
            .bind(start)
            .bind(end)
            .bind(word)
            .fetch_optional(self.reader())
            .await?;
            if let Some(found) = found {
                return Ok(Some(found.try_into()?));
            }
            end = start;
        }
        Ok(None)
    }

    /// Marks the card's running execution. `Conflict` where nothing runs. Once for a request that may come again.
    pub async fn request_cancel(&self, card: CardId) -> Stored<Card> {
        // One at a time with the workflow's own transactions: a stage cannot end well while it is being cancelled.
        let mut tx = self.begin_board().await?;
        if let Some(first) = self.first_answer_in(&mut tx).await? {
            return Ok(first);
        }
        let marked =
            sqlx::query("update executions set cancel_requested = 1 where card_id = $1 and status = 'running'")
                .bind(card.to_string())
                .execute(&mut *tx)
                .await?;
        let card = card_in(&mut tx, card).await?;
        if marked.rows_affected() == 0 {
            return Err(StoreError::conflict("Nothing is running on this card."));
        }
        self.commit_answer(tx, card).await
    }
}
