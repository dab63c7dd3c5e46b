//! Failures on the wire: `application/problem+json` (RFC 9457), whatever went wrong and wherever.
//!
//! The words are the [`Problem`]'s own; nothing is added here that the one who asked should not see.

use std::any::Any;
use std::collections::BTreeMap;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::{Content, Ref, RefOr, ResponseBuilder};

use crate::domain::Problem;

/// A [`Problem`] as an answer.
#[derive(Debug)]
pub struct Refusal(pub Problem);

/// What every handler answers.
pub type Answer<T> = Result<T, Refusal>;

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(self.0)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

/// For a path that is none of the API's.
pub async fn unknown_path() -> Refusal {
    Problem::not_found("There is nothing at this address. /api/openapi.json tells what there is.").into()
}

/// For a path that is there, with a method that is not.
pub async fn wrong_method() -> Refusal {
    Problem::other(405, "Method not allowed", "This address does not take this method; see the Allow header.").into()
}

/// For a handler that panicked: a defect, told to the log only.
pub fn after_panic(cause: Box<dyn Any + Send + 'static>) -> Response {
    let cause = cause.downcast_ref::<String>().map(String::as_str).or(cause.downcast_ref::<&str>().copied());
    tracing::error!("a request's handler panicked: {}", cause.unwrap_or("it did not say why"));
    Refusal(Problem::internal()).into_response()
}

/// The OpenAPI document's side: a type a status, to be named in `responses(…)`.
macro_rules! refusals {
    ($($name:ident = $status:literal, $description:literal;)+) => {$(
        #[doc = $description]
        pub enum $name {}

        impl utoipa::IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
                let problem = Content::new(Some(Ref::from_schema_name("Problem")));
                let response = ResponseBuilder::new().description($description);
                let response = response.content("application/problem+json", problem).build();
                BTreeMap::from([($status.to_owned(), response.into())])
            }
        }
    )+};
}

refusals! {
    Locked = "401", "The server wants a token, or a login.";
    Foreign = "403", "Another site's page must not call this.";
    Misdirected = "421", "The server does not answer to the name in the Host header.";
    Guessing = "429", "Too many wrong tokens came from this address.";
    Unreadable = "400", "The request cannot be read; `detail` says what is wrong with it.";
    Unknown = "404", "There is nothing with this id.";
    Conflict = "409", "The state does not allow it, or somebody else was faster.";
    TooLarge = "413", "The body is larger than the server takes.";
    WrongType = "415", "The body is not `application/json`.";
    Invalid = "422", "Readable, but not acceptable; `detail` says why.";
    Unavailable = "503", "The server cannot do this now. Nothing was changed, unless `type` is `urn:cardume:outcome-unknown`.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_problem_that_keeps_its_cause_to_itself() {
        let response = after_panic(Box::new("the secret cause"));
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let problem: Problem = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem, Problem::internal());
    }
}
