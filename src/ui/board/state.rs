//! The board as the page knows it.
//!
//! Every card is a signal of its own, so that an answer which changes one card redraws one card, and focus and scroll
//! live on. The map of workflow statuses is rebuilt from the cards, at the first load and at every change.

use leptos::prelude::*;

use super::filter::Filter;
use crate::api::Board;
use crate::domain::{
    Card, CardId, Column, ColumnSettings, LogLine, Project, ProjectId, UsedSoFar, WorkflowStage, WorkflowStatus,
    workflow_statuses,
};

/// What is known of one card.
#[derive(Clone)]
pub struct BoardCard {
    pub card: ArcRwSignal<Card>,
    /// The last row of its log, while it runs.
    pub last_line: ArcRwSignal<Option<LogLine>>,
    pub used: ArcRwSignal<UsedSoFar>,
}

impl BoardCard {
    fn new(card: Card) -> Self {
        Self {
            card: ArcRwSignal::new(card),
            last_line: ArcRwSignal::new(None),
            used: ArcRwSignal::new(UsedSoFar::default()),
        }
    }
}

/// Where a card stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    column: Column,
    position: i64,
    card: CardId,
    project: ProjectId,
}

/// A move that the page shows, and that no board from the server has shown yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Move {
    card: CardId,
    column: Column,
    position: usize,
    /// The card's version after it; `None` until the server has answered.
    version: Option<i64>,
}

#[derive(Clone, Copy)]
pub struct BoardState {
    revision: StoredValue<String>,
    pub projects: RwSignal<Vec<Project>>,
    wip_limits: RwSignal<Vec<(Column, i64)>>,
    /// In the order of their ids, as the statuses are. Maps would be ten times the code for the browser to load.
    cards: StoredValue<Vec<(CardId, BoardCard)>>,
    moves: StoredValue<Vec<Move>>,
    is_held: StoredValue<bool>,
    places: RwSignal<Vec<Place>>,
    statuses: RwSignal<Vec<(CardId, WorkflowStatus)>>,
}

impl BoardState {
    pub fn new(board: Board) -> Self {
        let state = Self {
            revision: StoredValue::new(String::new()),
            projects: RwSignal::new(vec![]),
            wip_limits: RwSignal::new(vec![]),
            cards: StoredValue::new(vec![]),
            moves: StoredValue::new(vec![]),
            is_held: StoredValue::new(false),
            places: RwSignal::new(vec![]),
            statuses: RwSignal::new(vec![]),
        };
        state.take(board);
        state
    }

    /// Names what is known, for the next question.
    pub fn revision(self) -> String {
        self.revision.get_value()
    }

    /// While somebody has a card in hand, no board is taken in: nothing moves under the hand, and the next answer has
    /// the same and more.
    pub fn hold(self, is_held: bool) {
        self.is_held.set_value(is_held);
    }

    /// Takes in a whole board.
    pub fn take(self, board: Board) {
        if self.is_held.get_value() {
            return;
        }
        let version = |id| board.cards.iter().find(|card| card.id == id).map(|card| card.version);
        self.moves.update_value(|moves| {
            moves.retain(|to| version(to.card).is_some_and(|known| to.version.is_none_or(|moved| known < moved)));
        });
        self.revision.set_value(board.revision);
        set_if_new(self.projects, board.projects);
        set_if_new(self.wip_limits, board.wip_limits);
        let mut last_lines = board.last_lines;
        let mut kept = Vec::with_capacity(board.cards.len());
        for card in board.cards {
            let id = card.id;
            let line = last_lines.iter().position(|(of, _)| *of == id);
            let last_line = line.map(|at| last_lines.swap_remove(at).1);
            let entry = self.card(id).unwrap_or_else(|| BoardCard::new(card.clone()));
            let used = get(&board.used, id).copied().unwrap_or_default();
            if entry.used.with_untracked(|known| *known != used) {
                entry.used.set(used);
            }
            take_newer(&entry.card, card);
            if entry.last_line.with_untracked(|known| *known != last_line) {
                entry.last_line.set(last_line);
            }
            put(&mut kept, id, entry);
        }
        self.cards.set_value(kept);
        self.rebuild();
    }

    /// Whether its page is still there.
    pub fn is_there(self) -> bool {
        self.revision.try_get_value().is_some()
    }

    /// Those of the cards that will stand in another column than now; none while somebody has one in hand.
    pub fn travellers(self, cards: &[Card]) -> Vec<String> {
        if self.is_held.get_value() {
            return vec![];
        }
        let travels = |card: &&Card| {
            let now = self.card(card.id).map(|known| known.card.with_untracked(|known| known.column_id));
            now.is_some_and(|now| now != card.column_id)
        };
        cards.iter().filter(travels).map(|card| card.id.to_string()).collect()
    }

