//! What agents used: sums over the executions of a period, by stage, day, project and card.
//!
//! Agents say what they like. So tokens are summed as floating-point numbers, exact up to 2⁵³, which no number that one
//! of them has told can make overflow.

use sqlx::{AnyConnection, FromRow};

use super::decode::parse;
use super::{
    CardId, Command, Period, ProjectId, Store, Stored, Timestamp, UsageReport, Used, UsedByCard, UsedByProject,
    UsedByStage, UsedOnDay, UsedSoFar,
};

/// Beginning, end, present moment and project of what is asked for.
type Asked = (i64, i64, i64, Option<String>);

#[derive(FromRow)]
struct UsedRow {
    executions: i64,
    time_ms: i64,
    input_tokens: Option<f64>,
    output_tokens: Option<f64>,
    cost_usd: Option<f64>,
    with_tokens: i64,
    with_cost: i64,
}

#[derive(FromRow)]
struct SoFarRow {
    card_id: String,
    tokens: Option<f64>,
    cost_usd: Option<f64>,
}

#[derive(FromRow)]
struct StageRow {
    command: String,
    #[sqlx(flatten)]
    used: UsedRow,
}

#[derive(FromRow)]
struct DayRow {
    day: i64,
    #[sqlx(flatten)]
    used: UsedRow,
}

#[derive(FromRow)]
struct ProjectRow {
    id: String,
    name: String,
    #[sqlx(flatten)]
    used: UsedRow,
}

#[derive(FromRow)]
struct CardRow {
    id: String,
    title: String,
    project_id: String,
    #[sqlx(flatten)]
    used: UsedRow,
}

/// Of the executions that began from $1 on and before $2: those of the project $4, where it is not null. It is $3 now.
macro_rules! select_used {
    ($columns:literal, $grouping:literal) => {
        concat!(
            "select ",
            $columns,
            ", count(*) as executions,
               cast(sum(case when coalesce(e.completed_at, $3) > e.started_at
                             then coalesce(e.completed_at, $3) - e.started_at else 0 end) as bigint) as time_ms,
               sum(cast(e.input_tokens as double precision)) as input_tokens,
               sum(cast(e.output_tokens as double precision)) as output_tokens,
               sum(e.cost_usd) as cost_usd,
               count(coalesce(e.input_tokens, e.output_tokens)) as with_tokens,
               count(e.cost_usd) as with_cost
             from executions e join cards c on c.id = e.card_id join projects p on p.id = c.project_id
             where e.started_at >= $1 and e.started_at < $2 and e.command <> 'workflow' and e.purging = 0
                   and c.project_id = coalesce($4, c.project_id) ",
            $grouping
        )
    };
}

/// A row more than is told of, to know whether there are more.
const LIMIT: i64 = UsageReport::ROWS_MAX as i64 + 1;

impl Store {
    /// What was used in a period that ends with the day of `now`, in all projects or in one. All of it is of one moment.
    pub async fn usage(&self, period: Period, project: Option<ProjectId>, now: Timestamp) -> Stored<UsageReport> {
        let (begins, ends) = (period.begins(now).as_millis(), period.ends(now).as_millis());
        let asked = (begins, ends, now.as_millis(), project.map(|id| id.to_string()));
        let mut tx = self.begin_read().await?;
        let by_stage = by_stage(&mut tx, &asked).await?;
        let by_day = by_day(&mut tx, &asked, period.each_day(now)).await?;
        let (by_project, more_projects) = told(by_project(&mut tx, &asked).await?);
        let (by_card, more_cards) = told(by_card(&mut tx, &asked).await?);
        let total = by_stage.iter().fold(Used::default(), |total, stage| total.and(stage.used));
        Ok(UsageReport { days: period.days(), total, by_stage, by_day, by_project, more_projects, by_card, more_cards })
    }
}

impl Store {
    /// What each card on the board has used, of those whose agents told anything, by the cards' ids.
    pub async fn used_so_far(&self) -> Stored<Vec<(CardId, UsedSoFar)>> {
        let rows: Vec<SoFarRow> = sqlx::query_as(
            "select e.card_id, sum(e.cost_usd) as cost_usd,
                    sum(cast(coalesce(e.input_tokens, 0) as double precision)
                        + cast(coalesce(e.output_tokens, 0) as double precision)) as tokens
             from executions e join cards c on c.id = e.card_id
             where c.archived_at is null and (e.input_tokens > 0 or e.output_tokens > 0 or e.cost_usd > 0)
             group by e.card_id order by e.card_id",
        )
        .fetch_all(self.reader())
        .await?;
        // What does not fit becomes the number that is nearest.
        let used = rows.into_iter().map(|SoFarRow { card_id, tokens, cost_usd }| {
            let cost_microdollars = (cost_usd.unwrap_or_default() * 1e6).round() as i64;
            Ok((parse(&card_id)?, UsedSoFar { tokens: tokens.unwrap_or_default() as i64, cost_microdollars }))
        });
        Ok(used.collect::<Result<_, sqlx::Error>>()?)
    }
}

