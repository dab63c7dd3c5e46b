//! The workflow's two transactions. What is allowed is [`Workflow`]'s to say, asked about the card as it stands inside
//! the transaction; this writes down what it says.

use sqlx::AnyConnection;

use super::cards::{card_in, check_on_the_board, touch};
use super::columns;
use super::decode::storable_option;
use super::executions::{execution_in, insert_active};
use super::logs::add_lines;
use super::{
    Card, CardId, Command, Ending, Event, Execution, ExecutionId, ExecutionStatus, NewLine, Retry, Store, StoreError,
    Stored, Timestamp, Workflow, WorkflowStage,
};

impl Store {
    /// `Event::Start` or `Event::Retry`: asks the workflow (as it stands in this transaction; `Start`'s column is the
    /// card's) and, where that allows it, makes the running execution `id`, deactivates the earlier ones, moves the card
    /// to the end of the stage's column (unless it stands there already) and adds `opening` as the first rows.
    /// `Conflict` says why not. Once for a request that may come again.
    pub async fn begin(
        &self,
        card: CardId,
        event: Event,
        id: ExecutionId,
        opening: &[NewLine],
        now: Timestamp,
    ) -> Stored<Card> {
        let mut tx = self.begin_board().await?;
        if let Some(first) = self.first_answer_in(&mut tx).await? {
            return Ok(first);
        }
        begin_in(&mut tx, card, event, id, now).await?;
        add_lines(&mut tx, self.connection.engine, id, opening).await?;
        let card = card_in(&mut tx, card).await?;
        self.commit_answer(tx, card).await
    }

    /// As `begin` with `Event::Retry`. Whether it begins in a new worktree is recorded with the execution.
    pub async fn retry(&self, card: CardId, retry: Retry, id: ExecutionId, now: Timestamp) -> Stored<Card> {
        let mut tx = self.begin_board().await?;
        if let Some(first) = self.first_answer_in(&mut tx).await? {
            return Ok(first);
        }
        begin_in(&mut tx, card, Event::Retry(retry.stage), id, now).await?;
        if retry.new_worktree {
            sqlx::query("update executions set new_worktree = 1 where id = $1")
                .bind(id.to_string())
                .execute(&mut *tx)
                .await?;
        }
        let card = card_in(&mut tx, card).await?;
        self.commit_answer(tx, card).await
    }

    /// Ends a running execution: its last rows, status, result, exit code and error; moves the card where the workflow
    /// says; and, where a stage follows (or this one is begun again), makes its running execution `next` active. All in one transaction, so that no
    /// crash can fall between a stage's end and the next stage's start. `Conflict` where it had ended already, and where
    /// it is to end in success but somebody has asked to cancel it: nobody who cancelled sees the next stage start.
    pub async fn finish(
        &self,
        id: ExecutionId,
        ending: &Ending,
        next: ExecutionId,
        now: Timestamp,
    ) -> Stored<Workflow> {
        let event = match ending.status {
            ExecutionStatus::Success => Event::Succeed,
            ExecutionStatus::Error | ExecutionStatus::Cancelled | ExecutionStatus::Lost => Event::Fail,
            ExecutionStatus::Idle | ExecutionStatus::Running => {
                return Err(StoreError::conflict("This is no status in which an execution ends."));
            }
        };
        let mut tx = self.begin_board().await?;
        let execution = execution_in(&mut tx, id).await?;
        // A running execution is active: a check constraint holds it. Hence the card's workflow is about this one.
        if execution.status != ExecutionStatus::Running {
            return Err(StoreError::conflict("This execution has ended already."));
        }
        if event == Event::Succeed && is_being_cancelled(&mut tx, id).await? {
            return Err(StoreError::conflict("Somebody has asked to cancel this execution."));
        }
        let card = card_in(&mut tx, execution.card_id).await?;
        let ended = Workflow::of(&card).apply(event).map_err(StoreError::conflict)?;
        let workflow = match ended {
            Workflow::Failed(_) if ending.again => ended.apply(Event::Retry(None)).map_err(StoreError::conflict)?,
            _ => ended,
        };
        let last = add_lines(&mut tx, self.connection.engine, id, &ending.lines).await?;
        end(&mut tx, &execution, ending, ended, now).await?;
        if let Some(spec) = storable_option(ending.spec_path.as_deref()) {
            sqlx::query("update cards set spec_path = $2 where id = $1")
                .bind(card.id.to_string())
                .bind(spec)
                .execute(&mut *tx)
                .await?;
        }
        enter(&mut tx, &card, workflow, next, now).await?;
        if ending.again {
            sqlx::query("update executions set automatic = $2 where id = $1")
                .bind(next.to_string())
                .bind(execution.automatic + 1)
                .execute(&mut *tx)
                .await?;
        }
        fail::fail_point!("finish::uncommitted");
        tx.commit().await?;
        self.cache.extend(id, last, &ending.lines).await;
        Ok(workflow)
    }
}

