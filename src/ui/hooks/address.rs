//! The page's own address, as it follows what one chooses: replaced, so that Back leads to where one came from.

use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::pause::{Pause, use_pause};

/// Replaces the page's address by another one of the same page.
#[derive(Clone, Copy)]
pub struct Address {
    replace: Callback<String>,
    pause: Pause,
}

impl Address {
    /// At once.
    pub fn replace(self, address: String) {
        self.pause.forget();
        self.replace.run(address);
    }

    /// A moment after the last call.
    pub fn replace_soon(self, address: String) {
        self.pause.then(move || self.replace.run(address));
    }
}

pub fn use_address() -> Address {
    let navigate = use_navigate();
    let options = NavigateOptions { replace: true, scroll: false, ..Default::default() };
    let replace = Callback::new(move |address: String| navigate(&address, options.clone()));
    Address { replace, pause: use_pause() }
}