    /// Takes in one card as an operation has answered it.
    pub fn take_card(self, card: Card) {
        self.cards.update_value(|cards| match get(cards, card.id) {
            Some(known) => take_newer(&known.card, card),
            None => put(cards, card.id, BoardCard::new(card)),
        });
        self.rebuild();
    }

    /// Leaves out a card that is no longer on the board.
    pub fn forget(self, id: CardId) {
        self.cards.update_value(|cards| cards.retain(|(known, _)| *known != id));
        self.rebuild();
    }

    /// Shows a card at a place, before the server has moved it.
    pub fn move_to(self, card: CardId, column: Column, position: usize) {
        self.moves.update_value(|moves| moves.push(Move { card, column, position, version: None }));
        self.rebuild();
    }

    /// Takes in how the server has answered the move of a card; without a card it was refused, and goes back.
    pub fn take_move(self, id: CardId, moved: Option<Card>) {
        self.moves.update_value(|moves| match &moved {
            // The others have made room, which only a board tells.
            Some(moved) => moves.iter_mut().filter(|to| to.card == id).for_each(|to| to.version = Some(moved.version)),
            None => moves.retain(|to| to.card != id),
        });
        match moved {
            Some(moved) => self.take_card(moved),
            None => self.rebuild(),
        }
    }

    /// Whether the server has not answered a card's move yet.
    pub fn is_moving(self, id: CardId) -> bool {
        self.moves.with_value(|moves| moves.iter().any(|to| to.card == id && to.version.is_none()))
    }

    /// Takes in one project as an operation has answered it.
    pub fn take_project(self, project: Project) {
        let _ = self.projects.try_update(|projects| {
            if let Some(known) = projects.iter_mut().find(|known| known.id == project.id) {
                *known = project;
            }
        });
    }

    fn rebuild(self) {
        let cards: Vec<Card> =
            self.cards.with_value(|cards| cards.iter().map(|(_, known)| known.card.get_untracked()).collect());
        let mut places: Vec<Place> = cards.iter().map(place).collect();
        places.sort_unstable();
        self.moves.with_value(|moves| moves.iter().for_each(|to| apply(*to, &mut places)));
        set_if_new(self.places, places);
        set_if_new(self.statuses, workflow_statuses(&cards));
    }

    pub fn card(self, id: CardId) -> Option<BoardCard> {
        self.cards.with_value(|cards| get(cards, id).cloned())
    }

    /// The cards that are asked for, column by column, from the top.
    pub fn shown(self, filter: &Filter) -> Vec<(Column, CardId)> {
        let search = filter.search();
        let projects = self.projects.get();
        let is_shown = |place: &&Place| {
            filter.project.is_none_or(|project| place.project == project)
                && (!filter.is_set()
                    || self.card(place.card).is_some_and(|known| {
                        let project = projects.iter().find(|project| project.id == place.project);
                        let name = project.map_or("", |project| project.name.as_str());
                        known.card.with(|card| search.finds(card, name))
                    }))
        };
        self.places.with(|places| places.iter().filter(is_shown).map(|place| (place.column, place.card)).collect())
    }

    /// How many cards there are; of one project, or of all.
    pub fn count(self, project: Option<ProjectId>) -> usize {
        self.places
            .with(|places| places.iter().filter(|place| project.is_none_or(|project| place.project == project)).count())
    }

    /// How many cards stand in a column, those that are not asked for, too.
    pub fn count_in(self, column: Column) -> usize {
        self.places.with(|places| places.iter().filter(|place| place.column == column).count())
    }

    /// How many cards a column is meant to hold.
    pub fn wip_limit(self, column: Column) -> Option<i64> {
        self.wip_limits.with(|limits| limits.iter().find(|(of, _)| *of == column).map(|(_, limit)| *limit))
    }

    /// Takes in a column as an operation has answered it.
    pub fn take_column(self, settings: ColumnSettings) {
        let _ = self.wip_limits.try_update(|limits| {
            limits.retain(|(column, _)| *column != settings.id);
            limits.extend(settings.wip_limit.map(|limit| (settings.id, limit)));
        });
    }

    /// The agents of all cards, in order, and `also`, unless that is empty.
    pub fn agents(self, also: &str) -> Vec<String> {
        self.places.track();
        let mut agents: Vec<_> = self.signals().iter().map(|card| card.with(|card| card.agent.clone())).collect();
        if !also.is_empty() {
            agents.push(also.to_owned());
        }
        agents.sort_unstable();
        agents.dedup();
        agents
    }

