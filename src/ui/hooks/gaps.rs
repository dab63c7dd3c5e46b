//! The gaps between cards on the screen: which one is under the pointer, and showing it.
//!
//! Told by attributes that nobody renders: they come and go with the pointer, and no card is drawn anew for that.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::{Element, ScrollIntoViewOptions, ScrollLogicalPosition};

/// The column under a point, and before which of its cards; the card that moves does not count.
pub fn gap_at(x: f64, y: f64, moving: &str) -> Option<(String, usize)> {
    let column = all("[data-column]").into_iter().find(|column| {
        let place = column.get_bounding_client_rect();
        place.left() <= x && x < place.right() && place.top() <= y && y < place.bottom()
    })?;
    let name = column.get_attribute("data-column")?;
    let places = cards_in(&name, moving).iter().map(middle).collect::<Vec<_>>();
    Some((name, index_at(y, &places)))
}

/// Shows the card as lifted, and the gap that it would go to; `None` where it would stay.
pub fn show_gap(moving: &str, gap: Option<(&str, usize)>) {
    hide_gap();
    mark(document().query_selector(&format!("[data-card-id='{moving}']")).ok().flatten().as_ref(), "data-lifted", "");
    let Some((column, index)) = gap else { return };
    let (card, side) = beside(column, index, moving);
    match &card {
        Some(card) => mark(Some(card), "data-gap", side),
        None => mark(list(column).as_ref(), "data-gap", "only"),
    }
}

/// Scrolls to a gap.
pub fn scroll_to_gap(moving: &str, column: &str, index: usize) {
    let options = ScrollIntoViewOptions::new();
    options.set_block(ScrollLogicalPosition::Nearest);
    options.set_inline(ScrollLogicalPosition::Nearest);
    for element in [list(column), beside(column, index, moving).0].into_iter().flatten() {
        element.scroll_into_view_with_scroll_into_view_options(&options);
    }
}

/// Nothing is lifted any more.
pub fn hide_gap() {
    for element in all("[data-gap], [data-lifted]") {
        for name in ["data-gap", "data-lifted"] {
            // Refused only for a malformed name.
            let _ = element.remove_attribute(name);
        }
    }
}

/// The card behind a gap, or the one before it at the column's end.
fn beside(column: &str, index: usize, moving: &str) -> (Option<Element>, &'static str) {
    let mut cards = cards_in(column, moving);
    if index < cards.len() { (Some(cards.swap_remove(index)), "before") } else { (cards.pop(), "after") }
}

fn list(column: &str) -> Option<Element> {
    document().query_selector(&format!("[data-column='{column}']")).ok().flatten()
}

fn cards_in(column: &str, moving: &str) -> Vec<Element> {
    all(&format!("[data-column='{column}'] [data-card-id]:not([data-card-id='{moving}'])"))
}

fn all(selector: &str) -> Vec<Element> {
    let Ok(nodes) = document().query_selector_all(selector) else { return vec![] };
    (0..nodes.length()).filter_map(|index| nodes.get(index)?.dyn_into().ok()).collect()
}

fn mark(element: Option<&Element>, name: &str, value: &str) {
    if let Some(element) = element {
        // Refused only for a malformed name.
        let _ = element.set_attribute(name, value);
    }
}

fn middle(card: &Element) -> f64 {
    let place = card.get_bounding_client_rect();
    (place.top() + place.bottom()) / 2.0
}

/// Among cards with these middles, from the top, the place of one that is held at `y`.
fn index_at(y: f64, middles: &[f64]) -> usize {
    middles.iter().take_while(|middle| **middle < y).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_goes_behind_all_whose_middle_it_has_passed() {
        let middles = [50.0, 150.0, 250.0];
        for (y, index) in [(0.0, 0), (49.0, 0), (51.0, 1), (200.0, 2), (251.0, 3), (900.0, 3)] {
            assert_eq!(index_at(y, &middles), index, "{y}");
        }
        assert_eq!(index_at(10.0, &[]), 0);
    }
}
