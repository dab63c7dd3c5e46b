//! What is known of a card besides its run: description, branch, spec, what its agents used.

use leptos::prelude::*;

use super::edit::{EditInPlace, Editing};
use super::state::CardState;
use crate::api::CardTexts;
use crate::domain::{Card, Execution, ExecutionStatus};
use crate::ui::kit::{Day, Icon, Shape, dollars, live, shown};
use crate::ui::{tr, tr_counted};

#[component]
pub fn Facts(state: CardState, editing: Editing) -> impl IntoView {
    let fact = move |read: fn(&Card) -> Option<String>| Memo::new(move |_| state.card.with(read));
    let branch = fact(|card| card.branch.clone());
    let text = move |read: fn(&CardTexts) -> Option<&String>| {
        Memo::new(move |_| state.texts.with(|texts| read(texts).filter(|html| !html.trim().is_empty()).cloned()))
    };
    let written = text(|texts| Some(&texts.description));
    let description = Memo::new(move |_| written.get().filter(|_| !editing.is_under_way()));
    let plan = text(|texts| texts.spec.as_ref());
    let spec = fact(|card| card.spec_path.clone());
    let agent = fact(|card| Some(card.agent.clone()));
    let warning = fact(|card| card.warning.clone());
    // Whatever becomes of the branch, this reference has what the last stage left.
    let kept = Memo::new(move |_| {
        state.executions.with(|executions| executions.iter().find_map(|execution| execution.work_ref.clone()))
    });
    let result = Memo::new(move |_| {
        state.executions.with(|executions| {
            let active = executions.iter().find(|execution| execution.active)?;
            // A failure's result is its error, which stands above.
            active.result.clone().filter(|_| active.status == ExecutionStatus::Success)
        })
    });
    // Until it has run: then it says what it worked with.
    let model = Memo::new(move |_| {
        let has_said = state.executions.with(|all| all.iter().any(|execution| execution.usage.model.is_some()));
        state.card.with(|card| card.model.clone().filter(|_| !has_said))
    });
    let used = Memo::new(move |_| state.executions.with(|executions| usage(executions)));
    let created = state.card.with_untracked(|card| card.created_at);
    view! {
        <aside
            class="facts"
            aria-label=tr!(facts.about)
            data-editing=live(move || editing.is_under_way().then_some(""))
        >
            <EditInPlace state=state editing=editing />
            <Prose title=tr!(form.description) html=description />
            <Prose title=tr!(facts.spec) html=plan />
            <Text title=tr!(facts.warning) text=warning />
            <Text title=tr!(facts.last_word) text=result />
            <dl class="facts__list">
                <dt>{tr!(form.project)}</dt>
                <dd title=live(move || state.project.with(|project| project.path.clone()))>
                    {live(move || state.project.with(|project| project.name.clone()))}
                </dd>
                <dt>{tr!(form.agent)}</dt>
                <dd>{live(move || agent.get())}</dd>
                {shown(move || {
                    model
                        .get()
                        .map(|model| {
                            view! {
                                <dt>{tr!(facts.model)}</dt>
                                <dd>{model}</dd>
                            }
                        })
                })}
                <Code term=tr!(facts.branch) shape=Shape::Branch text=branch />
                <Code term=tr!(facts.kept) shape=Shape::Archive text=kept />
                <Code term=tr!(facts.spec) shape=Shape::Edit text=spec />
                <dt>{tr!(facts.created)}</dt>
                <dd>
                    <Day at=created />
                </dd>
                {shown(move || {
                    used.get()
                        .into_iter()
                        .map(|(term, text)| {
                            view! {
                                <dt>{term}</dt>
                                <dd>{text}</dd>
                            }
                        })
                        .collect_view()
                })}
            </dl>
        </aside>
    }
}

/// A text that the server has made of Markdown. A long one opens on demand.
#[component]
fn Prose(title: &'static str, html: Memo<Option<String>>) -> impl IntoView {
    shown(move || {
        html.get().map(|html| {
            view! {
                <details class="facts__text" open>
                    <summary>
                        <h2>{title}</h2>
                    </summary>
                    <div class="prose" tabindex="0" role="region" aria-label=title inner_html=html></div>
                </details>
            }
        })
    })
}

/// The user's or the agent's own words, as they are.
#[component]
fn Text(title: &'static str, text: Memo<Option<String>>) -> impl IntoView {
    shown(move || {
        text.get().map(|text| {
            view! {
                <section class="facts__text">
                    <h2>{title}</h2>
                    <p>{text}</p>
                </section>
            }
        })
    })
}

#[component]
fn Code(term: &'static str, shape: Shape, text: Memo<Option<String>>) -> impl IntoView {
    shown(move || {
        text.get().map(|text| {
            view! {
                <dt>{term}</dt>
                <dd>
                    <Icon shape=shape />
                    <code>{text}</code>
                </dd>
            }
        })
    })
}

fn tokens_in_words(tokens: i64) -> String {
    tr_counted!(facts.tokens_1 | tokens_n, tokens)
}

/// What all executions of the card together used, as far as their agents say.
fn usage(executions: &[Execution]) -> Vec<(&'static str, String)> {
    let sum = |read: fn(&Execution) -> Option<i64>| {
        let known: Vec<i64> = executions.iter().filter_map(read).collect();
        (!known.is_empty()).then(|| known.iter().sum::<i64>())
    };
    let mut models: Vec<&str> = executions.iter().filter_map(|execution| execution.usage.model.as_deref()).collect();
    models.sort_unstable();
    models.dedup();
    let cost: Vec<f64> = executions.iter().filter_map(|execution| execution.usage.cost_usd).collect();
    let mut used = vec![];
    if !models.is_empty() {
        used.push((tr!(facts.model), models.join(", ")));
    }
    if let Some(turns) = sum(|execution| execution.usage.turns) {
        used.push((tr!(facts.turns), turns.to_string()));
    }
    if let Some(tokens) = sum(|execution| execution.usage.input_tokens) {
        used.push((tr!(facts.read), tokens_in_words(tokens)));
    }
    if let Some(tokens) = sum(|execution| execution.usage.output_tokens) {
        used.push((tr!(facts.written), tokens_in_words(tokens)));
    }
    if !cost.is_empty() {
        used.push((tr!(facts.cost), dollars(cost.iter().sum())));
    }
    used
}
