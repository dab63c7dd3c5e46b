//! Run, Cancel, Retry, Resume.
//!
//! Each is a form that posts to its server function, so that it works before the WASM has arrived. What is offered is
//! what the [`Workflow`] allows.

use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos::task::spawn_local;
use leptos_router::hooks::use_location;

use super::stage_title;
use crate::api::{CancelCard, RetryCard, RunCard, cancel_card, retry_card, run_card};
use crate::domain::{Card, CardId, Column, Event, ExecutionId, ExecutionStatus, Remedy, RequestKey, Stage, Workflow};
use crate::ui::failures::change_failure;
use crate::ui::hooks::{Menu, failure_in_url, use_settling};
use crate::ui::kit::{Icon, MenuFrame, Shape, live, shown};
use crate::ui::tr;

/// What somebody wants of a card's run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Run,
    Cancel,
    Retry(Option<Stage>),
    /// The same as `Retry(None)`, with the old worktree put aside.
    RetryInNewWorktree,
    /// A retry of a stage that nobody wanted to end: its agent goes on with its own session where it can.
    Resume,
}

impl Wish {
    /// The card's version is in it: what somebody wants of the card as they see it is done once, however often they
    /// press, and whether or not an answer came. The same wish for a later version is another one.
    fn key(self, id: CardId, version: i64) -> Option<RequestKey> {
        let what = match self {
            Self::Run => "run",
            Self::Cancel => "cancel",
            Self::Retry(None) | Self::Resume => "retry",
            Self::RetryInNewWorktree => "retry-in-new-worktree",
            Self::Retry(Some(stage)) => stage.as_str(),
        };
        format!("page/{what}/{id}/{version}").parse().ok()
    }
}

/// The wishes on their way to the server, for all the cards of a page.
#[derive(Clone, Copy)]
pub struct CardActions {
    on_their_way: RwSignal<Vec<CardId>>,
    /// The executions whose end has been asked for; that takes some seconds.
    cancelling: RwSignal<Vec<ExecutionId>>,
    /// Why the last one was refused.
    pub refusal: RwSignal<Option<String>>,
    /// What to do with the card as the server answers it.
    answered: Callback<Card>,
}

impl CardActions {
    pub fn provide(answered: impl Fn(Card) + Send + Sync + 'static) -> Self {
        let actions = Self {
            on_their_way: RwSignal::new(vec![]),
            cancelling: RwSignal::new(vec![]),
            refusal: RwSignal::new(failure_in_url()),
            answered: Callback::new(answered),
        };
        provide_context(actions);
        actions
    }

    /// Runs a card that has just been made.
    pub fn run(self, card: &Card) {
        self.ask(card.id, card.version, Wish::Run);
    }

    /// Whether a card's question is on its way, or its end is.
    fn is_busy(self, card: &Card) -> bool {
        let is_cancelling = |id| card.is_running() && self.cancelling.with(|ids| ids.contains(&id));
        self.on_their_way.with(|ids| ids.contains(&card.id))
            || card.active_execution.as_ref().is_some_and(|execution| is_cancelling(execution.id))
    }

    fn ask(self, id: CardId, version: i64, wish: Wish) {
        if self.on_their_way.with_untracked(|ids| ids.contains(&id)) {
            return;
        }
        self.on_their_way.update(|ids| ids.push(id));
        self.refusal.set(None);
        let key = wish.key(id, version);
        spawn_local(async move {
            let answer = match wish {
                Wish::Run => run_card(id, key).await,
                Wish::Cancel => cancel_card(id, key).await,
                Wish::Retry(stage) => retry_card(id, stage, None, key).await,
                Wish::RetryInNewWorktree => retry_card(id, None, Some(true), key).await,
                Wish::Resume => retry_card(id, None, None, key).await,
            };
            // The page may be gone by now, and its signals with it.
            if self.on_their_way.try_update(|ids| ids.retain(|other| *other != id)).is_none() {
                return;
            }
            match answer {
                Ok(card) => {
                    if let (Wish::Cancel, Some(execution)) = (wish, &card.active_execution) {
                        self.cancelling.update(|ids| ids.push(execution.id));
                    }
                    self.answered.run(card);
                }
                Err(failure) => self.refusal.set(Some(change_failure(&failure))),
            }
        });
    }
}

/// The one thing that is to be done with a card's run now: Run, Cancel, Retry or Resume.
#[component]
pub fn RunControls(
    #[prop(into)] card: Signal<Card>,
    /// The id of the card's title, which tells the many buttons of a board apart.
    described_by: String,
) -> impl IntoView {
    let actions = expect_context::<CardActions>();
    let offer = Memo::new(move |_| card.with(offer));
    let busy = Memo::new(move |_| card.with(|card| actions.is_busy(card)));
    let is_first = StoredValue::new(true);
    shown(move || {
        let (wish, described_by) = (offer.get()?, described_by.clone());
        // Who clicks Cancel in the moment in which the run ends does not want to retry it.
        let settling = if is_first.get_value() { None } else { Some(use_settling()) };
        is_first.set_value(false);
        Some(view! { <WishForm card=card wish=wish busy=busy settling=settling described_by=described_by /> })
    })
}

/// Goes on in a new worktree, offered where the error asks for that.
#[component]
pub fn RetryInNewWorktree(#[prop(into)] card: Signal<Card>, described_by: &'static str) -> impl IntoView {
    let actions = expect_context::<CardActions>();
    let is_asked_for = Memo::new(move |_| card.with(|card| card.remedy() == Some(Remedy::NewWorktree)));
    let busy = Memo::new(move |_| card.with(|card| actions.is_busy(card)));
    shown(move || {
        is_asked_for.get().then(|| {
            view! { <WishForm card=card wish=Wish::RetryInNewWorktree busy=busy described_by=described_by.to_owned() /> }
        })
    })
}

