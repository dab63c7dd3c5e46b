//! Putting cards away, off the board, and back: at once, with a way back instead of a question.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::{SplitLoaderError, wasm_split};

use super::state::BoardState;
use crate::api::{archived_cards, edit_card};
use crate::domain::{Card, CardEdit, CardId, Column, Workflow};
use crate::ui::failures::{change_failure, read_failure};
use crate::ui::hooks::{Poll, keep_focus_on_card, later, use_hydrated, use_page_dialogs};
use crate::ui::kit::{Day, Dialog, Icon, Notice, Shape, ToolButton, live, pressed, shown};
use crate::ui::run::LastPutAway;
use crate::ui::tr;

/// The board's archive.
#[derive(Clone, Copy)]
pub struct Archive {
    state: BoardState,
    poll: Poll,
    refusal: RwSignal<Option<String>>,
    last: LastPutAway,
}

impl Archive {
    pub fn provide(state: BoardState, poll: Poll, refusal: RwSignal<Option<String>>) -> Self {
        let archive = Self { state, poll, refusal, last: expect_context() };
        provide_context(archive);
        archive
    }

    pub fn put_away(self, id: CardId) {
        self.edit(id, true, move |card| {
            self.last.say(id, tr!(archive.was_put_away, title = card.title));
            keep_focus_on_card(|| self.state.forget(id));
        });
    }

    /// Back at the end of its column.
    fn restore(self, id: CardId, then: impl FnOnce() + 'static) {
        self.edit(id, false, move |card| {
            self.last.is_back(id);
            self.state.take_card(card);
            then();
        });
    }

    /// The cards that are through, and stand where such cards stand.
    fn completed(self) -> Vec<CardId> {
        let mut standing = self.state.standing();
        standing.retain(|(column, id)| {
            let known = self.state.card(*id).filter(|_| *column == Column::Done);
            known.is_some_and(|known| known.card.with_untracked(|card| Workflow::of(card) == Workflow::Completed))
        });
        standing.into_iter().map(|(_, id)| id).collect()
    }

    fn edit(self, id: CardId, archived: bool, then: impl FnOnce(Card) + 'static) {
        self.refusal.set(None);
        spawn_local(async move {
            let answer = edit_card(id, CardEdit { archived: Some(archived), ..CardEdit::default() }).await;
            // The page may be gone by now, and its signals with it.
            if self.refusal.try_get_untracked().is_none() {
                return;
            }
            match answer {
                Ok(card) => then(card),
                Err(failure) => self.refusal.set(Some(change_failure(&failure))),
            }
            self.poll.wake();
        });
    }
}

/// Puts a card away.
#[component]
pub fn PutAway(id: CardId, described_by: String) -> impl IntoView {
    let archive = expect_context::<Archive>();
    let hydrated = use_hydrated();
    view! {
        <button
            type="button"
            class="button button--quiet button--square"
            aria-label=tr!(archive.put_away)
            aria-describedby=described_by
            title=tr!(archive.put_away)
            disabled=live(move || !hydrated.get())
            on:click=pressed(move |_| archive.put_away(id))
        >
            <Icon shape=Shape::Archive />
        </button>
    }
}

/// Says what was put away, and offers it back.
#[component]
pub fn PutAwayNotice(archive: Archive) -> impl IntoView {
    let last = archive.last;
    view! {
        <div class="notice notice--closable notice--calm" hidden=live(move || last.said.with(Option::is_none))>
            <p role="status">{live(move || last.said.get().unwrap_or_default())}</p>
            <button
                type="button"
                class="button"
                on:click=pressed(move |_| {
                    if let Some(id) = last.id() {
                        archive.restore(id, || ());
                    }
                })
            >
                {tr!(archive.undo)}
            </button>
            <button
                type="button"
                class="button button--quiet button--square"
                aria-label=tr!(page.dismiss)
                on:click=pressed(move |_| last.said.set(None))
            >
                <Icon shape=Shape::Close />
            </button>
        </div>
    }
}

/// The button that opens the archive, and its dialog.
#[component]
pub fn OpenArchive(archive: Archive) -> impl IntoView {
    let modal = use_page_dialogs().archive;
    on_cleanup(move || modal.forget());
    view! {
        <ToolButton
            class="filters__archive"
            shape=Shape::Archive
            text=tr!(archive.title)
            act=pressed(move |_| modal.open())
        />
        <Dialog
            modal=modal
            id="archive"
            title=tr!(archive.title)
            content=later(move || archive_list(archive))
        />
    }
}

#[wasm_split(dialogs, wasm_split_path = leptos::wasm_split, fallible)]
fn archive_list(archive: Archive) -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <ArchiveList archive=archive /> }.into_any())
}

#[component]
fn ArchiveList(archive: Archive) -> impl IntoView {
    let cards = RwSignal::new(None::<Vec<Card>>);
    let problem = RwSignal::new(None);
    let load = move || {
        spawn_local(async move {
            match archived_cards().await {
                Ok(known) => drop(cards.try_set(Some(known))),
                Err(failure) => drop(problem.try_set(Some(read_failure(&failure)))),
            }
        });
    };
    load();
    let all_done = archive.completed();
    let is_swept = RwSignal::new(all_done.is_empty());
    let sweep = move |_| {
        is_swept.set(true);
        for id in &all_done {
            let id = *id;
            archive.edit(id, true, move |_| {
                archive.state.forget(id);
                load();
            });
        }
    };
    let row = move |card: Card| {
        let id = card.id;
        let title_id = format!("archived-{id}");
        view! {
            <li>
                <a id=title_id.clone() href=format!("/cards/{id}")>{card.title}</a>
                {card.discarded_at.map(|_| view! { <span class="archive__deleted">{tr!(archive.deleted)}</span> })}
                {card.archived_at.map(|at| view! { <Day at=at /> })}
                <button
                    type="button"
                    class="button"
                    aria-describedby=title_id
                    on:click=pressed(move |_| {
                        archive
                            .restore(
                                id,
                                move || {
                                    let _ = cards.try_update(|cards| {
                                        cards.iter_mut().for_each(|cards| cards.retain(|card| card.id != id));
                                    });
                                },
                            )
                    })
                >
                    {tr!(archive.restore)}
                </button>
            </li>
        }
    };
    view! {
        <div class="archive" tabindex="0" autofocus>
            <Notice text=problem />
            {shown(move || {
                cards
                    .get()
                    .map(|cards| match cards.is_empty() {
                        true => view! { <p class="archive__empty">{tr!(archive.empty)}</p> }.into_any(),
                        false => view! { <ul>{cards.into_iter().map(row).collect_view()}</ul> }.into_any(),
                    })
            })}
            <div class="form__foot">
                <button type="button" class="button" disabled=live(move || is_swept.get()) on:click=pressed(sweep)>
                    {tr!(archive.all_done)}
                </button>
            </div>
        </div>
    }
}
