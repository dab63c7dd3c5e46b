//! Executions: making them, reading them, and setting their state from outside the workflow.

use sqlx::{AnyConnection, FromRow};

use super::cards::{card_in, touch};
use super::decode::{moment, parse, storable_option};
use super::{
    Card, CardId, Command, Execution, ExecutionId, ExecutionStatus, Store, StoreError, Stored, Timestamp, Usage,
    Workflow, WorkflowStage,
};

#[derive(FromRow)]
struct ExecutionRow {
    id: String,
    card_id: String,
    command: String,
    attempt: i64,
    agent: String,
    status: String,
    workflow_stage: String,
    workflow_error: Option<String>,
    active: i64,
    started_at: i64,
    completed_at: Option<i64>,
    result: Option<String>,
    exit_code: Option<i32>,
    last_sequence: i64,
    digest: Option<String>,
    verified: Option<i64>,
    automatic: i64,
    work_ref: Option<String>,
    warning: Option<String>,
    #[sqlx(flatten)]
    usage: UsageRow,
}

#[derive(FromRow)]
pub(super) struct UsageRow {
    session_id: Option<String>,
    model: Option<String>,
    turns: Option<i64>,
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    cost_usd: Option<f64>,
}

macro_rules! select_executions {
    ($where:literal) => {
        concat!(
            "select id, card_id, command, attempt, agent, status, workflow_stage, workflow_error, active, started_at,
                    completed_at, result, exit_code, last_sequence, digest, verified, automatic, work_ref, warning, session_id, model, turns, input_tokens,
                    output_tokens, cost_usd
             from (select * from executions where purging = 0) e ",
            $where
        )
    };
}

impl TryFrom<ExecutionRow> for Execution {
    type Error = sqlx::Error;

    fn try_from(row: ExecutionRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: parse(&row.id)?,
            card_id: parse(&row.card_id)?,
            command: parse(&row.command)?,
            attempt: row.attempt,
            agent: row.agent,
            status: parse(&row.status)?,
            workflow_stage: parse(&row.workflow_stage)?,
            workflow_error: row.workflow_error,
            started_at: Timestamp::from_millis(row.started_at),
            completed_at: moment(row.completed_at),
            result: row.result,
            exit_code: row.exit_code,
            last_sequence: row.last_sequence,
            active: row.active == 1,
            digest: row.digest,
            verified: row.verified.map(|verified| verified == 1),
            automatic: row.automatic,
            work_ref: row.work_ref,
            warning: row.warning,
            usage: row.usage.into(),
        })
    }
}

impl From<UsageRow> for Usage {
    fn from(row: UsageRow) -> Self {
        Self {
            session_id: row.session_id,
            model: row.model,
            turns: row.turns,
            input_tokens: row.input_tokens,
            output_tokens: row.output_tokens,
            cost_usd: row.cost_usd,
        }
    }
}

impl Store {
    /// Makes an execution (status `running` for a stage's command, `idle` for `workflow`) and deactivates the card's
    /// earlier ones, in one transaction. `Conflict` while one of them runs.
    pub async fn create_execution(
        &self,
        card: CardId,
        id: ExecutionId,
        command: Command,
        now: Timestamp,
    ) -> Stored<Execution> {
        let mut tx = self.begin_board().await?;
        let card = card_in(&mut tx, card).await?;
        if card.is_running() {
            return Err(StoreError::conflict("The card is running. Wait until it has ended, or cancel it."));
        }
        insert_active(&mut tx, &card, id, command, now).await?;
        touch(&mut tx, card.id, now).await?;
        let execution = execution_in(&mut tx, id).await?;
        tx.commit().await?;
        Ok(execution)
    }

    pub async fn active_execution(&self, card: CardId) -> Stored<Option<Execution>> {
        let row: Option<ExecutionRow> = sqlx::query_as(select_executions!("where card_id = $1 and active = 1"))
            .bind(card.to_string())
            .fetch_optional(self.reader())
            .await?;
        Ok(row.map(Execution::try_from).transpose()?)
    }

    pub async fn execution(&self, id: ExecutionId) -> Stored<Execution> {
        execution_in(&mut *self.reader().acquire().await?, id).await
    }