    /// The cards whose runs have ended, in no order.
    pub fn ended(self) -> Vec<Card> {
        self.statuses.track();
        let cards = self.signals().into_iter().map(|card| card.get_untracked());
        cards.filter(|card| card.active_execution.is_some() && !card.is_running()).collect()
    }

    fn signals(self) -> Vec<ArcRwSignal<Card>> {
        self.cards.with_value(|cards| cards.iter().map(|(_, known)| known.card.clone()).collect())
    }

    /// All cards column by column, from the top, at this moment.
    pub fn standing(self) -> Vec<(Column, CardId)> {
        untrack(|| self.shown(&Filter::default()))
    }

    pub fn has_cards(self) -> bool {
        self.places.with(|places| !places.is_empty())
    }

    /// How many cards run, and how many wait for somebody because they failed.
    pub fn running_and_failed(self) -> (usize, usize) {
        self.statuses.with(|statuses| {
            let count =
                |wanted: fn(WorkflowStage) -> bool| statuses.iter().filter(|(_, status)| wanted(status.stage)).count();
            (count(is_working), count(|stage| stage == WorkflowStage::Error))
        })
    }

    pub fn is_running(self) -> bool {
        self.statuses.with_untracked(|statuses| statuses.iter().any(|(_, status)| is_working(status.stage)))
    }

    /// The word for where a card's workflow stands.
    pub fn stage(self, id: CardId) -> WorkflowStage {
        self.statuses.with(|statuses| get(statuses, id).map_or(WorkflowStage::Idle, |status| status.stage))
    }
}

/// What is known of a card, among what is in the order of the cards' ids.
fn get<T>(of_cards: &[(CardId, T)], id: CardId) -> Option<&T> {
    let at = of_cards.binary_search_by_key(&id, |(id, _)| *id).ok()?;
    Some(&of_cards[at].1)
}

/// Puts in what is known of a card that is not there yet.
fn put<T>(of_cards: &mut Vec<(CardId, T)>, id: CardId, known: T) {
    let at = of_cards.partition_point(|(other, _)| *other < id);
    of_cards.insert(at, (id, known));
}

fn is_working(stage: WorkflowStage) -> bool {
    !matches!(stage, WorkflowStage::Idle | WorkflowStage::Completed | WorkflowStage::Error)
}

fn place(card: &Card) -> Place {
    Place { column: card.column_id, position: card.position, card: card.id, project: card.project_id }
}

/// Does with the places, which are in order, what the server does with the positions.
fn apply(to: Move, places: &mut Vec<Place>) {
    let Some(at) = places.iter().position(|place| place.card == to.card) else { return };
    let mut place = places.remove(at);
    place.column = to.column;
    let top = places.partition_point(|place| place.column < to.column);
    let bottom = places.partition_point(|place| place.column <= to.column);
    places.insert((top + to.position).min(bottom), place);
}

/// An answer may be older than what is known: it was asked for before an operation and answered after.
fn take_newer(known: &ArcRwSignal<Card>, card: Card) {
    if known.with_untracked(|known| *known != card && known.version <= card.version) {
        known.set(card);
    }
}

fn set_if_new<T: PartialEq + Send + Sync + 'static>(signal: RwSignal<T>, value: T) {
    if signal.with_untracked(|known| *known != value) {
        signal.set(value);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn card(number: u128) -> CardId {
        CardId(Uuid::from_u128(number))
    }

    #[test]
    fn a_move_is_shown_as_the_server_will_make_it() {
        let place = |(column, position, number)| Place {
            column,
            position,
            card: card(number),
            project: ProjectId(Uuid::nil()),
        };
        let board = [(Column::Backlog, 0, 1), (Column::Backlog, 1, 2), (Column::Backlog, 2, 3), (Column::Done, 0, 4)];
        let after = |number, column, position| {
            let mut places = board.map(place).to_vec();
            apply(Move { card: card(number), column, position, version: None }, &mut places);
            places.iter().map(|place| (place.column, place.card.0.as_u128())).collect::<Vec<_>>()
        };
        use Column::*;
        assert_eq!(after(1, Backlog, 1), [(Backlog, 2), (Backlog, 1), (Backlog, 3), (Done, 4)]);
        assert_eq!(after(3, Backlog, 0), [(Backlog, 3), (Backlog, 1), (Backlog, 2), (Done, 4)]);
        assert_eq!(after(1, Done, 9), [(Backlog, 2), (Backlog, 3), (Done, 4), (Done, 1)]);
        assert_eq!(after(4, Test, 0), [(Backlog, 1), (Backlog, 2), (Backlog, 3), (Test, 4)]);
        assert_eq!(after(5, Test, 0).len(), 4);
    }
}
