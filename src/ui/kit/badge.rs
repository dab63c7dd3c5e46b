//! A word with a colour and a shape.

use leptos::prelude::*;

use super::{Icon, Shape, live};

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
pub fn Badge(#[prop(into)] mark: Signal<Mark>) -> impl IntoView {
    view! {
        <span class="badge" data-tone=live(move || mark.with(|mark| mark.tone.as_str()))>
            <Icon shape=Signal::derive(move || mark.with(|mark| mark.shape)) />
            <span>{live(move || mark.with(|mark| mark.word.clone()))}</span>
        </span>
    }
}
