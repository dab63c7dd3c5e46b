//! Waiting until somebody has stopped typing.

use std::time::Duration;

use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::*;

/// So long after the last key.
const SETTLES_IN: Duration = Duration::from_millis(200);

/// Does the last thing asked of it, once nothing else has been asked for a moment.
#[derive(Clone, Copy)]
pub struct Pause(StoredValue<Option<TimeoutHandle>>);

impl Pause {
    pub fn then(self, action: impl FnOnce() + 'static) {
        self.forget();
        self.0.set_value(set_timeout_with_handle(action, SETTLES_IN).ok());
    }

    pub fn forget(self) {
        if let Some(timer) = self.0.try_update_value(Option::take).flatten() {
            timer.clear();
        }
    }
}

pub fn use_pause() -> Pause {
    let pause = Pause(StoredValue::new(None));
    on_cleanup(move || pause.forget());
    pause
}
