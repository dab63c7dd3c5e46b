//! A word with a colour and a shape.

use leptos::prelude::*;

use super::{Icon, Shape, shown};

/// A colour with a meaning. `style/tokens.css` says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Neutral,
    Plan,
    Implement,
    Test,
    Review,
    Done,
    Failed,
    Stopped,
}

impl Tone {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Plan => "plan",
            Self::Implement => "implement",
            Self::Test => "test",
            Self::Review => "review",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

/// What a badge says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub tone: Tone,
    pub shape: Shape,
    pub word: String,
}

#[component]
pub fn Badge(mark: Memo<Option<Mark>>) -> impl IntoView {
    shown(move || {
        mark.get().map(|Mark { tone, shape, word }| {
            view! {
                <span class="badge" data-tone=tone.as_str()>
                    <Icon shape=shape />
                    <span>{word}</span>
                </span>
            }
        })
    })
}