/// Starting again from any stage.
#[component]
pub fn StartAgain(#[prop(into)] card: Signal<Card>) -> impl IntoView {
    let possible = Memo::new(move |_| {
        card.with(|card| {
            card.active_execution.is_some() && Workflow::of(card).apply(Event::Retry(Some(Stage::Plan))).is_ok()
        })
    });
    let actions = expect_context::<CardActions>();
    let busy = Memo::new(move |_| card.with(|card| actions.is_busy(card)));
    let menu = Menu::new();
    shown(move || {
        possible.get().then(|| {
            let forms = Stage::ALL.map(|stage| {
                let wish = Wish::Retry(Some(stage));
                view! { <WishForm card=card wish=wish busy=busy described_by="start-again".to_owned() /> }
            });
            view! {
                <MenuFrame
                    menu=menu
                    summary=view! {
                        <summary class="button" id="start-again">
                            {tr!(controls.start_again)}
                        </summary>
                    }
                        .into_any()
                >
                    <div class="menu__items">{forms.into_iter().collect_view()}</div>
                </MenuFrame>
            }
        })
    })
}

#[component]
fn WishForm(
    card: Signal<Card>,
    wish: Wish,
    busy: Memo<bool>,
    /// True while it has just come in another's place.
    #[prop(default = None)]
    settling: Option<ReadSignal<bool>>,
    described_by: String,
) -> impl IntoView {
    let id = card.with_untracked(|card| card.id);
    let version = Memo::new(move |_| card.with(|card| card.version));
    let actions = expect_context::<CardActions>();
    let is_idle = move || !busy.get() && settling.is_none_or(|settling| !settling.get());
    // Not `disabled`: that would take the focus away from whoever has pressed it.
    let pending = move || (!is_idle()).then_some("true");
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if untrack(is_idle) {
            actions.ask(id, version.get_untracked(), wish);
        }
    };
    let (address, class, shape, label) = match wish {
        Wish::Run => (RunCard::url(), "button button--primary", Some(Shape::Play), tr!(controls.run)),
        Wish::Cancel => (CancelCard::url(), "button", Some(Shape::Stop), tr!(controls.cancel)),
        Wish::Retry(None) => (RetryCard::url(), "button button--primary", Some(Shape::Again), tr!(controls.retry)),
        Wish::Retry(Some(stage)) => (RetryCard::url(), "button button--quiet", None, stage_title(stage)),
        Wish::RetryInNewWorktree => (RetryCard::url(), "button", Some(Shape::Branch), tr!(controls.new_worktree)),
        Wish::Resume => (RetryCard::url(), "button button--primary", Some(Shape::Play), tr!(controls.resume)),
    };
    let field = match wish {
        Wish::Retry(Some(stage)) => Some(("stage", stage.as_str())),
        Wish::RetryInNewWorktree => Some(("new_worktree", "true")),
        _ => None,
    };
    let field = field.map(|(name, value)| view! { <input type="hidden" name=name value=value /> });
    // The browser tells nobody which page a form is on.
    let address = format!("{address}?from={}", use_location().pathname.get_untracked());
    view! {
        <form method="post" action=address on:submit=submit>
            <input type="hidden" name="id" value=id.to_string() />
            <input type="hidden" name="key" value=live(move || wish.key(id, version.get()).map(String::from)) />
            {field}
            <button
                class=class
                aria-describedby=described_by
                aria-busy=live(move || busy.get().then_some("true"))
                aria-disabled=live(pending)
            >
                {shape.map(|shape| view! { <Icon shape=shape /> })}
                {live(move || if wish == Wish::Cancel && busy.get() { tr!(controls.cancelling) } else { label })}
            </button>
        </form>
    }
}

fn offer(card: &Card) -> Option<Wish> {
    let status = card.active_execution.as_ref().map(|execution| execution.status);
    wish_for(Workflow::of(card), card.column_id, status)
}

/// What the workflow allows, the most likely wish first.
fn wish_for(workflow: Workflow, column: Column, status: Option<ExecutionStatus>) -> Option<Wish> {
    match workflow {
        Workflow::Working(_) => Some(Wish::Cancel),
        Workflow::Failed(_) if status == Some(ExecutionStatus::Lost) => Some(Wish::Resume),
        Workflow::Failed(_) => Some(Wish::Retry(None)),
        _ => workflow.apply(Event::Start(column)).is_ok().then_some(Wish::Run),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_workflow_allows_is_offered() {
        let failed = Workflow::Failed(Stage::Plan);
        assert_eq!(wish_for(Workflow::Idle, Column::Backlog, None), Some(Wish::Run));
        assert_eq!(wish_for(Workflow::Idle, Column::Test, None), None);
        let running = Some(ExecutionStatus::Running);
        assert_eq!(wish_for(Workflow::Working(Stage::Test), Column::Test, running), Some(Wish::Cancel));
        for status in [ExecutionStatus::Error, ExecutionStatus::Cancelled] {
            assert_eq!(wish_for(failed, Column::Backlog, Some(status)), Some(Wish::Retry(None)));
        }
        assert_eq!(wish_for(failed, Column::Backlog, Some(ExecutionStatus::Lost)), Some(Wish::Resume));
        assert_eq!(wish_for(Workflow::Completed, Column::Done, Some(ExecutionStatus::Success)), None);
    }
}
