//! The four stages of a run, the six columns of the board, and the word a card shows for where its workflow stands.

use serde::{Deserialize, Serialize};

/// What an agent is started for. A run goes through them in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    Plan,
    Implement,
    Test,
    Review,
}

impl Stage {
    pub const ALL: [Self; 4] = [Self::Plan, Self::Implement, Self::Test, Self::Review];

    /// The stage after this one; `None` after the last.
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Plan => Some(Self::Implement),
            Self::Implement => Some(Self::Test),
            Self::Test => Some(Self::Review),
            Self::Review => None,
        }
    }

    /// The column a card stands in while this stage runs.
    pub fn column(self) -> Column {
        match self {
            Self::Plan => Column::Plan,
            Self::Implement => Column::Implement,
            Self::Test => Column::Test,
            Self::Review => Column::Review,
        }
    }

    /// Where a card is put when this stage fails: a failed plan goes back to the backlog, all else stays.
    pub fn column_after_failure(self) -> Column {
        match self {
            Self::Plan => Column::Backlog,
            other => other.column(),
        }
    }

    /// What the card shows while this stage runs.
    pub fn working(self) -> WorkflowStage {
        match self {
            Self::Plan => WorkflowStage::Planning,
            Self::Implement => WorkflowStage::Implementing,
            Self::Test => WorkflowStage::Testing,
            Self::Review => WorkflowStage::Reviewing,
        }
    }
}

/// The columns of the board, from left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Column {
    Backlog,
    Plan,
    Implement,
    Test,
    Review,
    Done,
}

impl Column {
    pub const ALL: [Self; 6] = [Self::Backlog, Self::Plan, Self::Implement, Self::Test, Self::Review, Self::Done];
}

/// A column, with what the board's users have settled for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ColumnSettings {
    pub id: Column,
    /// How many cards it is meant to hold at most. It says so where there are more, and keeps nobody from it: an agent's
    /// work is not held up by a full column.
    #[cfg_attr(feature = "ssr", schema(minimum = 1, maximum = 999))]
    pub wip_limit: Option<i64>,
}

impl ColumnSettings {
    pub const WIP_LIMIT_MAX: i64 = 999;
}

/// Where a card's workflow stands, in the word that the API and the board use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum WorkflowStage {
    Idle,
    Planning,
    Implementing,
    Testing,
    Reviewing,
    Completed,
    Error,
}

/// A word that names none of the values of its type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no {kind} “{word}”; there are {known}")]
pub struct UnknownWord {
    kind: &'static str,
    word: String,
    known: String,
}

/// One word for each value, the same on the wire, in the database and on the terminal.
macro_rules! words {
    ($name:ident, $kind:literal, { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $name {
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::domain::stage::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::domain::stage::UnknownWord::new($kind, word, &[$($word),+])),
                }
            }
        }
    };
}
pub(crate) use words;

impl UnknownWord {
    pub(crate) fn new(kind: &'static str, word: &str, known: &[&str]) -> Self {
        // A hostile word may be of any length; an error message may not.
        Self { kind, word: word.chars().take(40).collect(), known: known.join(", ") }
    }
}

words!(Stage, "stage", { Plan => "plan", Implement => "implement", Test => "test", Review => "review" });
words!(Column, "column", {
    Backlog => "backlog", Plan => "plan", Implement => "implement", Test => "test", Review => "review", Done => "done",
});
words!(WorkflowStage, "workflow stage", {
    Idle => "idle", Planning => "planning", Implementing => "implementing", Testing => "testing",
    Reviewing => "reviewing", Completed => "completed", Error => "error",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stages_follow_each_other_to_the_end() {
        let mut way = vec![Stage::Plan];
        while let Some(next) = way.last().and_then(|stage| stage.next()) {
            way.push(next);
        }
        assert_eq!(way, Stage::ALL);
    }

    #[test]
    fn an_unknown_word_is_an_error_that_names_the_known_ones() {
        let error = "shipping".parse::<WorkflowStage>().unwrap_err().to_string();
        assert!(error.contains("shipping") && error.contains("planning"), "{error}");
    }

    #[test]
    fn words_and_json_agree() {
        for column in Column::ALL {
            assert_eq!(serde_json::to_value(column).unwrap(), column.as_str());
            assert_eq!(column.as_str().parse::<Column>().unwrap(), column);
        }
    }
}
