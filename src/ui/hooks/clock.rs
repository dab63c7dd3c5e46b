//! The browser's clock and time zone. The server has neither here: what it renders must be the same on both sides.

use leptos::prelude::*;
use leptos::web_sys::js_sys::Date;

use super::timer::Interval;
use crate::domain::Timestamp;

/// The present moment, to the second; `None` until the page is hydrated.
#[derive(Clone, Copy)]
pub struct Clock {
    now: RwSignal<Option<Timestamp>>,
    local: RwSignal<bool>,
}

impl Clock {
    pub fn now(self) -> Option<Timestamp> {
        self.now.get()
    }

    /// Minutes to add to UTC for the reader's time zone at `moment`; `None` until the page is hydrated.
    pub fn offset_minutes(self, moment: Timestamp) -> Option<i64> {
        self.local.get().then(|| -(Date::new(&(moment.as_millis() as f64).into()).get_timezone_offset() as i64))
    }

    /// Whether the page is hydrated already, so that a time that is written now stays as it is. A signal that never changes
    /// keeps all who have ever listened to it: nothing that comes and goes for hours may.
    pub fn is_settled(self) -> bool {
        self.local.get_untracked()
    }
}

/// Starts the clock.
pub fn provide_clock() {
    let clock = Clock { now: RwSignal::new(None), local: RwSignal::new(false) };
    provide_context(clock);
    Effect::new(move |_| {
        clock.local.set(true);
        let tick = move || {
            if !document().hidden() {
                clock.now.set(Some(Timestamp::from_millis(Date::now() as i64)));
            }
        };
        tick();
        let interval = StoredValue::new_local(Some(Interval::new(1000, tick)));
        on_cleanup(move || interval.dispose());
    });
}

pub fn use_clock() -> Clock {
    expect_context()
}
