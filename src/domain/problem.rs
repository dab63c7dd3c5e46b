//! A failure, as those outside see it.

use serde::{Deserialize, Serialize};

/// What went wrong, in words for the person who asked: RFC 9457's members, without internals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[error("{title}: {detail}")]
pub struct Problem {
    /// A URI that names the kind of problem; `about:blank` where the status says it all.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "ssr", schema(format = "uri-reference"))]
    pub kind: String,
    #[cfg_attr(feature = "ssr", schema(min_length = 1))]
    pub title: String,
    /// The HTTP status.
    #[cfg_attr(feature = "ssr", schema(minimum = 400, maximum = 599))]
    pub status: u16,
    /// What happened and what to do next.
    #[cfg_attr(feature = "ssr", schema(min_length = 1))]
    pub detail: String,
}

impl Problem {
    const OUTCOME_UNKNOWN: &str = "urn:cardume:outcome-unknown";

    fn new(status: u16, title: &str, detail: impl Into<String>) -> Self {
        Self { kind: "about:blank".into(), title: title.into(), status, detail: detail.into() }
    }

    pub fn unreadable(detail: impl Into<String>) -> Self {
        Self::new(400, "Bad request", detail)
    }

    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(404, "Not found", detail)
    }

    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(409, "Conflict", detail)
    }

    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(413, "Too large", detail)
    }

    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(422, "Invalid", detail)
    }

    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(503, "Cannot do this now", detail)
    }

    /// The change may have been saved, or not: the database's answer was lost.
    pub fn outcome_unknown() -> Self {
        let detail = "It is unknown whether this was saved, because the database's answer was lost. Look again, or repeat \
                      the request with the same Idempotency-Key.";
        Self { kind: Self::OUTCOME_UNKNOWN.into(), ..Self::new(503, "Outcome unknown", detail) }
    }

    /// Nobody knows whether the request was carried out.
    pub fn is_outcome_unknown(&self) -> bool {
        self.kind == Self::OUTCOME_UNKNOWN
    }

    /// A defect of the server. The cause is logged there and does not leave it.
    pub fn internal() -> Self {
        Self::new(500, "Internal error", "Something went wrong on the server; its log says what.")
    }

    /// The server did not answer.
    pub fn unreachable() -> Self {
        Self::new(0, "No answer", "Can't reach the server. Try again once it's back.")
    }

    pub fn other(status: u16, title: &str, detail: impl Into<String>) -> Self {
        Self::new(status, title, detail)
    }
}