async fn by_stage(connection: &mut AnyConnection, asked: &Asked) -> Stored<Vec<UsedByStage>> {
    let rows: Vec<StageRow> = rows(connection, asked, select_used!("e.command", "group by e.command")).await?;
    let mut stages = vec![];
    for StageRow { command, used } in rows {
        if let Some(stage) = parse::<Command>(&command)?.stage() {
            stages.push(UsedByStage { stage, used: used.into() });
        }
    }
    stages.sort_by_key(|used| used.stage);
    Ok(stages)
}

async fn by_day(
    connection: &mut AnyConnection,
    asked: &Asked,
    days: impl Iterator<Item = Timestamp>,
) -> Stored<Vec<UsedOnDay>> {
    // Of whole numbers both engines make a whole number.
    let query = select_used!("e.started_at - e.started_at % 86400000 as day", "group by 1");
    let rows: Vec<DayRow> = rows(connection, asked, query).await?;
    let mut used: std::collections::HashMap<i64, Used> =
        rows.into_iter().map(|DayRow { day, used }| (day, used.into())).collect();
    let days = days.map(|day| UsedOnDay {
        day: day.to_string().chars().take("2026-11-22".len()).collect(),
        used: used.remove(&day.as_millis()).unwrap_or_default(),
    });
    Ok(days.collect())
}

async fn by_project(connection: &mut AnyConnection, asked: &Asked) -> Stored<Vec<UsedByProject>> {
    let query = select_used!("p.id, p.name", "group by p.id, p.name order by time_ms desc, p.id limit $5");
    let rows: Vec<ProjectRow> = most(connection, asked, query).await?;
    let rows = rows
        .into_iter()
        .map(|ProjectRow { id, name, used }| Ok(UsedByProject { project_id: parse(&id)?, name, used: used.into() }));
    Ok(rows.collect::<Result<_, sqlx::Error>>()?)
}

async fn by_card(connection: &mut AnyConnection, asked: &Asked) -> Stored<Vec<UsedByCard>> {
    let query = select_used!(
        "c.id, c.title, c.project_id",
        "group by c.id, c.title, c.project_id order by time_ms desc, c.id limit $5"
    );
    let rows: Vec<CardRow> = most(connection, asked, query).await?;
    let rows = rows.into_iter().map(|CardRow { id, title, project_id, used }| {
        Ok(UsedByCard { card_id: parse(&id)?, title, project_id: parse(&project_id)?, used: used.into() })
    });
    Ok(rows.collect::<Result<_, sqlx::Error>>()?)
}

trait Row: for<'r> FromRow<'r, sqlx::any::AnyRow> + Send + Unpin {}

impl<R: for<'r> FromRow<'r, sqlx::any::AnyRow> + Send + Unpin> Row for R {}

async fn rows<R: Row>(connection: &mut AnyConnection, asked: &Asked, query: &'static str) -> Stored<Vec<R>> {
    let (begins, ends, now, project) = asked;
    let query = sqlx::query_as(query).bind(begins).bind(ends).bind(now).bind(project.as_deref());
    Ok(query.fetch_all(connection).await?)
}

/// The same for a query that has a limit.
async fn most<R: Row>(connection: &mut AnyConnection, asked: &Asked, query: &'static str) -> Stored<Vec<R>> {
    let (begins, ends, now, project) = asked;
    let query = sqlx::query_as(query).bind(begins).bind(ends).bind(now).bind(project.as_deref()).bind(LIMIT);
    Ok(query.fetch_all(connection).await?)
}

/// Of rows that may be one too many: those that are told, and whether there are more.
fn told<T>(mut rows: Vec<T>) -> (Vec<T>, bool) {
    let more = rows.len() > UsageReport::ROWS_MAX;
    rows.truncate(UsageReport::ROWS_MAX);
    (rows, more)
}

impl From<UsedRow> for Used {
    fn from(row: UsedRow) -> Self {
        // What does not fit becomes the number that is nearest.
        let whole = |sum: Option<f64>| sum.map(|sum| sum as i64);
        Self {
            executions: row.executions,
            time_ms: row.time_ms,
            input_tokens: whole(row.input_tokens),
            output_tokens: whole(row.output_tokens),
            cost_usd: row.cost_usd,
            with_tokens: row.with_tokens,
            with_cost: row.with_cost,
        }
    }
}
