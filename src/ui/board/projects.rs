//! Which project's cards the board shows.

use leptos::prelude::*;

use super::filter::Filter;
use super::state::BoardState;
use crate::domain::ProjectId;
use crate::ui::kit::{live, shown};
use crate::ui::tr;

#[component]
pub fn ProjectFilter(state: BoardState, filter: Memo<Filter>) -> impl IntoView {
    let current = move |this: Option<ProjectId>| move || filter.with(|filter| filter.project == this).then_some("page");
    let address = move |this: Option<ProjectId>| live(move || filter.with(|filter| filter.within(this).address()));
    shown(move || {
        let projects = state.projects.get();
        if projects.len() < 2 {
            return None;
        }
        let links = projects.into_iter().map(|known| {
            view! {
                <li>
                    <a href=address(Some(known.id)) title=known.path aria-current=live(current(Some(known.id)))>
                        {known.name}
                    </a>
                </li>
            }
        });
        Some(view! {
            <nav class="projects" aria-label=tr!(board.projects)>
                <ul>
                    <li>
                        <a href=address(None) aria-current=live(current(None))>
                            {tr!(board.all)}
                        </a>
                    </li>
                    {links.collect_view()}
                </ul>
            </nav>
        })
    })
}