/// Brings the card to the stage that `event` asks for.
async fn begin_in(tx: &mut AnyConnection, card: CardId, event: Event, id: ExecutionId, now: Timestamp) -> Stored<()> {
    let card = card_in(&mut *tx, card).await?;
    check_on_the_board(&card)?;
    let event = match event {
        Event::Start(_) => Event::Start(card.column_id),
        Event::Retry(stage) => Event::Retry(stage),
        Event::Succeed | Event::Fail => {
            return Err(StoreError::conflict("A stage begins by a start or a retry."));
        }
    };
    let workflow = Workflow::of(&card).apply(event).map_err(StoreError::conflict)?;
    enter(tx, &card, workflow, id, now).await
}

async fn is_being_cancelled(connection: &mut AnyConnection, id: ExecutionId) -> Stored<bool> {
    let asked: i64 = sqlx::query_scalar("select cancel_requested from executions where id = $1")
        .bind(id.to_string())
        .fetch_one(connection)
        .await?;
    Ok(asked == 1)
}

/// Writes down how the execution ended.
async fn end(
    connection: &mut AnyConnection,
    execution: &Execution,
    ending: &Ending,
    workflow: Workflow,
    now: Timestamp,
) -> Stored<()> {
    let stage = match workflow {
        // The workflow goes on in another execution; this one keeps the word for what it did.
        Workflow::Idle | Workflow::Working(_) => execution.workflow_stage,
        Workflow::Failed(_) => WorkflowStage::Error,
        Workflow::Completed => WorkflowStage::Completed,
    };
    // Whatever somebody does to the clock meanwhile, nothing ends before it began.
    let completed_at = ending.ended_at.unwrap_or(now).max(execution.started_at);
    sqlx::query(
        "update executions
         set status = $2, result = coalesce($3, result), exit_code = $4, completed_at = $5, workflow_stage = $6,
             workflow_error = $7, verified = $8, work_ref = $9, warning = $10
         where id = $1",
    )
    .bind(execution.id.to_string())
    .bind(ending.status.as_str())
    .bind(storable_option(ending.result.as_deref()))
    .bind(ending.exit_code.map(i64::from))
    .bind(completed_at.as_millis())
    .bind(stage.as_str())
    .bind(storable_option(ending.error.as_deref()))
    .bind(ending.verified.map(i64::from))
    .bind(ending.work_ref.clone())
    .bind(storable_option(ending.warning.as_deref()))
    .execute(connection)
    .await?;
    Ok(())
}

/// Brings the card to where `workflow` stands: its column, and where a stage is to run, that stage's execution `id`.
async fn enter(
    connection: &mut AnyConnection,
    card: &Card,
    workflow: Workflow,
    id: ExecutionId,
    now: Timestamp,
) -> Stored<()> {
    if let Workflow::Working(stage) = workflow {
        insert_active(connection, card, id, Command::from(stage), now).await?;
    }
    match workflow.column() {
        Some(column) if column != card.column_id => columns::put(connection, card, column, None, now).await,
        _ => touch(connection, card.id, now).await,
    }
}
