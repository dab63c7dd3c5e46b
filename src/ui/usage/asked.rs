//! Which usage the page tells of: of how many days, and of which project. It lives in the page's address.

use leptos::prelude::*;

use crate::domain::{Period, ProjectId};
use crate::ui::tr;

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    pub period: Period,
    pub project: Option<ProjectId>,
}

impl Asked {
    /// Of the values in an address; what it does not understand asks for nothing.
    pub fn of(days: Option<&str>, project: Option<&str>) -> Self {
        let days = days.and_then(|days| days.parse().ok());
        Self {
            period: days.and_then(Period::of_days).unwrap_or_default(),
            project: project.and_then(|id| id.parse().ok()),
        }
    }

    /// The page's address with it.
    fn address(self) -> String {
        let days = self.period.days();
        match self.project {
            Some(project) => format!("/usage?days={days}&project={project}"),
            None => format!("/usage?days={days}"),
        }
    }
}

/// Links to the periods.
#[component]
pub fn Periods(asked: Asked) -> impl IntoView {
    let links = Period::ALL.map(|period| {
        let is_shown = period == asked.period;
        view! {
            <li class="choice">
                <a href=Asked { period, ..asked }.address() aria-current=is_shown.then_some("page")>
                    {tr!(usage.days, days = period.days())}
                </a>
            </li>
        }
    });
    view! {
        <nav class="periods" aria-label=tr!(usage.period)>
            <ul class="periods__list">{links.into_iter().collect_view()}</ul>
        </nav>
    }
}

/// Links to the projects, where there is something to choose.
#[component]
pub fn Projects(asked: Asked, projects: Vec<(ProjectId, String)>) -> impl IntoView {
    let link = move |project: Option<ProjectId>, name: String| {
        let is_shown = project == asked.project;
        view! {
            <li class="choice">
                <a href=Asked { project, ..asked }.address() aria-current=is_shown.then_some("page")>
                    {name}
                </a>
            </li>
        }
    };
    (projects.len() > 1).then(|| {
        let links = projects.into_iter().map(|(id, name)| link(Some(id), name));
        view! {
            <nav class="projects" aria-label=tr!(board.projects)>
                <ul class="projects__list">
                    {link(None, tr!(board.all).to_owned())}
                    {links.collect_view()}
                </ul>
            </nav>
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_what_is_asked_for_and_nonsense_asks_for_nothing() {
        let id = "019a0000-0000-7000-8000-000000000000";
        let asked = Asked::of(Some("90"), Some(id));
        assert_eq!(asked.address(), format!("/usage?days=90&project={id}"));
        for (days, project) in [(None, None), (Some("31"), Some("nonsense")), (Some("-7"), Some(""))] {
            assert_eq!(Asked::of(days, project).address(), "/usage?days=30");
        }
    }
}
