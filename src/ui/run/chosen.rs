//! The lines that somebody has chosen in a log, and what can be done with them.

use leptos::ev::MouseEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_bindgen::JsCast;
use leptos::wasm_split::{SplitLoaderError, wasm_split};
use leptos::web_sys::Element;

use super::feed::LogFeed;
use super::range::LineRange;
use crate::api::read_log;
use crate::domain::{CardId, LogLine, LogSlice};
use crate::ui::hooks::{Address, copy_text, use_address, use_hydrated};
use crate::ui::kit::{Icon, Shape, live, pressed, shown};
use crate::ui::tr;

/// Who wants more lines than this had better download them.
const COPIED_MAX: i64 = 20_000;

/// The lines that the address names: one may be sent to somebody else.
#[derive(Clone, Copy)]
pub struct Chosen {
    pub lines: Memo<Option<LineRange>>,
    card: CardId,
    feed: LogFeed,
    address: Address,
}

impl Chosen {
    pub fn new(lines: Memo<Option<LineRange>>, card: CardId, feed: LogFeed) -> Self {
        Self { lines, card, feed, address: use_address() }
    }

    /// Chooses lines, and brings them into view.
    pub fn choose(self, lines: LineRange) {
        let lines = lines.within(untrack(|| self.feed.last_sequence()));
        self.address.replace(self.address_of(Some(lines)));
        self.feed.go_to(lines.first);
    }

    /// Call on each click in the list: with Shift, a line's number chooses all from the one that was chosen before.
    pub fn click(self, event: &MouseEvent) {
        let number = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let number = number.filter(|element| event.shift_key() && element.class_name() == "line__number");
        if let Some(line) = number.and_then(|element| element.text_content()?.parse().ok()) {
            event.prevent_default();
            let lines = self.lines.get_untracked().map_or(LineRange::one(line), |from| from.to(line));
            self.address.replace(self.address_of(Some(lines)));
        }
    }

    fn address_of(self, lines: Option<LineRange>) -> String {
        let execution = self.feed.execution_untracked();
        let mut address = format!("/cards/{}", self.card);
        if let Some(execution) = execution {
            address.push_str(&format!("?execution={execution}"));
            if let Some(lines) = lines {
                address.push_str(&format!("&line={lines}"));
            }
        }
        address
    }

    /// Their text, from the page where it is here: browsers let a page copy only while they remember the click.
    fn copy(self, lines: LineRange, says: RwSignal<Option<String>>) {
        let say = said(says);
        if let Some(text) = self.feed.text(lines) {
            return copy_text(text, say);
        }
        let Some(execution) = self.feed.execution_untracked() else { return };
        if lines.last - lines.first >= COPIED_MAX {
            return says.set(Some(tr!(chosen.too_many).to_owned()));
        }
        spawn_local(async move {
            let (mut text, mut read) = (String::new(), lines.first - 1);
            // An answer may have fewer rows than were asked for; none where there are more would be a fault.
            while read < lines.last {
                let count = (lines.last - read).min(LogSlice::LIMIT_MAX);
                let Ok(page) = read_log(execution, LogSlice::After(read), count).await else { return say(false) };
                let Some(last) = page.log.logs.last() else { return say(false) };
                read = last.sequence;
                text.push_str(&LogLine::printed(&page.log.logs));
            }
            copy_text(text, say);
        });
    }
}

/// What can be done with the lines that are chosen.
#[component]
pub fn ChosenLines(chosen: Chosen) -> impl IntoView {
    let hydrated = use_hydrated();
    shown(move || {
        let lines = chosen.lines.get().filter(|_| hydrated.get())?;
        let tools = chosen_tools(chosen, lines);
        // Without the part of the bundle that has them the lines are chosen all the same.
        Some(Suspend::new(async move { tools.await.unwrap_or_else(|_| ().into_any()) }))
    })
}

#[wasm_split(dialogs, wasm_split_path = leptos::wasm_split, fallible)]
fn chosen_tools(chosen: Chosen, lines: LineRange) -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <ChosenTools chosen=chosen lines=lines /> }.into_any())
}

#[component]
fn ChosenTools(chosen: Chosen, lines: LineRange) -> impl IntoView {
    // What each says of its last copy.
    let (text_said, link_said) = (RwSignal::new(None), RwSignal::new(None));
    let copy_link = move |_| {
        let origin = window().location().origin().unwrap_or_default();
        copy_text(format!("{origin}{}", chosen.address_of(Some(lines))), said(link_said));
    };
    let name = match lines.last - lines.first {
        0 => tr!(chosen.line, number = lines.first),
        more => tr!(chosen.lines, first = lines.first, last = lines.last, count = more + 1),
    };
    view! {
        <div class="chosen" role="group" aria-label=tr!(chosen.title)>
            <span>{name}</span>
            <Copy label=tr!(chosen.copy) said=text_said act=pressed(move |_| chosen.copy(lines, text_said)) />
            <Copy label=tr!(chosen.copy_link) said=link_said act=pressed(copy_link) />
            <button
                type="button"
                class="button button--quiet button--square"
                aria-label=tr!(chosen.none)
                title=tr!(chosen.none)
                on:click=pressed(move |_| chosen.address.replace(chosen.address_of(None)))
            >
                <Icon shape=Shape::Close />
            </button>
        </div>
    }
}

/// A button that copies, and says whether it did.
#[component]
fn Copy(label: &'static str, said: RwSignal<Option<String>>, act: Box<dyn FnMut(MouseEvent)>) -> impl IntoView {
    view! {
        <button type="button" class="button button--quiet" on:click=act>
            <Icon shape=Shape::Copy />
            {live(move || said.get().unwrap_or_else(|| label.to_owned()))}
        </button>
        <span class="visually-hidden" role="status">
            {live(move || said.get().unwrap_or_default())}
        </span>
    }
}

/// Says whether something was copied, where the page is still there to say it.
fn said(said: RwSignal<Option<String>>) -> impl Fn(bool) {
    move |is_copied| {
        let words = if is_copied { tr!(chosen.copied) } else { tr!(chosen.not_copied) };
        drop(said.try_set(Some(words.to_owned())));
    }
}
