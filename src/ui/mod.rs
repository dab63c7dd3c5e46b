//! The pages of the board, rendered on the server and taken over by the browser.
//!
//! `app` is the frame; `pages` load data; `board`, `run`, `usage` and `palette` arrange; `kit` draws and knows no domain;
//! `hooks` hold every effect of the browser. Nothing here decides what a workflow may do: it asks [`crate::domain`].

mod app;
mod board;
mod failures;
mod hooks;
mod kit;
mod pages;
mod palette;
mod run;
mod usage;
mod words;

pub use app::{App, Assets, FORMS_OVER_PLAIN_HTTP, shell};
pub use hooks::{Preferences, Theme, provide_preferences, take_over};
pub use pages::Part;
pub use words::i18n::Locale;

/// The words that `locales/` has under this key, in the language of the page: a `&'static str`, or where there is
/// something to fill in, `name = value`, what can become a `String`.
macro_rules! tr {
    ($($word:tt)+) => {
        ::leptos_i18n::td_string!($crate::ui::hooks::language(), $($word)+)
    };
}
pub(crate) use tr;

/// The words for so many of something: what the key with `_1` at its end has, or that with `_n`. Both languages
/// know these two only. `{{ number }}` is the count as a person writes it.
macro_rules! tr_counted {
    ($group:ident.$one:ident | $many:ident, $count:expr) => {{
        let count: i64 = $count;
        let number = $crate::ui::kit::grouped(count);
        match count {
            1 => $crate::ui::tr!($group.$one, number = number),
            _ => $crate::ui::tr!($group.$many, number = number),
        }
    }};
}
pub(crate) use tr_counted;
