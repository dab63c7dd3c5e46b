//! The keys that do something.

use leptos::prelude::*;

use crate::ui::tr;

#[component]
pub fn Shortcuts() -> impl IntoView {
    let groups = [
        (
            tr!(shortcuts.everywhere),
            vec![
                ("Ctrl K", tr!(shortcuts.palette)),
                ("?", tr!(shortcuts.this_list)),
                ("Esc", tr!(shortcuts.close)),
                ("Ctrl Enter", tr!(shortcuts.send)),
            ],
        ),
        (
            tr!(page.board),
            vec![
                ("n", tr!(form.new_card)),
                ("/", tr!(filter.search_cards)),
                ("Space", tr!(shortcuts.take)),
                ("← ↑ ↓ →", tr!(shortcuts.move_it)),
            ],
        ),
        (tr!(shortcuts.card), vec![("e", tr!(form.edit_card))]),
        (
            tr!(log.log),
            vec![
                ("/", tr!(find.search)),
                ("Enter", tr!(find.next)),
                ("Shift Enter", tr!(find.previous)),
                ("/ :5-9 Enter", tr!(shortcuts.lines)),
            ],
        ),
    ];
    let rows = |keys: Vec<(&'static str, &'static str)>| {
        let row = |(keys, does): (&'static str, &'static str)| {
            let keys = keys.split(' ').map(|key| view! { <kbd>{key}</kbd> }).collect_view();
            view! {
                <dt>{keys}</dt>
                <dd>{does}</dd>
            }
        };
        keys.into_iter().map(row).collect_view()
    };
    let group = |(title, keys): (&'static str, Vec<(&'static str, &'static str)>)| {
        view! {
            <section>
                <h3>{title}</h3>
                <dl>{rows(keys)}</dl>
            </section>
        }
    };
    view! { <div class="shortcuts" tabindex="0" autofocus>{groups.map(group).into_iter().collect_view()}</div> }
}
