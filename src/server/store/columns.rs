//! Where cards stand, those that are not archived. The board has one set of columns for all projects; in each, positions go from 0 without holes.
//!
//! Cards that only make room for another one keep their version: nothing that somebody could have meant has changed.
//! All of this happens in board transactions, of which there is one at a time.

use sqlx::AnyConnection;

use super::cards::{card_in, check_on_the_board, check_version};
use super::decode::parse;
use super::{Card, CardId, CardMove, Column, Store, StoreError, Stored, Timestamp};

impl Store {
    /// `Conflict` on a stale version, or while it runs and the column would change.
    pub async fn move_card(&self, id: CardId, to: &CardMove, now: Timestamp) -> Stored<Card> {
        let mut tx = self.begin_board().await?;
        let card = card_in(&mut tx, id).await?;
        check_version(&card, to.version)?;
        check_on_the_board(&card)?;
        if card.is_running() && to.column_id != card.column_id {
            return Err(StoreError::conflict("The card is running, so that its workflow moves it. Cancel it first."));
        }
        put(&mut tx, &card, to.column_id, Some(to.position), now).await?;
        let card = card_in(&mut tx, id).await?;
        tx.commit().await?;
        Ok(card)
    }

    /// The columns that are meant to hold so many cards at most.
    pub async fn wip_limits(&self) -> Stored<Vec<(Column, i64)>> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("select column_id, cards from wip_limits").fetch_all(self.reader()).await?;
        let mut limits =
            rows.iter().map(|(id, cards)| Ok((parse(id)?, *cards))).collect::<Result<Vec<_>, sqlx::Error>>()?;
        limits.sort_unstable();
        Ok(limits)
    }

    /// Sets a column's limit, a positive number; `None` takes it away.
    pub async fn set_wip_limit(&self, column: Column, cards: Option<i64>) -> Stored<()> {
        let query = match cards {
            Some(cards) => sqlx::query(
                "insert into wip_limits (column_id, cards) values ($1, $2)
                 on conflict (column_id) do update set cards = excluded.cards",
            )
            .bind(column.as_str())
            .bind(cards),
            None => sqlx::query("delete from wip_limits where column_id = $1").bind(column.as_str()),
        };
        let mut tx = self.begin_write().await?;
        query.execute(&mut *tx).await?;
        tx.commit().await
    }
}

/// Puts `card` into `column` at `position`, or at the end where that is `None` or beyond it.
pub(super) async fn put(
    connection: &mut AnyConnection,
    card: &Card,
    column: Column,
    position: Option<i64>,
    now: Timestamp,
) -> Stored<()> {
    close_gap(connection, card.column_id, card.position).await?;
    let end = length(connection, column).await? - i64::from(column == card.column_id);
    let position = position.unwrap_or(end).clamp(0, end);
    sqlx::query(
        "update cards set position = position + 1
         where column_id = $1 and position >= $2 and id <> $3 and archived_at is null",
    )
    .bind(column.as_str())
    .bind(position)
    .bind(card.id.to_string())
    .execute(&mut *connection)
    .await?;
    sqlx::query("update cards set column_id = $2, position = $3, version = version + 1, updated_at = $4 where id = $1")
        .bind(card.id.to_string())
        .bind(column.as_str())
        .bind(position)
        .bind(now.as_millis())
        .execute(connection)
        .await?;
    Ok(())
}

/// Moves up all that stand below the place that a card leaves.
pub(super) async fn close_gap(connection: &mut AnyConnection, column: Column, position: i64) -> Stored<()> {
    sqlx::query(
        "update cards set position = position - 1 where column_id = $1 and position > $2 and archived_at is null",
    )
    .bind(column.as_str())
    .bind(position)
    .execute(connection)
    .await?;
    Ok(())
}

/// The same in all columns, where any number of cards has left.
pub(super) async fn close_all_gaps(connection: &mut AnyConnection) -> Stored<()> {
    sqlx::query(
        "update cards set position = ranks.rank
         from (select id, row_number() over (partition by column_id order by position, created_at, id) - 1 as rank
               from cards where archived_at is null) ranks
         where ranks.id = cards.id and cards.position <> ranks.rank",
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes room for a card at `position`, or at the end where the column is shorter; answers where that is.
pub(super) async fn make_gap(connection: &mut AnyConnection, column: Column, position: i64) -> Stored<i64> {
    let position = position.min(length(connection, column).await?);
    sqlx::query(
        "update cards set position = position + 1 where column_id = $1 and position >= $2 and archived_at is null",
    )
    .bind(column.as_str())
    .bind(position)
    .execute(connection)
    .await?;
    Ok(position)
}

/// How many cards stand there.
pub(super) async fn length(connection: &mut AnyConnection, column: Column) -> Stored<i64> {
    Ok(sqlx::query_scalar("select count(*) from cards where column_id = $1 and archived_at is null")
        .bind(column.as_str())
        .fetch_one(connection)
        .await?)
}
