//! The page's words in each of its languages. They are in `locales/`; `build.rs` makes the module `i18n` of them, and a
//! key that is missing or unknown does not compile.

#![allow(clippy::all, missing_debug_implementations, unused, reason = "made by leptos_i18n")]

include!(concat!(env!("OUT_DIR"), "/i18n.rs"));
