//! Which cards of a long board are drawn: those at the top of each column at once, the others little by little, so that
//! the page is there soon. A browser that runs no scripts gets a link to all of them.

use std::time::Duration;

use leptos::prelude::*;

use super::arrange::Shown;
use crate::domain::Column;

/// So many cards of each column come with the page: more than most screens show.
const AT_FIRST: usize = 10;
/// So many more of each column come at a time: some 20 ms of work.
const STEP: usize = 3;
/// Between two such steps, so that the page answers whoever uses it already.
const PAUSE: Duration = Duration::from_millis(30);
/// In the address it asks for all cards at once.
const ALL: &str = "all";

/// The cards that are asked for, and those of them that are drawn.
#[derive(Clone, Copy)]
pub struct Drawn {
    pub found: Shown,
    pub cards: Shown,
}

impl Drawn {
    /// `query`: what stands behind the `?` of the address.
    pub fn new(found: Shown, query: &str) -> Self {
        let is_all = query.trim_start_matches('?').split('&').any(|pair| pair == ALL);
        let limit = RwSignal::new(if is_all { usize::MAX } else { AT_FIRST });
        let cards = Memo::new(move |_| found.with(|found| first_of_each(found, limit.get())));
        Effect::new(move |_| {
            if cards.with(Vec::len) < found.with(Vec::len) {
                // The page may be gone by then.
                set_timeout(move || limit.try_update(|limit| *limit += STEP).unwrap_or_default(), PAUSE);
            }
        });
        Self { found, cards }
    }

    /// How many cards of a column are asked for.
    pub fn count(self, column: Column) -> usize {
        self.found.with(|found| in_column(found, column))
    }

    /// How many of them are not drawn yet.
    pub fn left(self, column: Column) -> usize {
        self.count(column).saturating_sub(self.cards.with(|cards| in_column(cards, column)))
    }
}

/// The board's address with the wish for all its cards.
pub fn with_all(address: &str) -> String {
    format!("{address}{}{ALL}", if address.contains('?') { '&' } else { '?' })
}

fn in_column<T>(cards: &[(Column, T)], column: Column) -> usize {
    cards.iter().filter(|(its, _)| *its == column).count()
}

fn first_of_each<T: Copy>(cards: &[(Column, T)], limit: usize) -> Vec<(Column, T)> {
    let mut counts = [0; Column::ALL.len()];
    let is_first = |(column, _): &&(Column, T)| {
        counts[*column as usize] += 1;
        counts[*column as usize] <= limit
    };
    cards.iter().filter(is_first).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_each_column_are_drawn() {
        use Column::*;
        let cards = [(Backlog, 1), (Backlog, 2), (Backlog, 3), (Plan, 4), (Done, 5), (Done, 6)];
        assert_eq!(first_of_each(&cards, 1), [(Backlog, 1), (Plan, 4), (Done, 5)]);
        assert_eq!(first_of_each(&cards, 2).len(), 5);
        assert_eq!(first_of_each(&cards, usize::MAX), cards);
    }

    #[test]
    fn the_wish_for_all_stands_beside_the_filter() {
        assert_eq!(with_all("/"), "/?all");
        assert_eq!(with_all("/?q=fox"), "/?q=fox&all");
    }
}
