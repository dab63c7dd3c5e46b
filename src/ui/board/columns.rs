//! The six columns.

use leptos::prelude::*;

use super::arrange::{Arrange, Moves};
use super::card::CardTile;
use super::drawn::{Drawn, with_all};
use super::filter::Filter;
use super::limit::ColumnLimit;
use super::state::BoardState;
use crate::domain::{Column, ProjectId};
use crate::ui::hooks::{piece, remembered, use_hydrated};
use crate::ui::kit::{Icon, Shape, live, pressed, shown};
use crate::ui::run::column_title;
use crate::ui::{tr, tr_counted};

#[component]
pub fn Columns(
    state: BoardState,
    drawn: Drawn,
    arrange: Arrange,
    filter: Memo<Filter>,
    project: Memo<Option<ProjectId>>,
) -> impl IntoView {
    let refusal = arrange.refusal;
    let columns = Column::ALL.map(|column| {
        piece(move || {
            view! { <ColumnList state=state column=column drawn=drawn filter=filter project=project refusal=refusal /> }
        })
    });
    let element = NodeRef::new();
    let drag = arrange.use_drag(element);
    // It scrolls sideways where the screen is narrow: the keyboard must get at it even while no card is there to be focused.
    view! {
        <div
            node_ref=element
            class="columns"
            role="group"
            aria-label=tr!(columns.all)
            tabindex="0"
            data-scrolls
            on:touchmove=move |event| drag.keep_from_scrolling(&event)
            on:contextmenu=move |event| drag.keep_from_menu(&event)
            on:click=pressed(move |event| {
                if !drag.swallows(&event) {
                    arrange.click(&event);
                }
            })
            on:keydown=move |event| arrange.key(&event)
            on:keyup=move |event| arrange.key_up(&event)
            on:focusout=move |_| arrange.focus_left()
        >
            {columns.into_iter().collect_view()}
        </div>
        <Moves arrange=arrange />
    }
}

#[component]
fn ColumnList(
    state: BoardState,
    column: Column,
    drawn: Drawn,
    filter: Memo<Filter>,
    project: Memo<Option<ProjectId>>,
    refusal: RwSignal<Option<String>>,
) -> impl IntoView {
    let cards = Memo::new(move |_| {
        drawn.cards.with(|all| all.iter().filter(|(its, _)| *its == column).map(|(_, card)| *card).collect::<Vec<_>>())
    });
    let counts = Memo::new(move |_| (drawn.count(column), drawn.left(column)));
    let count = move || counts.get().0;
    let title_id = format!("column-{column}");
    let is_collapsed = remembered(collapsed(column));
    let hydrated = use_hydrated();
    view! {
        <section
            class="column"
            data-testid=title_id.clone()
            data-column=column.as_str()
            data-collapsed=live(move || is_collapsed.get().then_some(""))
            data-empty=live(move || (count() == 0).then_some(""))
            aria-labelledby=title_id.clone()
        >
            <div class="column__head">
                <h2 class="column__title" id=title_id.clone()>
                    <span class="column__dot" aria-hidden="true"></span>
                    {column_title(column)}
                </h2>
                <ColumnLimit state=state column=column counts=counts refusal=refusal />
            </div>
            <button
                type="button"
                class="button button--quiet button--square column__collapse"
                aria-label=tr!(columns.collapse)
                aria-describedby=title_id.clone()
                aria-pressed=live(move || if is_collapsed.get() { "true" } else { "false" })
                title=tr!(columns.collapse)
                disabled=live(move || !hydrated.get())
                on:click=pressed(move |_| is_collapsed.update(|is_collapsed| *is_collapsed = !*is_collapsed))
            >
                <Icon shape=Shape::Collapse />
            </button>
            <ul class="column__cards" data-scrolls>
                <For
                    each=move || cards.get()
                    key=|id| id.0.as_u128()
                    children=move |id| state.card(id).map(|card| view! { <CardTile state=state known=card project=project /> })
                />
                {shown(move || {
                    let left = Some(counts.get().1).filter(|left| *left > 0)?;
                    let address = with_all(&filter.with(Filter::address));
                    Some(
                        view! {
                            <li class="column__more">
                                <a href=address>{tr_counted!(columns.more_1 | more_n, left as i64)}</a>
                            </li>
                        },
                    )
                })}
            </ul>
        </section>
    }
}

/// Where the browser keeps whether a column is shown as a strip.
fn collapsed(column: Column) -> &'static str {
    match column {
        Column::Backlog => "cardume.collapsed.backlog",
        Column::Plan => "cardume.collapsed.plan",
        Column::Implement => "cardume.collapsed.implement",
        Column::Test => "cardume.collapsed.test",
        Column::Review => "cardume.collapsed.review",
        Column::Done => "cardume.collapsed.done",
    }
}
