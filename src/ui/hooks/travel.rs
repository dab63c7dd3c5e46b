//! Cards that go to another column by themselves are seen to go there: a view transition of the browser, which draws
//! them above the columns that would cut them off. <https://www.w3.org/TR/css-view-transitions-1/>

use std::cell::RefCell;
use std::time::Duration;

use leptos::prelude::*;
use leptos::wasm_bindgen::closure::Closure;
use leptos::wasm_bindgen::{JsCast, JsValue};
use leptos::web_sys::HtmlElement;
use leptos::web_sys::js_sys::{Function, Promise, Reflect};

use super::keep_focus_on_card;

/// More at once is a bustle that explains nothing.
const TRAVELLERS_MAX: usize = 8;

type Change = Box<dyn FnOnce()>;

thread_local! {
    /// What is to happen once the browser has taken its picture of the cards' old places; `None`: it takes none.
    static CHANGES: RefCell<Option<Vec<Change>>> = const { RefCell::new(None) };
}

/// Runs `change`, which moves these cards; where the browser can show that, it does so in a moment, and so does what is
/// to follow it.
pub fn let_cards_travel(cards: Vec<String>, change: impl FnOnce() + 'static) {
    let change: Change = Box::new(change);
    let left = CHANGES.with_borrow_mut(|changes| match changes {
        Some(changes) => {
            changes.push(change);
            None
        }
        None => Some(change),
    });
    let Some(change) = left else { return };
    let document = document();
    let start =
        Reflect::get(&document, &"startViewTransition".into()).ok().and_then(|it| it.dyn_into::<Function>().ok());
    let Some(start) = start.filter(|_| (1..=TRAVELLERS_MAX).contains(&cards.len())) else {
        return keep_focus_on_card(change);
    };
    CHANGES.set(Some(vec![change]));
    name(&cards, true);
    let there = cards.clone();
    let update = Closure::once_into_js(move || -> Promise {
        make_changes();
        Promise::new(&mut move |drawn, _| {
            let there = there.clone();
            // What has changed is drawn by effects.
            let arrived = move || {
                name(&there, true);
                drop(drawn.call0(&JsValue::NULL));
            };
            set_timeout(arrived, Duration::ZERO);
        })
    });
    match start.call1(&document, &update) {
        // Neither is of interest when it fails: then the cards are there without having been seen to go.
        Ok(transition) => {
            when_settled(&transition, "ready", || {});
            when_settled(&transition, "finished", move || name(&cards, false));
        }
        Err(_) => make_changes(),
    }
}

fn make_changes() {
    let changes = CHANGES.take().unwrap_or_default();
    keep_focus_on_card(|| changes.into_iter().for_each(|change| change()));
}

/// Gives the cards names by which the browser knows them again, or takes the names away.
fn name(cards: &[String], is_named: bool) {
    for card in cards {
        let tile = document().query_selector(&format!("[data-card-id='{card}']")).ok().flatten();
        if let Some(tile) = tile.and_then(|tile| tile.dyn_into::<HtmlElement>().ok()) {
            let name = if is_named { format!("card-{card}") } else { String::new() };
            // Refused only for a malformed name.
            let _ = tile.style().set_property("view-transition-name", &name);
        }
    }
}

fn when_settled(transition: &JsValue, promise: &str, then: impl FnOnce() + 'static) {
    let Ok(promise) = Reflect::get(transition, &promise.into()) else { return };
    let settled = Closure::once_into_js(then);
    if let Some(and_then) = Reflect::get(&promise, &"then".into()).ok().and_then(|it| it.dyn_into::<Function>().ok()) {
        let _ = and_then.call2(&promise, &settled, &settled);
    }
}
