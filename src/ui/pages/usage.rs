//! `/usage`: what agents used, in the last 30 days or in `?days=7` or `90`, in all projects or in `?project=ID`.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_url;

use super::loaded::loaded;
use super::not_found::{Loading, Unavailable};
use crate::api::{UsageShown, usage};
use crate::ui::hooks::use_page_focus;
use crate::ui::kit::{Icon, Masthead, Shape};
use crate::ui::tr;
use crate::ui::usage::{Asked, Periods, Projects, Report};

#[component]
pub fn UsagePage() -> impl IntoView {
    let url = use_url();
    let asked = Memo::new(move |_| {
        url.with(|url| Asked::of(url.search_params().get_str("days"), url.search_params().get_str("project")))
    });
    let shown = loaded(move || asked.get(), |asked| usage(asked.period.days(), asked.project));
    // Another period or project is the same page, in which focus stays where it is.
    let is_first = StoredValue::new(true);
    view! {
        <Transition fallback=|| view! { <Loading /> }>
            {move || Suspend::new(async move {
                match shown.await {
                    Ok(shown) => {
                        if is_first.get_value() {
                            is_first.set_value(false);
                            use_page_focus();
                        }
                        view! { <Shown asked=asked.get_untracked() shown=shown /> }.into_any()
                    }
                    Err(failure) => view! { <Unavailable failure=failure /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Shown(asked: Asked, shown: UsageShown) -> impl IntoView {
    let UsageShown { report, projects } = shown;
    let choices = projects.clone();
    view! {
        <Title text=tr!(page.usage) />
        <Masthead>
            <a class="masthead__back" href="/">
                <Icon shape=Shape::Back />
                {tr!(page.board)}
            </a>
            <Projects asked=asked projects=choices />
        </Masthead>
        <main id="main" tabindex="-1" class="usage">
            <div class="usage__head">
                <h1>{tr!(page.usage)}</h1>
                <Periods asked=asked />
            </div>
            <Report asked=asked report=report projects=projects />
        </main>
    }
}
