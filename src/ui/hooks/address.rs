//! The page's own address, as it follows what one chooses: replaced, so that Back leads to where one came from.

use std::time::Duration;

use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

/// So long after the last key an address follows what is typed.
const SETTLES_IN: Duration = Duration::from_millis(200);

/// Replaces the page's address by another one of the same page.
#[derive(Clone, Copy)]
pub struct Address {
    replace: Callback<String>,
    later: StoredValue<Option<TimeoutHandle>>,
}

impl Address {
    /// At once.
    pub fn replace(self, address: String) {
        self.forget();
        self.replace.run(address);
    }

    /// A moment after the last call.
    pub fn replace_soon(self, address: String) {
        self.forget();
        let timer = set_timeout_with_handle(move || self.replace(address), SETTLES_IN);
        self.later.set_value(timer.ok());
    }

    fn forget(self) {
        if let Some(timer) = self.later.try_update_value(Option::take).flatten() {
            timer.clear();
        }
    }
}

pub fn use_address() -> Address {
    let navigate = use_navigate();
    let options = NavigateOptions { replace: true, scroll: false, ..Default::default() };
    let replace = Callback::new(move |address: String| navigate(&address, options.clone()));
    let address = Address { replace, later: StoredValue::new(None) };
    on_cleanup(move || address.forget());
    address
}
