//! The log of an execution: rows that are only ever added.

use serde::{Deserialize, Serialize};

use super::stage::words;
use super::{CardId, Command, ExecutionId, ExecutionStatus, Timestamp, WorkflowStage};

/// Who says a log row, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum LogType {
    /// Cardume itself.
    Info,
    /// The agent's words.
    Text,
    /// The agent uses a tool.
    Tool,
    /// What a tool, or the whole invocation, came to.
    Result,
    /// Something failed.
    Error,
    /// A line from the agent's standard error.
    Stderr,
}

impl LogType {
    pub const ALL: [Self; 6] = [Self::Info, Self::Text, Self::Tool, Self::Result, Self::Error, Self::Stderr];
}

words!(LogType, "log type", {
    Info => "info", Text => "text", Tool => "tool", Result => "result", Error => "error", Stderr => "stderr",
});

/// One row of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct LogLine {
    /// From 1, without holes, in the order in which the rows were taken in.
    #[cfg_attr(feature = "ssr", schema(minimum = 1))]
    pub sequence: i64,
    pub timestamp: Timestamp,
    #[serde(rename = "type")]
    pub kind: LogType,
    pub content: String,
    /// The row goes on in the next one: its line was longer than a row holds.
    pub partial: bool,
}

impl LogLine {
    /// A row holds at most this much; a longer line becomes several.
    pub const CONTENT_MAX_BYTES: usize = 256 * 1024;

    /// What was printed: rows that were cut out of one long line are one line again.
    pub fn printed<'a>(lines: impl IntoIterator<Item = &'a Self>) -> String {
        let mut text = String::new();
        for line in lines {
            text.push_str(&line.content);
            if !line.partial {
                text.push('\n');
            }
        }
        text
    }
}

/// An execution and a piece of its log, read as of one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ExecutionLog {
    pub card_id: CardId,
    pub execution_id: ExecutionId,
    pub status: ExecutionStatus,
    pub command: Command,
    pub workflow_stage: WorkflowStage,
    pub workflow_error: Option<String>,
    pub started_at: Timestamp,
    pub completed_at: Option<Timestamp>,
    pub result: Option<String>,
    pub exit_code: Option<i32>,
    pub logs: Vec<LogLine>,
    /// The sequence of the last row that the execution has, whether or not it is among `logs`.
    #[cfg_attr(feature = "ssr", schema(minimum = 0))]
    pub last_sequence: i64,
    /// The execution has ended and every row is in.
    pub complete: bool,
}

/// Which rows of a log to read, at most `limit` of them; always answered in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LogSlice {
    /// The first rows with `sequence > n`.
    After(i64),
    /// The last rows with `sequence < n`.
    Before(i64),
    /// The last rows there are.
    Tail,
    /// Row `n` with those before and behind it. Of very long rows there are fewer; `n` is always among them.
    Around(i64),
}

impl LogSlice {
    /// The bounds of `limit`.
    pub const LIMIT_MAX: i64 = 5000;
    pub const LIMIT_DEFAULT: i64 = 500;

    /// The range of sequences, both ends included, that this names in a log that ends at `last`. Empty: start > end.
    pub fn range(self, limit: i64, last: i64) -> (i64, i64) {
        match self {
            Self::After(n) => (n.max(0).saturating_add(1), n.max(0).saturating_add(limit).min(last)),
            Self::Before(n) => {
                let end = n.saturating_sub(1).min(last);
                ((end.saturating_sub(limit) + 1).max(1), end)
            }
            Self::Tail => ((last.saturating_sub(limit) + 1).max(1), last),
            Self::Around(n) => {
                let start = (n.clamp(1, last.max(1)) - (limit - 1) / 2).max(1);
                (start, (start + limit - 1).min(last))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_name_ranges_within_the_log() {
        assert_eq!(LogSlice::After(0).range(500, 10), (1, 10));
        assert_eq!(LogSlice::After(3).range(2, 10), (4, 5));
        assert_eq!(LogSlice::Tail.range(3, 10), (8, 10));
        assert_eq!(LogSlice::Before(8).range(3, 10), (5, 7));
        assert_eq!(LogSlice::Before(2).range(3, 10), (1, 1));
        assert_eq!(LogSlice::Around(5).range(4, 10), (4, 7));
        assert_eq!(LogSlice::Around(5).range(1, 10), (5, 5));
        assert_eq!(LogSlice::Around(1).range(4, 10), (1, 4));
        assert_eq!(LogSlice::Around(i64::MAX).range(4, 10), (9, 10));
        assert_eq!(LogSlice::Around(7).range(4, 0), (1, 0));
    }

    #[test]
    fn a_cursor_beyond_the_end_names_nothing() {
        for slice in [LogSlice::After(10), LogSlice::After(i64::MAX), LogSlice::Before(1), LogSlice::Before(i64::MIN)] {
            let (start, end) = slice.range(500, 10);
            assert!(start > end, "{slice:?}");
        }
    }
}
