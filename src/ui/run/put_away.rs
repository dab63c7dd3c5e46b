//! What was put away last, with a way back, over a change of page.

use leptos::prelude::*;

use crate::domain::CardId;

/// The last card that was archived or deleted. The board says so, and offers it back.
#[derive(Clone, Copy)]
pub struct LastPutAway {
    id: StoredValue<Option<CardId>>,
    /// What is said of it; `None`: nothing is.
    pub said: RwSignal<Option<String>>,
}

impl LastPutAway {
    pub fn provide() {
        provide_context(Self { id: StoredValue::new(None), said: RwSignal::new(None) });
    }

    pub fn id(self) -> Option<CardId> {
        self.id.get_value()
    }

    pub fn say(self, id: CardId, words: String) {
        self.id.set_value(Some(id));
        self.said.set(Some(words));
    }

    /// Says nothing more of a card that is back.
    pub fn is_back(self, id: CardId) {
        if self.id.get_value() == Some(id) {
            self.said.set(None);
        }
    }
}
