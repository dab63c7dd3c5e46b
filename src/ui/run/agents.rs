//! Choosing an agent.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::agents;
use crate::domain::{Agent, Card};
use crate::ui::kit::{Field, live, shown};
use crate::ui::tr;

/// The agents that can be chosen, and the one that is.
#[derive(Clone, Copy)]
pub struct Agents {
    known: RwSignal<Vec<Agent>>,
    chosen: RwSignal<String>,
    model: RwSignal<String>,
}

impl Agents {
    /// `chosen`: the one that the card has; empty: the first that the server names. `model`: what the card asks of it.
    pub fn new(chosen: String, model: Option<String>) -> Self {
        let model = RwSignal::new(model.unwrap_or_default());
        Self { known: RwSignal::new(vec![]), chosen: RwSignal::new(chosen), model }
    }

    /// Asks the server which there are and whether they can work.
    pub fn load(self) {
        spawn_local(async move {
            // Without an answer the server's default stands, or the one that the card has.
            let Ok(known) = agents().await else { return };
            if self.chosen.try_with_untracked(String::is_empty) == Some(true)
                && let Some(first) = known.first()
            {
                self.chosen.set(first.name.clone());
            }
            self.known.try_set(known);
        });
    }

    /// `None`: the server's default.
    pub fn chosen(self) -> Option<String> {
        Some(self.chosen.get_untracked()).filter(|name| !name.is_empty())
    }

    /// The model that it is to work with; empty: its own choice. `None` where nothing is known of the agent.
    pub fn model(self) -> Option<String> {
        let takes_model = untrack(|| self.of_chosen(|agent| agent.takes_model))?;
        Some(if takes_model { self.model.get_untracked() } else { String::new() })
    }

    fn of_chosen<T>(self, read: impl FnOnce(&Agent) -> T) -> Option<T> {
        let chosen = self.chosen.get();
        self.known.with(|known| known.iter().find(|agent| agent.name == chosen).map(read))
    }

    fn options(self) -> Vec<(String, bool)> {
        let mut options: Vec<_> =
            self.known.with(|known| known.iter().map(|agent| (agent.name.clone(), agent.available)).collect());
        let chosen = self.chosen.get();
        if options.iter().all(|(name, _)| *name != chosen) {
            options.insert(0, (chosen, true));
        }
        options
    }

    fn hint(self) -> String {
        let hint = self.of_chosen(|agent| match agent.available {
            true => agent.version.clone().unwrap_or_default(),
            false => agent.reason.clone().unwrap_or_else(|| tr!(agents.not_available).to_owned()),
        });
        hint.unwrap_or_default()
    }
}

/// The agent, and the model, where it can be told of one.
#[component]
pub fn AgentField(
    agents: Agents,
    /// The id of the agent's field.
    id: &'static str,
    /// The id of the model's field.
    model_id: &'static str,
) -> impl IntoView {
    let models =
        Memo::new(move |_| agents.of_chosen(|agent| agent.takes_model.then(|| agent.models.clone())).flatten());
    let options = move || {
        agents
            .options()
            .into_iter()
            .map(|(name, available)| {
                let (value, own) = (name.clone(), name.clone());
                let label = match (name.as_str(), available) {
                    ("", _) => tr!(agents.default).to_owned(),
                    (_, true) => name,
                    (_, false) => tr!(agents.name_not_available, name = name),
                };
                view! {
                    <option value=value prop:selected=live(move || agents.chosen.with(|chosen| *chosen == own))>
                        {label}
                    </option>
                }
            })
            .collect_view()
    };
    view! {
        <Field label=tr!(form.agent) of=id hint=live(move || agents.hint())>
            <select id=id aria-describedby=format!("{id}-hint") on:input=move |event| agents.chosen.set(event_target_value(&event))>
                {shown(options)}
            </select>
        </Field>
        {shown(move || {
            let models = models.get()?;
            let list = format!("{model_id}-known");
            Some(
                view! {
                    <Field label=tr!(form.model) of=model_id>
                        <input
                            id=model_id
                            list=list.clone()
                            value=agents.model.get_untracked()
                            on:input=move |event| agents.model.set(event_target_value(&event))
                            maxlength=Card::MODEL_MAX_CHARS.to_string()
                            autocomplete="off"
                            autocapitalize="off"
                            spellcheck="false"
                            placeholder=tr!(form.model_default)
                        />
                        <datalist id=list>
                            {models.into_iter().map(|model| view! { <option value=model></option> }).collect_view()}
                        </datalist>
                    </Field>
                },
            )
        })}
    }
}
