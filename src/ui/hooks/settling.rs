//! What appears where something else was.

use leptos::prelude::*;

use super::timer::Timeout;

/// Longer than it takes to see that a button has changed, and not to click it.
const SETTLES_IN_MS: u32 = 600;

/// True for a moment from now on. A click in it was meant for what stood there before.
pub fn use_settling() -> ReadSignal<bool> {
    let (is_settling, set) = signal(true);
    let timeout = StoredValue::new_local(Some(Timeout::new(SETTLES_IN_MS, move || {
        let _ = set.try_set(false);
    })));
    on_cleanup(move || timeout.dispose());
    is_settling
}
