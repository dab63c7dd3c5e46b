//! `/`: the board.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_location;

use super::loaded::loaded;
use super::not_found::{Loading, Unavailable};
use super::title::title_of;
use crate::api::{Board, poll_board};
use crate::ui::board::{
    Archive, Arrange, Away, BoardState, Columns, Drawn, Filter, Filters, FirstProject, ManageProjects, NewCard,
    OpenArchive, ProjectFilter, PutAwayNotice, WhileAway,
};
use crate::ui::hooks::{
    Modal, Next, let_cards_travel, piece, use_hydrated, use_page_dialogs, use_page_focus, use_poll,
};
use crate::ui::kit::{ClosableNotice, Masthead, live, pressed, shown};
use crate::ui::run::CardActions;
use crate::ui::tr;

const PACE_RUNNING_MS: u32 = 1_000;
const PACE_IDLE_MS: u32 = 3_000;
const PACE_AFTER_FAILURE_MS: u32 = 5_000;

#[component]
pub fn BoardPage() -> impl IntoView {
    let board = loaded(|| (), |()| poll_board(None));
    view! {
        <Transition fallback=|| view! { <Loading /> }>
            {move || Suspend::new(async move {
                match board.await {
                    Ok(Some(board)) => view! { <LiveBoard board=board /> }.into_any(),
                    // Nothing was said to be known, so there is always a board.
                    Ok(None) => ().into_any(),
                    Err(failure) => view! { <Unavailable failure=failure /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn LiveBoard(board: Board) -> impl IntoView {
    let state = BoardState::new(board);
    let query = use_location().search;
    let filter = Memo::new(move |_| query.with(|query| Filter::from_query(query)));
    let project = Memo::new(move |_| filter.with(|filter| filter.project));
    let poll = use_poll(
        pace(state),
        move || poll_board(Some(state.revision())),
        move |answer| {
            match answer {
                Ok(Some(board)) => {
                    let_cards_travel(state.travellers(&board.cards), move || {
                        if state.is_there() {
                            state.take(board);
                        }
                    });
                }
                Ok(None) => {}
                Err(_) => return Next::InMs(PACE_AFTER_FAILURE_MS),
            }
            Next::InMs(pace(state))
        },
    );
    let actions = CardActions::provide(move |card| {
        let_cards_travel(state.travellers(std::slice::from_ref(&card)), move || {
            if state.is_there() {
                state.take_card(card);
            }
        });
        poll.wake();
    });
    let drawn = Drawn::new(Memo::new(move |_| filter.with(|filter| state.shown(filter))), &query.get_untracked());
    let away = Away::new(state);
    let archive = Archive::provide(state, poll, actions.refusal);
    let arrange = Arrange::new(state, drawn.cards, actions.refusal, poll);
    let new_card = use_page_dialogs().new_card;
    on_cleanup(move || new_card.forget());
    let made = Callback::new(move |(card, run): (crate::domain::Card, bool)| {
        state.take_card(card.clone());
        poll.wake();
        if run {
            actions.run(&card);
        }
    });
    let added = Callback::new(move |_| poll.wake());
    let has_projects = Memo::new(move |_| state.projects.with(|projects| !projects.is_empty()));
    use_page_focus();
    let main = move || {
        view! {
            <main id="main" tabindex="-1" class="board">
                <h1 class="visually-hidden">{tr!(page.board)}</h1>
                <ClosableNotice text=actions.refusal />
                <PutAwayNotice archive=archive />
                <WhileAway away=away />
                {shown(move || (!has_projects.get()).then(|| view! { <FirstProject added=added /> }))}
                <FirstCard state=state modal=new_card />
                <div class="board__bar">
                    <Filters state=state filter=filter shown_cards=drawn.found />
                    <OpenArchive archive=archive />
                </div>
                <Columns state=state drawn=drawn arrange=arrange filter=filter project=project />
            </main>
        }
    };
    view! {
        <Title text=title_of(Memo::new(move |_| title(state, away))) />
        <Masthead>
            <ProjectFilter state=state filter=filter />
            <Summary state=state />
            {shown(move || has_projects.get().then(|| view! { <ManageProjects state=state changed=added /> }))}
            <NewCard state=state project=project modal=new_card made=made />
        </Masthead>
        {piece(main)}
    }
}

fn pace(state: BoardState) -> u32 {
    if state.is_running() { PACE_RUNNING_MS } else { PACE_IDLE_MS }
}

fn title(state: BoardState, away: Away) -> String {
    let running = match state.running_and_failed() {
        (0, _) => String::new(),
        (running, _) => tr!(board.running, running = running),
    };
    match away.count() {
        0 => running,
        ended => format!("({ended}) {running}").trim_end().to_owned(),
    }
}

#[component]
fn Summary(state: BoardState) -> impl IntoView {
    let counts = Memo::new(move |_| state.running_and_failed());
    view! {
        <p class="summary">
            {live(move || match counts.get() {
                (0, 0) => String::new(),
                (running, 0) => tr!(board.running, running = running),
                (0, failed) => tr!(board.failed, failed = failed),
                (running, failed) => tr!(board.running_and_failed, running = running, failed = failed),
            })}
        </p>
    }
}

/// What the board says before it has a card.
#[component]
fn FirstCard(state: BoardState, modal: Modal) -> impl IntoView {
    let hydrated = use_hydrated();
    let is_missing = Memo::new(move |_| state.projects.with(|projects| !projects.is_empty()) && !state.has_cards());
    shown(move || {
        is_missing.get().then(|| {
            view! {
                <section class="invitation" aria-label=tr!(board.first_steps)>
                    <p>
                        {tr!(board.nothing_yet)}
                    </p>
                    <button
                        type="button"
                        class="button"
                        disabled=live(move || !hydrated.get())
                        on:click=pressed(move |_| modal.open())
                    >
                        {tr!(board.write_first)}
                    </button>
                </section>
            }
        })
    })
}
