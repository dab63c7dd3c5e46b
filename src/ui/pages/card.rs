//! `/cards/{id}`: a card, its stages, and the log of one execution: `?execution=ID`, or else the active one.

use leptos::either::Either;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::loaded::loaded;
use super::not_found::{Loading, NotFound, Unavailable};
use super::title::title_of;
use crate::api::{CardDetails, CardTexts, Failure, LogPage, card_details, card_texts, read_log};
use crate::domain::{Card, CardId, ExecutionId, LogSlice, Problem};
use crate::ui::hooks::{Next, piece, use_page_focus, use_poll};
use crate::ui::kit::{Badge, Icon, Mark, Masthead, Notice, Shape, Tone, live, shown};
use crate::ui::run::{
    ArchiveCard, CardActions, CardState, DeleteCard, DuplicateCard, EditCard, Editing, Facts, LineRange, Log, LogFeed,
    LogWindow, RetryInNewWorktree, RunControls, StartAgain, Timeline,
};
use crate::ui::tr;

const PACE_RUNNING_MS: u32 = 1_500;
const PACE_IDLE_MS: u32 = 4_000;
const PACE_AFTER_FAILURE_MS: u32 = 5_000;

type Loaded = (CardDetails, CardTexts, Option<LogPage>);

#[component]
pub fn CardPage() -> impl IntoView {
    let params = use_params_map();
    let query = use_query_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").and_then(|id| id.parse::<CardId>().ok())));
    let chosen =
        Memo::new(move |_| query.with(|query| query.get("execution").and_then(|id| id.parse::<ExecutionId>().ok())));
    let lines =
        Memo::new(move |_| query.with(|query| query.get("line").and_then(|line| line.parse::<LineRange>().ok())));
    // Another choice of execution does not load the page again: the log asks for its rows.
    let card = loaded(move || id.get(), move |id| load(id, chosen.get_untracked(), lines.get_untracked()));
    view! {
        <Transition fallback=|| view! { <Loading /> }>
            {move || Suspend::new(async move {
                match card.await {
                    Ok((details, texts, log)) => view! { <LiveCard details=details texts=texts log=log chosen=chosen lines=lines /> }.into_any(),
                    Err(failure) => view! { <Unavailable failure=failure /> }.into_any(),
                }
            })}
        </Transition>
    }
}

async fn load(id: Option<CardId>, chosen: Option<ExecutionId>, lines: Option<LineRange>) -> Result<Loaded, Failure> {
    let Some(id) = id else { return Err(Failure(Problem::not_found(tr!(page.no_such_card)))) };
    let details = card_details(id).await?;
    let texts = card_texts(id).await?;
    let log = match to_show(&details, chosen) {
        Some(execution) => {
            let slice = lines.map_or(LogSlice::Tail, |lines| LogWindow::around(lines.first));
            Some(read_log(execution, slice, LogSlice::LIMIT_DEFAULT).await?)
        }
        None => None,
    };
    Ok((details, texts, log))
}

/// The chosen execution, if it is one of this card's; else the active one.
fn to_show(details: &CardDetails, chosen: Option<ExecutionId>) -> Option<ExecutionId> {
    let own = chosen.filter(|id| details.executions.iter().any(|execution| execution.id == *id));
    own.or_else(|| details.card.active_execution.as_ref().map(|execution| execution.id))
}

#[component]
fn LiveCard(
    details: CardDetails,
    texts: CardTexts,
    log: Option<LogPage>,
    chosen: Memo<Option<ExecutionId>>,
    lines: Memo<Option<LineRange>>,
) -> impl IntoView {
    let id = details.card.id;
    let state = CardState::new(details, texts);
    let poll = use_poll(
        pace(state),
        move || card_details(id),
        move |answer| {
            match answer {
                Ok(details) => state.take(details),
                Err(failure) if failure.0.status == 404 => {
                    state.is_gone.set(true);
                    return Next::WhenWoken;
                }
                Err(_) => return Next::InMs(PACE_AFTER_FAILURE_MS),
            }
            Next::InMs(pace(state))
        },
    );
    let own = move |id: &ExecutionId| state.executions.with(|all| all.iter().any(|execution| execution.id == *id));
    let wanted = Memo::new(move |_| chosen.get().filter(own).or_else(|| state.active()));
    let feed = LogFeed::new(log, wanted, lines, move || poll.wake());
    let actions = CardActions::provide(move |card| {
        state.take_card(card);
        poll.wake();
        feed.wake();
    });
    use_page_focus();
    shown(move || match state.is_gone.get() {
        true => Either::Left(view! { <NotFound /> }),
        false => Either::Right(view! { <CardView state=state feed=feed actions=actions wanted=wanted lines=lines /> }),
    })
}

#[component]
fn CardView(
    state: CardState,
    feed: LogFeed,
    actions: CardActions,
    wanted: Memo<Option<ExecutionId>>,
    lines: Memo<Option<LineRange>>,
) -> impl IntoView {
    let title = Memo::new(move |_| state.card.with(|card| card.title.clone()));
    let mark = Memo::new(move |_| Some(state.mark().unwrap_or_else(not_started)));
    let put_away = Memo::new(move |_| state.card.with(put_away_words));
    let error = Memo::new(move |_| {
        state.card.with(|card| card.active_execution.as_ref().and_then(|execution| execution.workflow_error.clone()))
    });
    let editing = Editing::new();
    let head = move || {
        view! {
            <header class="run__head">
                <h1 id="card-title">{live(move || title.get())}</h1>
                <div role="status" class="run__state">
                    <Badge mark=mark />
                </div>
                <div class="run__controls">
                    <RunControls card=state.card described_by="card-title".to_owned() />
                    <RetryInNewWorktree card=state.card described_by="card-title" />
                    <StartAgain card=state.card />
                    <EditCard editing=editing />
                    <DuplicateCard state=state refusal=actions.refusal />
                    <ArchiveCard state=state refusal=actions.refusal />
                    <DeleteCard state=state refusal=actions.refusal />
                </div>
            </header>
        }
    };
    let main = move || {
        view! {
        <main id="main" tabindex="-1" class="run">
            {piece(head)}
            <Notice text=actions.refusal />
            {shown(move || {
                put_away.get().map(|words| view! { <p class="notice notice--calm" role="status">{words}</p> })
            })}
            {shown(move || error.get().map(|error| view! { <p class="run__error" data-tone=live(move || mark.with(|mark| mark.as_ref().map(|mark| mark.tone.as_str())))>{error}</p> }))}
            {piece(move || view! { <Timeline state=state current=wanted /> })}
            <div class="run__body">
                {piece(move || view! { <Log state=state feed=feed lines=lines /> })}
                {piece(move || view! { <Facts state=state editing=editing /> })}
            </div>
        </main>
        }
    };
    view! {
        <Title text=title_of(title) />
        <Masthead>
            <a class="masthead__back" href="/">
                <Icon shape=Shape::Back />
                {tr!(page.board)}
            </a>
        </Masthead>
        {piece(main)}
    }
}

/// Why the card is not on the board.
fn put_away_words(card: &Card) -> Option<&'static str> {
    match (card.discarded_at, card.archived_at) {
        (Some(_), _) => Some(tr!(archive.is_deleted)),
        (None, Some(_)) => Some(tr!(archive.is_archived)),
        (None, None) => None,
    }
}

fn not_started() -> Mark {
    Mark { tone: Tone::Neutral, shape: Shape::Waiting, word: tr!(stages.not_started).to_owned() }
}

fn pace(state: CardState) -> u32 {
    if state.is_running() { PACE_RUNNING_MS } else { PACE_IDLE_MS }
}
