//! `/api/logs/{cardId}` and `/api/executions/{id}/logs`: reading logs from a cursor on; `logs.txt` and `logs.jsonl`:
//! downloading them whole.

use axum::Json;
use axum::body::Body as Content;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use futures::stream;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::extract::{Asked, Id};
use super::problem::*;
use crate::domain::harmless::{harmless, harmless_json};
use crate::domain::{CardId, ExecutionId, ExecutionLog, LogLine, LogSlice, Problem};
use crate::server::App;

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(card_log))
        .routes(routes!(execution_log))
        .routes(routes!(download_text))
        .routes(routes!(download_json))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Piece {
    /// Only rows with a greater sequence.
    #[param(minimum = 0, default = 0)]
    after: Option<i64>,
    /// At most so many rows. Of very long rows an answer has fewer (at most 4 MiB of content, at least one row): ask again
    /// from the last one on.
    #[param(minimum = 1, maximum = 5000, default = 500)]
    limit: Option<i64>,
}

impl Piece {
    fn bounds(&self) -> Result<(LogSlice, i64), Problem> {
        let (after, limit) = (self.after.unwrap_or(0), self.limit.unwrap_or(LogSlice::LIMIT_DEFAULT));
        if after < 0 {
            return Err(Problem::invalid("after: a sequence is never negative; 0 reads from the beginning."));
        }
        if !(1..=LogSlice::LIMIT_MAX).contains(&limit) {
            return Err(Problem::invalid(format!("limit: there are 1 to {} rows to a page.", LogSlice::LIMIT_MAX)));
        }
        Ok((LogSlice::After(after), limit))
    }
}

/// A piece of a log, or that there is none.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum Log {
    Found { success: bool, execution: Box<ExecutionLog> },
    None { success: bool, error: String },
}

impl Log {
    fn found(execution: ExecutionLog) -> Self {
        Self::Found { success: true, execution: Box::new(execution) }
    }
}

/// The log of a card's active execution. `success` is false where the card has none.
#[utoipa::path(
    get, path = "/api/logs/{cardId}", tag = "logs", params(("cardId" = CardId, Path), Piece),
    responses((status = 200, body = Log), Unreadable, Unknown, Invalid)
)]
async fn card_log(State(app): State<App>, Id(id): Id<CardId>, Asked(piece): Asked<Piece>) -> Answer<Json<Log>> {
    let (slice, limit) = piece.bounds()?;
    let log = app.card_log(id, slice, limit).await?;
    let none = || Log::None { success: false, error: "No execution found for this card".into() };
    Ok(Json(log.map_or_else(none, Log::found)))
}

/// The log of any execution.
#[utoipa::path(
    get, path = "/api/executions/{id}/logs", tag = "logs", params(("id" = ExecutionId, Path), Piece),
    responses((status = 200, body = Log), Unreadable, Unknown, Invalid)
)]
async fn execution_log(
    State(app): State<App>,
    Id(id): Id<ExecutionId>,
    Asked(piece): Asked<Piece>,
) -> Answer<Json<Log>> {
    let (slice, limit) = piece.bounds()?;
    Ok(Json(Log::found(app.execution_log(id, slice, limit).await?)))
}

/// So many rows at a time are read for a download.
const DOWNLOAD_ROWS: i64 = 1000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Form {
    /// 1: every character as the agent printed it. Otherwise control characters are escaped, because a terminal that
    /// shows the file would obey them: ESC becomes `\u{1b}`.
    #[param(minimum = 0, maximum = 1, default = 0)]
    raw: Option<i64>,
}

/// The whole log as it is now.
#[utoipa::path(
    get, path = "/api/executions/{id}/logs.txt", tag = "logs", params(("id" = ExecutionId, Path), Form),
    responses((status = 200, content_type = "text/plain", body = String), Unreadable, Unknown, Invalid)
)]
async fn download_text(
    State(app): State<App>,
    Id(id): Id<ExecutionId>,
    Asked(form): Asked<Form>,
) -> Answer<impl IntoResponse> {
    let text = match form.raw {
        None | Some(0) => whole_log(app, id, |lines| Ok(harmless(&LogLine::printed(&lines)))).await?,
        Some(1) => whole_log(app, id, |lines| Ok(LogLine::printed(&lines))).await?,
        Some(_) => return Err(Problem::invalid("raw: 1 for the characters as they were printed, otherwise 0.").into()),
    };
    Ok(attachment(id, "txt", "text/plain; charset=utf-8", text))
}

/// The whole log as it is now, a row's JSON a line. Control characters are escaped as JSON does it.
#[utoipa::path(
    get, path = "/api/executions/{id}/logs.jsonl", tag = "logs", params(("id" = ExecutionId, Path)),
    responses((status = 200, content_type = "application/jsonl", body = String), Unreadable, Unknown)
)]
async fn download_json(State(app): State<App>, Id(id): Id<ExecutionId>) -> Answer<impl IntoResponse> {
    let rows = |lines: Vec<LogLine>| {
        let mut text = String::new();
        for line in lines {
            text.push_str(&harmless_json(&serde_json::to_string(&line)?));
            text.push('\n');
        }
        Ok(text)
    };
    Ok(attachment(id, "jsonl", "application/jsonl", whole_log(app, id, rows).await?))
}

/// All rows up to the one that is the last now, read as they are taken. Where reading fails in the middle the answer
/// breaks off, which a browser shows as a failed download.
async fn whole_log(
    app: App,
    id: ExecutionId,
    render: impl Fn(Vec<LogLine>) -> serde_json::Result<String> + Clone + Send + 'static,
) -> Result<Content, Problem> {
    let last = app.execution_log(id, LogSlice::Tail, 1).await?.last_sequence;
    let pages = stream::try_unfold(0, move |read| {
        let (app, render) = (app.clone(), render.clone());
        async move {
            if read >= last {
                return Ok::<_, std::io::Error>(None);
            }
            let page = app.execution_log(id, LogSlice::After(read), DOWNLOAD_ROWS.min(last - read)).await;
            let lines = page.map_err(|problem| std::io::Error::other(problem.to_string()))?.logs;
            let Some(end) = lines.last().map(|line| line.sequence) else { return Ok(None) };
            Ok(Some((render(lines)?, end)))
        }
    });
    Ok(Content::from_stream(pages))
}

fn attachment(id: ExecutionId, extension: &str, content_type: &'static str, content: Content) -> impl IntoResponse {
    let name = format!("attachment; filename=\"cardume-{id}.{extension}\"");
    ([(header::CONTENT_TYPE, content_type.to_owned()), (header::CONTENT_DISPOSITION, name)], content)
}
