//! What the board and a card's page show.

use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::{Answer, App};
use crate::api::{Board, CardDetails, CardTexts};
use crate::domain::{CardId, Column, ColumnSettings, NewCard, Problem};
use crate::server::git::worktree::Worktree;
use crate::server::markdown::to_html;
use crate::server::store::Mark;

/// So much of a plan is shown.
const SPEC_MAX_BYTES: u64 = 256 * 1024;

/// The board that was read last.
#[derive(Clone, Default)]
pub struct KnownBoard(Arc<Mutex<Option<BoardAt>>>);

struct BoardAt {
    mark: Mark,
    board: Arc<Board>,
}

impl KnownBoard {
    fn at(&self, mark: &Mark) -> Option<Arc<Board>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|known| known.mark == *mark).map(|known| known.board.clone())
    }

    fn keep(&self, mark: Mark, board: Arc<Board>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(BoardAt { mark, board });
    }
}

impl App {
    /// Everything that the board shows. Every page asks for it all the time: it is read again when something was committed.
    pub async fn board(&self) -> Answer<Arc<Board>> {
        // Before the board: what is committed meanwhile makes the next mark another one.
        let mark = self.store.mark().await?;
        if let Some(board) = self.known_board.at(&mark) {
            return Ok(board);
        }
        let board = Arc::new(self.read_board().await?);
        self.known_board.keep(mark, board.clone());
        Ok(board)
    }

    async fn read_board(&self) -> Answer<Board> {
        let projects = self.store.projects().await?;
        let cards = self.store.cards(None).await?;
        let last_lines = self.store.last_lines().await?;
        let wip_limits = self.store.wip_limits().await?;
        let used = self.store.used_so_far().await?;
        let state = serde_json::to_vec(&(&projects, &cards, &last_lines, &wip_limits, &used)).map_err(|error| {
            tracing::error!(%error, "the board has no JSON");
            Problem::internal()
        })?;
        let revision = Sha256::digest(state).iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        Ok(Board { revision, projects, cards, last_lines, wip_limits, used })
    }

    /// The columns, from left to right.
    pub async fn columns(&self) -> Answer<Vec<ColumnSettings>> {
        let limits = self.store.wip_limits().await?;
        let limit = |id| limits.iter().find(|(of, _)| *of == id).map(|(_, cards)| *cards);
        Ok(Column::ALL.map(|id| ColumnSettings { id, wip_limit: limit(id) }).to_vec())
    }

    /// Sets or takes away how many cards a column is meant to hold.
    pub async fn set_column(&self, settings: ColumnSettings) -> Answer<ColumnSettings> {
        if settings.wip_limit.is_some_and(|cards| !(1..=ColumnSettings::WIP_LIMIT_MAX).contains(&cards)) {
            let most = ColumnSettings::WIP_LIMIT_MAX;
            return Err(Problem::invalid(format!("A limit is a number of cards from 1 to {most}, or none.")));
        }
        self.store.set_wip_limit(settings.id, settings.wip_limit).await?;
        Ok(settings)
    }

    /// A card's description and plan, to be read.
    pub async fn card_texts(&self, id: CardId) -> Answer<CardTexts> {
        let card = self.store.card(id).await?;
        let worktree = card.worktree_path.as_deref().zip(card.branch.as_deref());
        let worktree = worktree.map(|(path, branch)| Worktree { path: path.into(), branch: branch.to_owned() });
        let texts = tokio::task::spawn_blocking(move || {
            let spec =
                worktree.zip(card.spec_path).and_then(|(worktree, file)| worktree.read_spec(&file, SPEC_MAX_BYTES));
            CardTexts { description: to_html(&card.description), spec: spec.as_deref().map(to_html) }
        });
        texts.await.map_err(|error| {
            tracing::error!(%error, "the texts of a card");
            Problem::internal()
        })
    }

    /// A text in Markdown as HTML, sanitised.
    pub async fn preview_text(&self, markdown: String) -> Answer<String> {
        if markdown.len() > NewCard::DESCRIPTION_MAX_BYTES {
            return Err(Problem::invalid("A description is at most 256 KiB long."));
        }
        tokio::task::spawn_blocking(move || to_html(&markdown)).await.map_err(|error| {
            tracing::error!(%error, "the preview of a text");
            Problem::internal()
        })
    }

    /// A card with its history.
    pub async fn card_details(&self, id: CardId) -> Answer<CardDetails> {
        let card = self.store.card(id).await?;
        let project = self.store.project(card.project_id).await?;
        let executions = self.store.executions(id).await?;
        Ok(CardDetails { card, project, executions })
    }
}
