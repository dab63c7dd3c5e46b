//! A card and its history as the page knows them.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::words::mark_of;
use crate::api::{CardDetails, CardTexts, card_texts, edit_card};
use crate::domain::{Card, CardEdit, Execution, ExecutionId, Project};
use crate::ui::failures::change_failure;
use crate::ui::kit::Mark;

/// Each part changes by itself, so that an answer which changes one thing redraws one thing.
#[derive(Clone, Copy)]
pub struct CardState {
    pub card: RwSignal<Card>,
    pub project: RwSignal<Project>,
    /// Newest first.
    pub executions: RwSignal<Vec<Execution>>,
    /// What its Markdown says.
    pub texts: RwSignal<CardTexts>,
    /// Somebody has deleted it.
    pub is_gone: RwSignal<bool>,
}

impl CardState {
    pub fn new(details: CardDetails, texts: CardTexts) -> Self {
        let state = Self {
            texts: RwSignal::new(texts),
            card: RwSignal::new(details.card),
            project: RwSignal::new(details.project),
            executions: RwSignal::new(details.executions),
            is_gone: RwSignal::new(false),
        };
        state.keep_texts();
        state
    }

    /// Asks for the texts again when they may have changed: another hand wrote the description, or a stage the plan.
    fn keep_texts(self) {
        Effect::new(move |before: Option<_>| {
            let now = self.card.with(|card| (card.id, card.description.clone(), card.spec_path.clone(), self.active()));
            if before.is_some_and(|before| before != now) {
                let id = now.0;
                spawn_local(async move {
                    // Where the server does not answer, what is shown is what was; the next change asks again.
                    if let Ok(texts) = card_texts(id).await {
                        self.texts.try_set(texts);
                    }
                });
            }
            now
        });
    }

    pub fn take(self, details: CardDetails) {
        self.take_card(details.card);
        set_if_new(self.project, details.project);
        set_if_new(self.executions, details.executions);
    }

    /// Takes the card as an operation has answered it; what was asked before that and is answered later is older.
    pub fn take_card(self, card: Card) {
        if card.version >= self.card.with_untracked(|known| known.version) {
            set_if_new(self.card, card);
        }
    }

    /// Changes the card, and calls `then` with what has become of it; `refusal` hears why it was not to be.
    pub fn edit(self, edit: CardEdit, refusal: RwSignal<Option<String>>, then: impl Fn(Card) + 'static) {
        let (id, then): (_, Box<dyn Fn(Card)>) = (self.card.with_untracked(|card| card.id), Box::new(then));
        refusal.set(None);
        spawn_local(async move {
            let answer = edit_card(id, edit).await;
            // The page may be gone by now, and its signals with it.
            if self.is_gone.try_get_untracked().is_none() {
                return;
            }
            match answer {
                Ok(card) => then(card),
                Err(failure) => refusal.set(Some(change_failure(&failure))),
            }
        });
    }

    pub fn is_running(self) -> bool {
        self.card.with_untracked(Card::is_running)
    }

    /// The execution that the board shows.
    pub fn active(self) -> Option<ExecutionId> {
        self.card.with(|card| card.active_execution.as_ref().map(|execution| execution.id))
    }

    pub fn mark(self) -> Option<Mark> {
        self.card.with(mark_of)
    }
}

fn set_if_new<T: PartialEq + Send + Sync + 'static>(signal: RwSignal<T>, value: T) {
    if signal.with_untracked(|known| *known != value) {
        signal.set(value);
    }
}
