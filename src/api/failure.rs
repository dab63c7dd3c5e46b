//! How a server function fails: with a [`Problem`], the same as the REST API's, so that the page can show its words.

use std::fmt;

use leptos::server_fn::codec::JsonEncoding;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};

use crate::domain::Problem;

/// A failed server function. Status 0 where the server did not answer at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure(pub Problem);

impl Failure {
    /// There was no answer of the server's: a request that was sent may have arrived, or not.
    pub fn is_unanswered(&self) -> bool {
        matches!(self.0.status, 0 | 502 | 504)
    }

    /// The server did not answer, or something between did: worth trying again.
    pub fn is_transient(&self) -> bool {
        matches!(self.0.status, 0 | 502 | 503 | 504)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl std::error::Error for Failure {}

impl FromServerFnError for Failure {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        Self(match error {
            // The server reads requests and the browser reads answers. An answer that the browser can't read is none of
            // ours: the server is on its way down or up.
            ServerFnErrorErr::Deserialization(_) if cfg!(not(feature = "ssr")) => Problem::unreachable(),
            ServerFnErrorErr::Request(_) | ServerFnErrorErr::Response(_) => Problem::unreachable(),
            ServerFnErrorErr::Deserialization(_) | ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) => {
                Problem::unreadable("The request does not have the form that this function takes.")
            }
            ServerFnErrorErr::UnsupportedRequestMethod(_) => Problem::unreadable("The method is not supported here."),
            _ => Problem::internal(),
        })
    }
}

/// Gives the answer the problem's status.
#[cfg(feature = "ssr")]
impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        if let Some(response) = leptos::prelude::use_context::<leptos_axum::ResponseOptions>()
            && let Ok(status) = axum::http::StatusCode::from_u16(problem.status)
        {
            response.set_status(status);
        }
        Self(problem)
    }
}
