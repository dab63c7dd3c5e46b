//! What was put away last, with a way back, over a change of page.

use leptos::prelude::*;

use crate::domain::CardId;

/// A card that is not on the board any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutAwayCard {
    pub id: CardId,
    pub title: String,
    /// And not only archived.
    pub is_deleted: bool,
}

/// The board says it, and offers it back.
#[derive(Clone, Copy)]
pub struct LastPutAway(RwSignal<Option<PutAwayCard>>);

impl LastPutAway {
    pub fn provide() {
        provide_context(Self(RwSignal::new(None)));
    }

    pub fn get(self) -> Option<PutAwayCard> {
        self.0.get()
    }

    pub fn say(self, card: PutAwayCard) {
        self.0.set(Some(card));
    }

    pub fn forget(self) {
        self.0.set(None);
    }

    /// Says nothing more of a card that is back.
    pub fn is_back(self, id: CardId) {
        if self.0.with_untracked(|last| last.as_ref().is_some_and(|last| last.id == id)) {
            self.forget();
        }
    }
}
