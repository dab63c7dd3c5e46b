//! The command palette: commands, cards and projects by name, and what the logs of all runs say.

use leptos::ev::KeyboardEvent;
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::{SplitLoaderError, wasm_split};
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::entries::{Action, Entry, entries};
use super::shortcuts::Shortcuts;
use crate::api::{Board, poll_board, search_runs};
use crate::domain::{RunMatch, SearchLimits};
use crate::ui::failures::read_failure;
use crate::ui::hooks::{PageDialogs, later, on_chord, on_key, use_page_dialogs, use_pause};
use crate::ui::kit::{Dialog, Icon, Shape, live, pressed, shown};
use crate::ui::tr;

/// Fewer letters than these are in nearly every log.
const LETTERS_MIN: usize = 2;
const LIST: &str = "palette-list";

/// Both dialogs, and the keys that open them.
#[component]
pub fn Commands() -> impl IntoView {
    let PageDialogs { palette, shortcuts, .. } = use_page_dialogs();
    on_chord("k", move || palette.open());
    on_key("?", move || shortcuts.open());
    view! {
        <Dialog modal=palette id="palette" title=tr!(palette.title) content=later(palette_form) />
        <Dialog modal=shortcuts id="shortcuts" title=tr!(shortcuts.title) content=later(shortcuts_list) />
    }
}

#[wasm_split(dialogs, wasm_split_path = leptos::wasm_split, fallible)]
fn palette_form() -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <Palette /> }.into_any())
}

#[wasm_split(dialogs, wasm_split_path = leptos::wasm_split, fallible)]
fn shortcuts_list() -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <Shortcuts /> }.into_any())
}

/// What the logs of all runs are being searched for.
#[derive(Clone, Debug, PartialEq)]
enum Runs {
    NotAsked,
    Asked,
    Found(Vec<RunMatch>),
    Failed(String),
}

#[component]
fn Palette() -> impl IntoView {
    let PageDialogs { palette, shortcuts, new_card, archive } = use_page_dialogs();
    let navigate = use_navigate();
    let query = RwSignal::new(String::new());
    let board = RwSignal::new(None::<Board>);
    let runs = RwSignal::new(Runs::NotAsked);
    let chosen = RwSignal::new(0_usize);
    spawn_local(async move {
        // Without it there are the commands, and the search in logs says what is wrong.
        if let Ok(Some(known)) = poll_board(None).await {
            board.try_set(Some(known));
        }
    });
    let listed = Memo::new(move |_| {
        let found = runs.with(|runs| if let Runs::Found(found) = runs { found.clone() } else { vec![] });
        board.with(|board| query.with(|query| entries(query, board.as_ref(), &found)))
    });
    let count = move || listed.with_untracked(Vec::len);
    let pause = use_pause();
    let ask = move |typed: String| {
        query.set(typed.clone());
        chosen.set(0);
        if typed.trim().chars().count() < LETTERS_MIN {
            pause.forget();
            runs.set(Runs::NotAsked);
            return;
        }
        runs.set(Runs::Asked);
        pause.then(move || {
            spawn_local(async move {
                let answer = search_runs(typed.clone()).await;
                // The palette may be gone by now, and its signals with it; or somebody look for something else.
                if query.try_with_untracked(|query| *query == typed) == Some(true) {
                    runs.set(answer.map_or_else(|failure| Runs::Failed(read_failure(&failure)), Runs::Found));
                }
            });
        });
    };
    let act = StoredValue::new(move |action: Action| {
        palette.close();
        match action {
            Action::Go(address) => navigate(&address, NavigateOptions::default()),
            Action::NewCard => {
                navigate("/", NavigateOptions::default());
                new_card.open();
            }
            Action::Archive => {
                navigate("/", NavigateOptions::default());
                archive.open();
            }
            Action::Shortcuts => shortcuts.open(),
        }
    });
    let key = move |event: KeyboardEvent| {
        let last = count().saturating_sub(1);
        match event.key().as_str() {
            "ArrowDown" => chosen.update(|at| *at = if *at >= last { 0 } else { *at + 1 }),
            "ArrowUp" => chosen.update(|at| *at = at.checked_sub(1).unwrap_or(last)),
            "Enter" => {
                let entry = listed.with_untracked(|listed| listed.get(chosen.get_untracked()).cloned());
                if let Some(entry) = entry {
                    act.with_value(|act| act(entry.action));
                }
            }
            _ => return,
        }
        event.prevent_default();
    };
    let option = move |(place, entry): (usize, Entry)| {
        let Entry { kind, title, detail, action } = entry;
        let is_chosen = move || chosen.get() == place;
        let element = NodeRef::<html::A>::new();
        Effect::new(move |_| {
            if is_chosen()
                && let Some(element) = element.get()
            {
                let nearest = leptos::web_sys::ScrollIntoViewOptions::new();
                nearest.set_block(leptos::web_sys::ScrollLogicalPosition::Nearest);
                element.scroll_into_view_with_scroll_into_view_options(&nearest);
            }
        });
        view! {
            <a
                node_ref=element
                id=format!("{LIST}-{place}")
                class="palette__entry"
                role="option"
                tabindex="-1"
                href=action.address()
                aria-selected=live(move || if is_chosen() { "true" } else { "false" })
                on:click=pressed(move |event| {
                    // Whoever wants another tab gets it from the browser.
                    if !(event.ctrl_key() || event.meta_key() || event.shift_key()) {
                        event.prevent_default();
                        act.with_value(|act| act(action.clone()));
                    }
                })
            >
                <span class="palette__title">{title}</span>
                <span class="palette__detail">{detail}</span>
                <span class="palette__kind">{kind}</span>
            </a>
        }
    };
    view! {
        <div class="palette">
            <div class="palette__ask">
                <Icon shape=Shape::Search />
                <input
                    type="text"
                    enterkeyhint="search"
                    role="combobox"
                    aria-expanded="true"
                    aria-controls=LIST
                    aria-autocomplete="list"
                    aria-activedescendant=live(move || {
                        let at = chosen.get();
                        listed.with(|listed| (at < listed.len()).then(|| format!("{LIST}-{at}")))
                    })
                    aria-label=tr!(palette.ask)
                    placeholder=tr!(palette.ask)
                    autocomplete="off"
                    spellcheck="false"
                    autofocus
                    maxlength=SearchLimits::QUERY_MAX_CHARS.to_string()
                    on:input=move |event| ask(event_target_value(&event))
                    on:keydown=key
                />
            </div>
            <div class="palette__list" id=LIST role="listbox" aria-label=tr!(palette.results)>
                {shown(move || listed.get().into_iter().enumerate().map(option).collect_view())}
            </div>
            <p class="palette__standing" role="status">
                {live(move || runs.with(|runs| standing(runs, listed.with(Vec::is_empty))))}
            </p>
        </div>
    }
}

fn standing(runs: &Runs, is_empty: bool) -> String {
    match runs {
        Runs::NotAsked if is_empty => tr!(palette.nothing).to_owned(),
        Runs::NotAsked => tr!(palette.hint).to_owned(),
        Runs::Asked => tr!(palette.searching).to_owned(),
        Runs::Found(found) if found.is_empty() && is_empty => tr!(palette.nothing).to_owned(),
        Runs::Found(found) if found.is_empty() => tr!(palette.no_logs).to_owned(),
        Runs::Found(_) => String::new(),
        Runs::Failed(why) => tr!(palette.failed, why = why),
    }
}
