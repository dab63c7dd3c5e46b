//! Reading requests: bodies, ids and queries, each refused with a problem that says what is wrong.
//!
//! 400 is for what cannot be read; whether a value that can be read is acceptable (422) is asked with [`word`], or by
//! the operation.

use std::fmt::Display;
use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::{HeaderMap, header, request::Parts};
use serde::de::DeserializeOwned;

use super::problem::Refusal;
use crate::domain::{CardId, ExecutionId, Problem, ProjectId};

/// A JSON body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let headers = request.headers().clone();
        let bytes = read(request, state).await?;
        parse(&headers, &bytes).map(Self)
    }
}

/// A JSON body that may be absent altogether.
pub struct OptionalBody<T>(pub Option<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for OptionalBody<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let headers = request.headers().clone();
        let bytes = read(request, state).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(None));
        }
        parse(&headers, &bytes).map(Self)
    }
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Refusal> {
    // Its length has been seen to before the routes, for all of them.
    Bytes::from_request(request, state).await.map_err(|_| Problem::unreadable("The body broke off.").into())
}

fn parse<T: DeserializeOwned>(headers: &HeaderMap, bytes: &[u8]) -> Result<T, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let detail = "The body must be JSON, with the header “Content-Type: application/json”.";
        return Err(Problem::other(415, "Unsupported media type", detail).into());
    }
    serde_json::from_slice(bytes).map_err(|error| unreadable("The body", error))
}

/// The id in the path. One that cannot be an id names nothing: 404.
pub struct Id<T>(pub T);

/// What has an id in a path.
pub trait Named: FromStr + Send {
    const NOUN: &'static str;
}

impl Named for CardId {
    const NOUN: &'static str = "card";
}

impl Named for ProjectId {
    const NOUN: &'static str = "project";
}

impl Named for ExecutionId {
    const NOUN: &'static str = "execution";
}

impl<T: Named, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let text = Path::<String>::from_request_parts(parts, state).await.ok();
        let id = text.and_then(|Path(text)| text.parse().ok());
        id.map(Self).ok_or_else(|| Problem::not_found(format!("There is no {} with this id.", T::NOUN)).into())
    }
}

/// The query of the address.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(rejection) => {
                let cause = std::error::Error::source(&rejection).map_or(rejection.body_text(), ToString::to_string);
                Err(unreadable("The address's query", cause))
            }
        }
    }
}

/// A value that comes as a word and must be one of those known: 422 otherwise.
pub fn word<T: FromStr<Err: Display>>(member: &str, word: &str) -> Result<T, Refusal> {
    word.parse().map_err(|error| Problem::invalid(format!("{member}: {}.", brief(error))).into())
}

fn unreadable(what: &str, cause: impl Display) -> Refusal {
    Problem::unreadable(format!("{what} cannot be read: {}.", brief(cause))).into()
}

/// A cause may repeat what was sent, which may be of any length.
fn brief(cause: impl Display) -> String {
    let text = cause.to_string();
    if text.chars().nth(300).is_some() { text.chars().take(300).chain(['…']).collect() } else { text }
}
