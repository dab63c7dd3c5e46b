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
use utoipa::IntoParams;

use super::problem::Refusal;
use crate::domain::{CardId, ExecutionId, Problem, ProjectId, RequestKey};
use crate::server::Call;

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
    if !is_of_type(headers, JSON) {
        return Err(wrong_type("JSON", JSON));
    }
    let parsed = serde_json::from_slice(bytes).map_err(|error| unreadable("The body", error))?;
    // serde also takes a list, as an object's values in their order. `null` is a body that may be absent.
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{' | b'n') => Ok(parsed),
        _ => Err(Problem::unreadable("The body is not a JSON object.").into()),
    }
}

pub const JSON: &str = "application/json";

/// Whether the body is said to be of this type, whatever its parameters.
pub fn is_of_type(headers: &HeaderMap, wanted: &str) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted)
}

pub fn wrong_type(what: &str, wanted: &str) -> Refusal {
    let detail = format!("The body must be {what}, with the header “Content-Type: {wanted}”.");
    Problem::other(415, "Unsupported media type", detail).into()
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

/// The header that makes a `POST` safe to repeat.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "this describes the header; `Call` reads it")]
pub struct KeyHeader {
    /// Your name for this request, a new one for each; a UUID will do. The same key with the same body within 24 h is
    /// answered as it was the first time, and does nothing. With another body: 422.
    #[param(rename = "Idempotency-Key", min_length = 1, max_length = 255, pattern = "^[!-~]+$")]
    key: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Call {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let mut keys = parts.headers.get_all("idempotency-key").iter();
        let Some(value) = keys.next() else { return Ok(Self::default()) };
        if keys.next().is_some() {
            return Err(Problem::unreadable("There is more than one Idempotency-Key. Send one.").into());
        }
        let key = value.to_str().unwrap_or_default().parse::<RequestKey>();
        Ok(Self::with_key(Some(key.map_err(|error| Problem::unreadable(error.to_string()))?)))
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