    /// Newest first.
    pub async fn executions(&self, card: CardId) -> Stored<Vec<Execution>> {
        let rows: Vec<ExecutionRow> = sqlx::query_as(select_executions!("where card_id = $1 order by ordinal desc"))
            .bind(card.to_string())
            .fetch_all(self.reader())
            .await?;
        Ok(rows.into_iter().map(Execution::try_from).collect::<Result<_, _>>()?)
    }

    /// `completed_at` is set with every status that has ended, and taken away with `running`. An absent result or exit
    /// code leaves what is known.
    pub async fn update_status(
        &self,
        id: ExecutionId,
        status: ExecutionStatus,
        result: Option<&str>,
        exit_code: Option<i32>,
        now: Timestamp,
    ) -> Stored<()> {
        let mut tx = self.begin_board().await?;
        let execution = execution_in(&mut tx, id).await?;
        if status == ExecutionStatus::Running && !execution.active {
            return Err(StoreError::conflict("Only the card's active execution can run."));
        }
        sqlx::query(
            "update executions
             set status = $2, result = coalesce($3, result), exit_code = coalesce($4, exit_code), completed_at = $5
             where id = $1",
        )
        .bind(id.to_string())
        .bind(status.as_str())
        .bind(storable_option(result))
        .bind(exit_code.map(i64::from))
        .bind(status.has_ended().then_some(now.max(execution.started_at).as_millis()))
        .execute(&mut *tx)
        .await?;
        touch(&mut tx, execution.card_id, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Onto the active execution; makes a `workflow` execution with id `new` where the card has none. `Conflict` if the
    /// card's run contradicts it.
    pub async fn set_workflow_state(
        &self,
        card: CardId,
        stage: WorkflowStage,
        error: Option<&str>,
        new: ExecutionId,
        now: Timestamp,
    ) -> Stored<()> {
        let mut tx = self.begin_board().await?;
        let card = card_in(&mut tx, card).await?;
        Workflow::of(&card).allows(stage, error).map_err(StoreError::conflict)?;
        if card.active_execution.is_none() {
            insert_active(&mut tx, &card, new, Command::Workflow, now).await?;
        }
        sqlx::query("update executions set workflow_stage = $2, workflow_error = $3 where card_id = $1 and active = 1")
            .bind(card.id.to_string())
            .bind(stage.as_str())
            .bind(storable_option(error))
            .execute(&mut *tx)
            .await?;
        touch(&mut tx, card.id, now).await?;
        tx.commit().await?;
        Ok(())
    }
}

pub(super) async fn execution_in(connection: &mut AnyConnection, id: ExecutionId) -> Stored<Execution> {
    let row: Option<ExecutionRow> =
        sqlx::query_as(select_executions!("where id = $1")).bind(id.to_string()).fetch_optional(connection).await?;
    Ok(row.ok_or(StoreError::NotFound("execution"))?.try_into()?)
}

/// Makes an execution the card's active one. The database itself refuses a second one, and a second one that runs.
pub(super) async fn insert_active(
    connection: &mut AnyConnection,
    card: &Card,
    id: ExecutionId,
    command: Command,
    now: Timestamp,
) -> Stored<()> {
    sqlx::query("update executions set active = 0 where card_id = $1 and active = 1")
        .bind(card.id.to_string())
        .execute(&mut *connection)
        .await?;
    let (status, stage) = match command.stage() {
        Some(stage) => (ExecutionStatus::Running, stage.working()),
        None => (ExecutionStatus::Idle, WorkflowStage::Idle),
    };
    sqlx::query(
        "insert into executions
             (id, card_id, ordinal, command, attempt, agent, status, workflow_stage, active, started_at, mask_secrets)
         values ($1, $2, 1 + (select count(*) from executions where card_id = $2), $3,
                 1 + (select count(*) from executions where card_id = $2 and command = $3), $4, $5, $6, 1, $7,
                 (select mask_secrets from projects where id = $8))",
    )
    .bind(id.to_string())
    .bind(card.id.to_string())
    .bind(command.as_str())
    .bind(card.agent.as_str())
    .bind(status.as_str())
    .bind(stage.as_str())
    .bind(now.as_millis())
    .bind(card.project_id.to_string())
    .execute(connection)
    .await?;
    Ok(())
}
