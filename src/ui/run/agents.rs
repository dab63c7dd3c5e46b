//! Choosing an agent.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::agents;
use crate::domain::Agent;
use crate::ui::kit::{Field, live, shown};
use crate::ui::tr;

/// The agents that can be chosen, and the one that is.
#[derive(Clone, Copy)]
pub struct Agents {
    known: RwSignal<Vec<Agent>>,
    chosen: RwSignal<String>,
}

impl Agents {
    /// `chosen`: the one that the card has; empty: the first that the server names.
    pub fn new(chosen: String) -> Self {
        Self { known: RwSignal::new(vec![]), chosen: RwSignal::new(chosen) }
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
        let chosen = self.chosen.get();
        self.known.with(|known| match known.iter().find(|agent| agent.name == chosen) {
            Some(agent) if agent.available => agent.version.clone().unwrap_or_default(),
            Some(agent) => agent.reason.clone().unwrap_or_else(|| tr!(agents.not_available).to_owned()),
            None => String::new(),
        })
    }
}

#[component]
pub fn AgentField(
    agents: Agents,
    /// The id of the field.
    id: &'static str,
) -> impl IntoView {
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
        <Field label=tr!(form.agent) of=id hint=Signal::derive(move || agents.hint())>
            <select id=id aria-describedby=format!("{id}-hint") on:change=move |event| agents.chosen.set(event_target_value(&event))>
                {shown(options)}
            </select>
        </Field>
    }
}
