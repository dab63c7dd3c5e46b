//! Notifications of the browser's: off until somebody asks for them and the browser is told that it may.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::wasm_bindgen::closure::Closure;
use leptos::web_sys::{Notification, NotificationOptions, NotificationPermission, js_sys};

use super::remembered;

const WANTED: &str = "cardume.notify";

/// Whether somebody wants them, on this browser.
#[derive(Clone, Copy)]
pub struct Notifications {
    wanted: RwSignal<bool>,
    /// The browser has been told not to.
    pub is_refused: RwSignal<bool>,
}

impl Notifications {
    pub fn is_wanted(self) -> bool {
        self.wanted.get()
    }

    /// Turns them on, for which the browser may ask, or off.
    pub fn toggle(self) {
        if self.wanted.get_untracked() {
            self.wanted.set(false);
            return;
        }
        let told = Closure::once_into_js(move |permission: String| {
            let is_granted = permission == "granted";
            // The page may be gone by now, and its signals with it.
            let _ = self.wanted.try_set(is_granted);
            let _ = self.is_refused.try_set(!is_granted);
        });
        // Refused where there are none: then nothing is told, and they stay off.
        let asked = Notification::request_permission_with_permission_callback(told.unchecked_ref());
        if asked.is_err() {
            self.is_refused.set(true);
        }
    }

    /// Tells, unless nobody wants to be told. A click leads to `address`. Of the same `tag` there is one at a time,
    /// whatever the number of tabs.
    pub fn tell(self, text: &str, tag: &str, address: String) {
        let may = are_known() && Notification::permission() == NotificationPermission::Granted;
        if !may || !self.wanted.get_untracked() {
            return;
        }
        let options = NotificationOptions::new();
        options.set_tag(tag);
        options.set_icon("/favicon.svg");
        let Ok(notification) = Notification::new_with_options(text, &options) else { return };
        let follow = Closure::once_into_js(move || {
            let _ = window().focus();
            // Refused only for what is no address.
            let _ = window().location().set_href(&address);
        });
        notification.set_onclick(Some(follow.unchecked_ref()));
    }
}

pub fn provide_notifications() {
    provide_context(Notifications { wanted: remembered(WANTED), is_refused: RwSignal::new(false) });
}

pub fn use_notifications() -> Notifications {
    expect_context()
}

/// Whether the browser has them: not where the page came over plain HTTP from another machine.
fn are_known() -> bool {
    js_sys::Reflect::has(&window(), &"Notification".into()).unwrap_or(false)
}
