//! Moving cards, by pointer and by keyboard: where one would go, in words too, and what becomes of it.
//!
//! The page shows a move at once, and takes it back where the server refuses it.

use leptos::ev::{KeyboardEvent, MouseEvent};
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::{Element, EventTarget, HtmlElement};

use super::state::BoardState;
use crate::api::move_card;
use crate::domain::{CardId, CardMove, Column};
use crate::ui::failures::change_failure;
use crate::ui::hooks::{Drag, Dragging, Poll, gap_at, hide_gap, keep_focus_on_card, scroll_to_gap, show_gap, use_drag};
use crate::ui::kit::live;
use crate::ui::run::column_title;
use crate::ui::tr;

/// What moves a card by keyboard: its own button, and its link.
const BUTTON: &str = "[data-handle]";
const LINK: &str = "[data-card-id] a";

/// The cards that the board shows, column by column, from the top.
pub type Shown = Memo<Vec<(Column, CardId)>>;

/// A place among the cards that are shown, without the one that moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    column: Column,
    index: usize,
}

/// A card in somebody's hand.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Moving {
    card: CardId,
    title: String,
    from: Place,
    /// `None` outside of all columns.
    to: Option<Place>,
    is_running: bool,
    by_keyboard: bool,
}

impl Moving {
    fn is_allowed(&self, column: Column) -> bool {
        !self.is_running || column == self.from.column
    }

    /// Where it would go, if it would go anywhere.
    fn gap(&self) -> Option<Place> {
        self.to.filter(|to| *to != self.from && self.is_allowed(to.column))
    }
}

/// The moving of cards on one board.
#[derive(Clone, Copy)]
pub struct Arrange {
    state: BoardState,
    shown: Shown,
    moving: StoredValue<Option<Moving>>,
    /// What is said of the move, and whether it is to be seen too.
    said: RwSignal<(String, bool)>,
    /// Why the last move was refused.
    pub refusal: RwSignal<Option<String>>,
    poll: Poll,
}

impl Arrange {
    pub fn new(state: BoardState, shown: Shown, refusal: RwSignal<Option<String>>, poll: Poll) -> Self {
        Self { state, shown, moving: StoredValue::new(None), said: RwSignal::default(), refusal, poll }
    }

    /// Lets the cards within `around` be dragged.
    pub fn use_drag(self, around: NodeRef<html::Div>) -> Drag {
        use_drag(around, self)
    }

    /// Call on each key in the columns.
    pub fn key(self, event: &KeyboardEvent) {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let target = event.target();
        let is_taken = match (self.moving.get_value(), event.key().as_str()) {
            (None, " ") => card_of(&target, BUTTON).or_else(|| card_of(&target, LINK)).is_some_and(|id| self.take(id)),
            (None, "Enter") => card_of(&target, BUTTON).is_some_and(|id| self.take(id)),
            (None, _) => false,
            (Some(moving), "ArrowUp") => self.step(moving, 0, -1),
            (Some(moving), "ArrowDown") => self.step(moving, 0, 1),
            (Some(moving), "ArrowLeft") => self.step(moving, -1, 0),
            (Some(moving), "ArrowRight") => self.step(moving, 1, 0),
            (Some(_), " " | "Enter") => self.drop_it(),
            (Some(_), "Escape") => self.put_down(),
            (Some(_), _) => false,
        };
        if is_taken {
            event.prevent_default();
        }
    }

    /// Call on each key let go in the columns: Space on the button has been dealt with, and is no click.
    pub fn key_up(self, event: &KeyboardEvent) {
        if event.key() == " " && card_of(&event.target(), BUTTON).is_some() {
            event.prevent_default();
        }
    }

    /// Call on each click in the columns that ends no drag.
    pub fn click(self, event: &MouseEvent) {
        let Some(id) = card_of(&event.target(), BUTTON) else { return };
        // Not every browser gives focus to a button that is clicked; the keys would go elsewhere.
        if let Some(button) = closest(&event.target(), BUTTON).and_then(|button| button.dyn_into::<HtmlElement>().ok())
        {
            let _ = button.focus();
        }
        self.take(id);
    }

    /// Call when focus leaves something in the columns: whoever goes elsewhere moves no card.
    pub fn focus_left(self) {
        // The page may be on its way out, and its signals be gone.
        let by_keyboard = |moving: &Option<Moving>| moving.as_ref().is_some_and(|moving| moving.by_keyboard);
        if self.moving.try_with_value(by_keyboard) == Some(true) {
            self.put_down();
        }
    }

