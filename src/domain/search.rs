//! What a search in logs finds.

use serde::{Deserialize, Serialize};

use super::{Card, Execution, LogLine};

/// Rows of one log in which every word of a query begins a word, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct LogMatches {
    pub matches: Vec<LogMatch>,
    /// All rows up to this one were looked at. The search goes on from here.
    #[cfg_attr(feature = "ssr", schema(minimum = 0))]
    pub searched_to: i64,
    /// There is more to look at.
    pub more: bool,
}

/// A row that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct LogMatch {
    #[serde(flatten)]
    pub line: LogLine,
    /// What was found in its content: pairs of byte offsets, from and to, without overlaps and in order.
    pub ranges: Vec<(u32, u32)>,
}

/// An execution in whose log something was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RunMatch {
    pub card: Card,
    pub execution: Execution,
    /// The first few.
    pub matches: Vec<LogMatch>,
}

/// The bounds of a search.
pub struct SearchLimits;

impl SearchLimits {
    /// A query has at most so many characters.
    pub const QUERY_MAX_CHARS: usize = 200;
    pub const MATCHES_MAX: i64 = 1000;
    pub const MATCHES_DEFAULT: i64 = 100;
}
