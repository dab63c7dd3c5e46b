//! Every effect of the browser: time, polling, scrolling, focus, keys, dialogs.
//!
//! Nothing here knows a card or draws anything. On the server all of it is there and does nothing: an `Effect` runs in
//! the browser only, and where even that is not enough a twin of the same name stands in.

mod address;
mod answer;
mod clipboard;
mod clock;
mod dialog;
mod drag;
mod focus;
mod fold;
mod gaps;
mod hydrated;
mod keyboard;
mod keys;
mod language;
mod menu;
mod notify;
mod page;
mod pause;
mod pieces;
mod poll;
mod preferences;
mod remembered;
mod scroll;
mod settling;
mod sight;
mod timer;
mod travel;

pub use address::{Address, use_address};
pub use answer::{failure_in_url, say_not_found};
pub use clipboard::copy_text;
pub use clock::{provide_clock, use_clock};
pub use dialog::{Content, Later, Modal, PageDialogs, later, provide_page_dialogs, use_page_dialogs};
pub use drag::{Drag, Dragging, use_drag};
pub use focus::{focus_when_there, keep_focus_on_card, provide_visit, use_page_focus};
pub use fold::folded;
pub use gaps::{gap_at, hide_gap, scroll_to_gap, show_gap};
pub use hydrated::{provide_hydrated, use_hydrated};
pub use keyboard::{on_chord, on_key, submits};
pub use keys::Keys;
pub use language::language;
pub use menu::Menu;
pub use notify::{provide_notifications, use_notifications};
pub use page::on_page_wake;
pub use pause::use_pause;
pub use pieces::{piece, take_over};
pub use poll::{Next, Poll, provide_connection, use_connection, use_poll};
pub use preferences::{Preferences, Theme, provide_preferences, use_preferences};
pub use remembered::{KeptText, remembered};
pub use scroll::{FollowEnd, Wanted};
pub use settling::use_settling;
pub use sight::use_hidden;
pub use travel::let_cards_travel;
