//! Cards: reading them with their active execution, and changing what is written on them.

use sqlx::{AnyConnection, FromRow};

use super::decode::{moment, parse, storable, storable_option};
use super::{
    ActiveExecution, Card, CardEdit, CardId, Column, NewCard, ProjectId, Store, StoreError, Stored, Timestamp, columns,
};

#[derive(FromRow)]
struct CardRow {
    id: String,
    project_id: String,
    title: String,
    description: String,
    column_id: String,
    position: i64,
    agent: String,
    model: Option<String>,
    spec_path: Option<String>,
    branch: Option<String>,
    worktree_path: Option<String>,
    version: i64,
    created_at: i64,
    updated_at: i64,
    archived_at: Option<i64>,
    discarded_at: Option<i64>,
    warning: Option<String>,
    #[sqlx(flatten)]
    active: ActiveRow,
}

/// Either all or none of it is null; `workflow_error` and `completed_at` may be null by themselves.
#[derive(FromRow)]
struct ActiveRow {
    execution_id: Option<String>,
    status: Option<String>,
    command: Option<String>,
    workflow_stage: Option<String>,
    workflow_error: Option<String>,
    started_at: Option<i64>,
    completed_at: Option<i64>,
    last_sequence: Option<i64>,
}

macro_rules! select_cards {
    ($where:literal) => {
        concat!(
            "select c.id, c.project_id, c.title, c.description, c.column_id, c.position, c.agent, c.model, c.spec_path,
                    c.branch, c.worktree_path, c.version, c.created_at, c.updated_at, c.archived_at, c.discarded_at,
                    e.id as execution_id, e.status, e.command, e.workflow_stage, e.workflow_error, e.started_at,
                    e.completed_at, e.last_sequence,
                    (select w.warning from executions w where w.card_id = c.id and w.warning is not null
                     order by w.ordinal desc limit 1) as warning
             from (select * from cards where purging_since is null) c
                  left join executions e on e.card_id = c.id and e.active = 1 ",
            $where
        )
    };
}

impl TryFrom<CardRow> for Card {
    type Error = sqlx::Error;

    fn try_from(row: CardRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: parse(&row.id)?,
            project_id: parse(&row.project_id)?,
            title: row.title,
            description: row.description,
            column_id: parse(&row.column_id)?,
            position: row.position,
            agent: row.agent,
            model: row.model,
            spec_path: row.spec_path,
            branch: row.branch,
            worktree_path: row.worktree_path,
            version: row.version,
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
            archived_at: moment(row.archived_at),
            discarded_at: moment(row.discarded_at),
            warning: row.warning,
            active_execution: row.active.try_into()?,
        })
    }
}

impl TryFrom<ActiveRow> for Option<ActiveExecution> {
    type Error = sqlx::Error;

    fn try_from(row: ActiveRow) -> Result<Self, sqlx::Error> {
        let (Some(id), Some(status), Some(command), Some(stage), Some(started_at), Some(last_sequence)) =
            (row.execution_id, row.status, row.command, row.workflow_stage, row.started_at, row.last_sequence)
        else {
            return Ok(None);
        };
        Ok(Some(ActiveExecution {
            id: parse(&id)?,
            status: parse(&status)?,
            command: parse(&command)?,
            workflow_stage: parse(&stage)?,
            workflow_error: row.workflow_error,
            started_at: Timestamp::from_millis(started_at),
            completed_at: moment(row.completed_at),
            last_sequence,
        }))
    }
}

impl Store {
    /// At the end of the backlog, for `agent`, whatever `card` says of that. `NotFound("project")` where there is no such
    /// project. Once for a request that may come again.
    pub async fn insert_card(&self, id: CardId, card: &NewCard, agent: &str, now: Timestamp) -> Stored<Card> {
        let mut tx = self.begin_board().await?;
        if let Some(first) = self.first_answer_in(&mut tx).await? {
            return Ok(first);
        }
        let known: Option<i64> =
            sqlx::query_scalar("select created_at from projects where id = $1 and purging_path is null")
                .bind(card.project_id.to_string())
                .fetch_optional(&mut *tx)
                .await?;
        known.ok_or(StoreError::NotFound("project"))?;
        let position = columns::length(&mut tx, Column::Backlog).await?;
        sqlx::query(
            "insert into cards (id, project_id, title, description, column_id, position, agent, model, created_at,
                                updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
        )
        .bind(id.to_string())
        .bind(card.project_id.to_string())
        .bind(storable(&card.title).into_owned())
        .bind(storable(&card.description).into_owned())
        .bind(Column::Backlog.as_str())
        .bind(position)
        .bind(agent)
        .bind(card.model.clone())
        .bind(now.as_millis())
        .execute(&mut *tx)
        .await?;
        let card = card_in(&mut tx, id).await?;
        self.commit_answer(tx, card).await
    }

    /// Those on the board, ordered by column (in the board's order), then position.
    pub async fn cards(&self, project: Option<ProjectId>) -> Stored<Vec<Card>> {
        let rows: Vec<CardRow> = match project {
            None => {
                sqlx::query_as(select_cards!("where c.archived_at is null order by c.position, c.created_at, c.id"))
                    .fetch_all(self.reader())
                    .await?
            }
            Some(project) => {
                sqlx::query_as(select_cards!(
                    "where c.project_id = $1 and c.archived_at is null order by c.position, c.created_at, c.id"
                ))
                .bind(project.to_string())
                .fetch_all(self.reader())
                .await?
            }
        };
        let mut cards = rows.into_iter().map(Card::try_from).collect::<Result<Vec<_>, _>>()?;
        cards.sort_by_key(|card| card.column_id);
        Ok(cards)
    }