    /// Takes a card in hand, to move it by keyboard.
    fn take(self, id: CardId) -> bool {
        self.pick_up(id, true);
        true
    }

    /// False where it stays: it is on its way already, or gone.
    fn pick_up(self, id: CardId, by_keyboard: bool) -> bool {
        let from = self.shown.with_untracked(|shown| {
            let column = shown.iter().find(|(_, card)| *card == id)?.0;
            let index = shown.iter().filter(|(other, _)| *other == column).position(|(_, card)| *card == id)?;
            Some(Place { column, index })
        });
        let known = self.state.card(id).filter(|_| !self.state.is_moving(id));
        let (Some(from), Some(known)) = (from, known) else { return false };
        let (title, is_running) = known.card.with_untracked(|card| (card.title.clone(), card.is_running()));
        let moving = Moving { card: id, title, from, to: Some(from), is_running, by_keyboard };
        let how = match (is_running, by_keyboard) {
            (true, _) => tr!(moving.running),
            (false, true) => tr!(moving.keys),
            (false, false) => "",
        };
        self.say(format!("{}. {how}", self.words(&moving, from)), by_keyboard || is_running);
        self.state.hold(true);
        self.refusal.set(None);
        show_gap(&id.to_string(), None);
        self.moving.set_value(Some(moving));
        true
    }

    /// By keyboard: so many columns to the right, so many cards down.
    fn step(self, moving: Moving, columns: isize, cards: isize) -> bool {
        let at = moving.to.unwrap_or(moving.from);
        let last = Column::ALL.len() - 1;
        let column = Column::ALL[(at.column as usize).saturating_add_signed(columns).min(last)];
        if !moving.is_allowed(column) {
            self.say(format!("{}. {}", self.words(&moving, at), tr!(moving.running)), true);
            return true;
        }
        let index = at.index.saturating_add_signed(cards).min(self.length(column, moving.card));
        let to = Place { column, index };
        scroll_to_gap(&moving.card.to_string(), column.as_str(), index);
        self.say(self.words(&moving, to), true);
        self.aim(Some(to));
        true
    }

    /// Shows where it would go.
    fn aim(self, to: Option<Place>) {
        let aimed = self.moving.try_update_value(|moving| {
            let moving = moving.as_mut().filter(|moving| moving.to != to)?;
            moving.to = to;
            Some((moving.card.to_string(), moving.gap()))
        });
        if let Some((id, gap)) = aimed.flatten() {
            show_gap(&id, gap.as_ref().map(|gap| (gap.column.as_str(), gap.index)));
        }
    }

    /// Leaves it where it was.
    fn put_down(self) -> bool {
        if let Some(moving) = self.out_of_hand() {
            self.stays(&moving);
        }
        true
    }

    fn drop_it(self) -> bool {
        let Some(moving) = self.out_of_hand() else { return false };
        match moving.gap() {
            Some(to) => self.send(moving, to),
            None => {
                self.stays(&moving);
                if moving.to.is_some_and(|to| to != moving.from) {
                    self.refuse(&moving.title, tr!(moving.running));
                }
            }
        }
        true
    }

    fn out_of_hand(self) -> Option<Moving> {
        hide_gap();
        self.state.hold(false);
        self.moving.try_update_value(Option::take).flatten()
    }

    fn stays(self, moving: &Moving) {
        self.say(tr!(moving.stays, title = &moving.title), false);
        // No board was taken in while it was in hand.
        self.poll.wake();
    }

    /// Shows it at its new place, and asks the server to put it there.
    fn send(self, moving: Moving, to: Place) {
        let Some(known) = self.state.card(moving.card) else { return };
        let all = others_in(&self.state.standing(), to.column, moving.card);
        let shown = self.shown.with_untracked(|shown| others_in(shown, to.column, moving.card));
        let position = position_among(&all, &shown, to.index);
        let version = known.card.with_untracked(|card| card.version);
        self.say(tr!(moving.dropped, place = self.words(&moving, to)), false);
        keep_focus_on_card(|| self.state.move_to(moving.card, to.column, position));
        spawn_local(async move {
            let to = CardMove { column_id: to.column, position: position as i64, version: Some(version) };
            let answer = move_card(moving.card, to).await;
            // The page may be gone by now, and its signals with it.
            if self.said.try_get_untracked().is_none() {
                return;
            }
            match answer {
                Ok(card) => keep_focus_on_card(|| self.state.take_move(moving.card, Some(card))),
                Err(failure) => {
                    keep_focus_on_card(|| self.state.take_move(moving.card, None));
                    self.refuse(&moving.title, &change_failure(&failure));
                }
            }
            self.poll.wake();
        });
    }

