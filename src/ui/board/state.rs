//! The board as the page knows it.
//!
//! Every card is a signal of its own, so that an answer which changes one card redraws one card, and focus and scroll
//! live on. The map of workflow statuses is rebuilt from the cards, at the first load and at every change.

use std::collections::BTreeMap;

use leptos::prelude::*;

use crate::api::Board;
use crate::domain::{
    Card, CardId, Column, LogLine, Project, ProjectId, WorkflowStage, WorkflowStatus, workflow_statuses,
};

/// What is known of one card.
#[derive(Clone)]
pub struct BoardCard {
    pub card: ArcRwSignal<Card>,
    /// The last row of its log, while it runs.
    pub last_line: ArcRwSignal<Option<LogLine>>,
}

/// Where a card stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    column: Column,
    position: i64,
    card: CardId,
    project: ProjectId,
}

#[derive(Clone, Copy)]
pub struct BoardState {
    revision: StoredValue<String>,
    pub projects: RwSignal<Vec<Project>>,
    cards: StoredValue<BTreeMap<CardId, BoardCard>>,
    places: RwSignal<Vec<Place>>,
    statuses: RwSignal<BTreeMap<CardId, WorkflowStatus>>,
}

impl BoardState {
    pub fn new(board: Board) -> Self {
        let state = Self {
            revision: StoredValue::new(String::new()),
            projects: RwSignal::new(vec![]),
            cards: StoredValue::new(BTreeMap::new()),
            places: RwSignal::new(vec![]),
            statuses: RwSignal::new(BTreeMap::new()),
        };
        state.take(board);
        state
    }

    /// Names what is known, for the next question.
    pub fn revision(self) -> String {
        self.revision.get_value()
    }

    /// Takes in a whole board.
    pub fn take(self, board: Board) {
        self.revision.set_value(board.revision);
        set_if_new(self.projects, board.projects);
        let mut last_lines: BTreeMap<_, _> = board.last_lines.into_iter().collect();
        let mut kept = BTreeMap::new();
        for card in board.cards {
            let (id, last_line) = (card.id, last_lines.remove(&card.id));
            let known = self.cards.with_value(|cards| cards.get(&id).cloned());
            let entry = known.unwrap_or_else(|| BoardCard {
                card: ArcRwSignal::new(card.clone()),
                last_line: ArcRwSignal::new(None),
            });
            take_newer(&entry.card, card);
            if entry.last_line.with_untracked(|known| *known != last_line) {
                entry.last_line.set(last_line);
            }
            kept.insert(id, entry);
        }
        self.cards.set_value(kept);
        self.rebuild();
    }

    /// Takes in one card as an operation has answered it.
    pub fn take_card(self, card: Card) {
        self.cards.update_value(|cards| match cards.get(&card.id) {
            Some(known) => take_newer(&known.card, card),
            None => {
                let entry = BoardCard { card: ArcRwSignal::new(card.clone()), last_line: ArcRwSignal::new(None) };
                cards.insert(card.id, entry);
            }
        });
        self.rebuild();
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
            self.cards.with_value(|cards| cards.values().map(|known| known.card.get_untracked()).collect());
        let mut places: Vec<Place> = cards.iter().map(place).collect();
        places.sort_unstable();
        set_if_new(self.places, places);
        set_if_new(self.statuses, workflow_statuses(&cards));
    }

    pub fn card(self, id: CardId) -> Option<BoardCard> {
        self.cards.with_value(|cards| cards.get(&id).cloned())
    }

    /// The cards of a column, from the top; of one project, or of all.
    pub fn column(self, column: Column, project: Option<ProjectId>) -> Vec<CardId> {
        self.places.with(|places| {
            places
                .iter()
                .filter(|place| place.column == column && project.is_none_or(|project| place.project == project))
                .map(|place| place.card)
                .collect()
        })
    }

    pub fn has_cards(self) -> bool {
        self.places.with(|places| !places.is_empty())
    }

    /// How many cards run, and how many wait for somebody because they failed.
    pub fn running_and_failed(self) -> (usize, usize) {
        self.statuses.with(|statuses| {
            let count =
                |wanted: fn(WorkflowStage) -> bool| statuses.values().filter(|status| wanted(status.stage)).count();
            (count(is_working), count(|stage| stage == WorkflowStage::Error))
        })
    }

    pub fn is_running(self) -> bool {
        self.statuses.with_untracked(|statuses| statuses.values().any(|status| is_working(status.stage)))
    }

    /// The word for where a card's workflow stands.
    pub fn stage(self, id: CardId) -> WorkflowStage {
        self.statuses.with(|statuses| statuses.get(&id).map_or(WorkflowStage::Idle, |status| status.stage))
    }
}

fn is_working(stage: WorkflowStage) -> bool {
    !matches!(stage, WorkflowStage::Idle | WorkflowStage::Completed | WorkflowStage::Error)
}

fn place(card: &Card) -> Place {
    Place { column: card.column_id, position: card.position, card: card.id, project: card.project_id }
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