    /// Those that were put away, of one project or of all, the last one first.
    pub async fn archived_cards(&self, project: Option<ProjectId>) -> Stored<Vec<Card>> {
        let rows: Vec<CardRow> = sqlx::query_as(select_cards!(
            "where c.archived_at is not null and ($1 = '' or c.project_id = $1) order by c.archived_at desc, c.id"
        ))
        .bind(project.map(|project| project.to_string()).unwrap_or_default())
        .fetch_all(self.reader())
        .await?;
        Ok(rows.into_iter().map(Card::try_from).collect::<Result<_, _>>()?)
    }

    pub async fn card(&self, id: CardId) -> Stored<Card> {
        card_in(&mut *self.reader().acquire().await?, id).await
    }

    /// `Conflict` on a stale version, and where one that runs is to be put away.
    pub async fn edit_card(&self, id: CardId, edit: &CardEdit, now: Timestamp) -> Stored<Card> {
        let mut tx = self.begin_board().await?;
        let card = card_in(&mut tx, id).await?;
        check_version(&card, edit.version)?;
        // What is deleted is archived, too.
        match (if edit.discarded == Some(true) { Some(true) } else { edit.archived }, card.archived_at) {
            (Some(true), None) => put_away(&mut tx, &card, now).await?,
            (Some(false), Some(_)) => put_back(&mut tx, &card).await?,
            _ => {}
        }
        if edit.discarded == Some(true) && card.discarded_at.is_none() {
            discard(&mut tx, id, now).await?;
        }
        sqlx::query(
            "update cards set title = coalesce($2, title), description = coalesce($3, description),
                              agent = coalesce($4, agent), model = nullif(coalesce($5, model), ''),
                              version = version + 1, updated_at = $6
             where id = $1",
        )
        .bind(id.to_string())
        .bind(storable_option(edit.title.as_deref()))
        .bind(storable_option(edit.description.as_deref()))
        .bind(edit.agent.clone())
        .bind(edit.model.clone())
        .bind(now.as_millis())
        .execute(&mut *tx)
        .await?;
        let card = card_in(&mut tx, id).await?;
        tx.commit().await?;
        Ok(card)
    }

    /// The cards that were deleted before `then`, and are not being purged.
    pub async fn discarded_before(&self, then: Timestamp) -> Stored<Vec<CardId>> {
        let ids: Vec<String> =
            sqlx::query_scalar("select id from cards where discarded_at < $1 and purging_since is null")
                .bind(then.as_millis())
                .fetch_all(self.reader())
                .await?;
        Ok(ids.iter().map(|id| parse(id)).collect::<Result<_, _>>()?)
    }

    pub async fn set_worktree(&self, id: CardId, branch: &str, path: &str, now: Timestamp) -> Stored<()> {
        let updated = self
            .write(
                sqlx::query(
                    "update cards set branch = $2, worktree_path = $3, version = version + 1, updated_at = $4
             where id = $1 and purging_since is null",
                )
                .bind(id.to_string())
                .bind(branch)
                .bind(path)
                .bind(now.as_millis()),
            )
            .await?;
        if updated.rows_affected() == 0 { Err(StoreError::NotFound("card")) } else { Ok(()) }
    }
}

pub(super) async fn card_in(connection: &mut AnyConnection, id: CardId) -> Stored<Card> {
    let row: Option<CardRow> =
        sqlx::query_as(select_cards!("where c.id = $1")).bind(id.to_string()).fetch_optional(connection).await?;
    Ok(row.ok_or(StoreError::NotFound("card"))?.try_into()?)
}

async fn put_away(connection: &mut AnyConnection, card: &Card, now: Timestamp) -> Stored<()> {
    if card.is_running() {
        return Err(StoreError::conflict("The card is running. Cancel it before you archive or delete it."));
    }
    sqlx::query("update cards set archived_at = $2 where id = $1")
        .bind(card.id.to_string())
        .bind(now.as_millis())
        .execute(&mut *connection)
        .await?;
    columns::close_gap(connection, card.column_id, card.position).await
}

async fn discard(connection: &mut AnyConnection, id: CardId, now: Timestamp) -> Stored<()> {
    sqlx::query("update cards set discarded_at = $2 where id = $1")
        .bind(id.to_string())
        .bind(now.as_millis())
        .execute(connection)
        .await?;
    Ok(())
}

/// To where it stood, as far as the column still reaches there.
async fn put_back(connection: &mut AnyConnection, card: &Card) -> Stored<()> {
    let position = columns::make_gap(connection, card.column_id, card.position).await?;
    sqlx::query("update cards set archived_at = null, discarded_at = null, position = $2 where id = $1")
        .bind(card.id.to_string())
        .bind(position)
        .execute(connection)
        .await?;
    Ok(())
}

/// A card that was put away neither moves nor runs.
pub(super) fn check_on_the_board(card: &Card) -> Stored<()> {
    match card.archived_at {
        Some(_) => Err(StoreError::conflict("The card is archived. Restore it first.")),
        None => Ok(()),
    }
}

/// Marks that the card, or what it shows of its active execution, has changed.
pub(super) async fn touch(connection: &mut AnyConnection, id: CardId, now: Timestamp) -> Stored<()> {
    sqlx::query("update cards set version = version + 1, updated_at = $2 where id = $1")
        .bind(id.to_string())
        .bind(now.as_millis())
        .execute(connection)
        .await?;
    Ok(())
}

/// `expected` is the version that somebody's change was made from; `None` where they do not mind.
pub(super) fn check_version(card: &Card, expected: Option<i64>) -> Stored<()> {
    match expected {
        Some(version) if version != card.version => Err(StoreError::conflict(
            "Somebody else changed this card meanwhile. Look at it again, then repeat your change.",
        )),
        _ => Ok(()),
    }
}