    fn refuse(self, title: &str, why: &str) {
        self.refusal.set(Some(tr!(moving.refused, title = title, why = why)));
    }

    fn say(self, words: String, is_seen: bool) {
        self.said.set((words, is_seen));
    }

    fn words(self, moving: &Moving, at: Place) -> String {
        let count = self.length(at.column, moving.card) + 1;
        let (title, column) = (&moving.title, column_title(at.column));
        tr!(moving.place, title = title, column = column, position = at.index + 1, count = count)
    }

    /// How many cards a column shows without this one.
    fn length(self, column: Column, without: CardId) -> usize {
        self.shown.with_untracked(|shown| others_in(shown, column, without).len())
    }
}

impl Dragging for Arrange {
    fn lift(self, id: &str) -> bool {
        self.put_down();
        id.parse().is_ok_and(|id| self.pick_up(id, false))
    }

    fn over(self, x: f64, y: f64) {
        let id = self.moving.with_value(|moving| moving.as_ref().map(|moving| moving.card.to_string()));
        let gap = id.and_then(|id| gap_at(x, y, &id));
        self.aim(gap.and_then(|(column, index)| Some(Place { column: column.parse().ok()?, index })));
    }

    fn let_go(self) {
        self.drop_it();
    }

    fn cancel(self) {
        self.put_down();
    }
}

/// Says what is being moved where.
#[component]
pub fn Moves(arrange: Arrange) -> impl IntoView {
    let said = arrange.said;
    view! {
        <p class="moves" role="status" data-seen=live(move || said.with(|(_, is_seen)| is_seen.then_some("")))>
            {live(move || said.with(|(words, _)| words.clone()))}
        </p>
    }
}

fn closest(target: &Option<EventTarget>, selector: &str) -> Option<Element> {
    target.as_ref()?.dyn_ref::<Element>()?.closest(selector).ok().flatten()
}

/// The card that the event is for, if that came from such an element.
fn card_of(target: &Option<EventTarget>, selector: &str) -> Option<CardId> {
    closest(target, selector)?.closest("[data-card-id]").ok().flatten()?.get_attribute("data-card-id")?.parse().ok()
}

fn others_in(cards: &[(Column, CardId)], column: Column, without: CardId) -> Vec<CardId> {
    cards.iter().filter(|(its, card)| *its == column && *card != without).map(|(_, card)| *card).collect()
}

/// The position among all cards of a column that is `index` among those that are shown: just before the next one, or
/// just behind the last. Where none is shown it is the end.
fn position_among(all: &[CardId], shown: &[CardId], index: usize) -> usize {
    let at = |card: &CardId| all.iter().position(|other| other == card);
    let before = shown.get(index).and_then(at);
    before.or_else(|| shown.last().and_then(at).map(|last| last + 1)).unwrap_or(all.len())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_card_goes_next_to_those_that_are_shown() {
        let card = |number| CardId(Uuid::from_u128(number));
        let all = [1, 2, 3, 4, 5].map(card);
        let positions = |shown: &[CardId]| (0..=shown.len()).map(|index| position_among(&all, shown, index)).collect();
        let [every, some, none]: [Vec<usize>; 3] = [positions(&all), positions(&[2, 4].map(card)), positions(&[])];
        assert_eq!(every, [0, 1, 2, 3, 4, 5]);
        assert_eq!(some, [1, 3, 4]);
        assert_eq!(none, [5]);
    }

    #[test]
    fn a_running_card_goes_nowhere_else() {
        let from = Place { column: Column::Plan, index: 0 };
        let gap = |to| {
            let card = CardId(Uuid::nil());
            Moving { card, title: String::new(), from, to, is_running: true, by_keyboard: false }.gap()
        };
        let below = Some(Place { index: 1, ..from });
        assert_eq!(gap(below), below);
        assert_eq!(gap(Some(Place { column: Column::Done, index: 0 })), None);
        assert_eq!(gap(Some(from)), None);
        assert_eq!(gap(None), None);
    }
}
