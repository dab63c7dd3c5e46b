//! The browser's timers; on the server, timers that never ring.

#[cfg(feature = "hydrate")]
pub use gloo_timers::callback::{Interval, Timeout};

#[cfg(not(feature = "hydrate"))]
pub use silent::{Interval, Timeout};

#[cfg(not(feature = "hydrate"))]
mod silent {
    pub struct Timeout;

    impl Timeout {
        pub fn new(_after_ms: u32, _ring: impl FnOnce() + 'static) -> Self {
            Self
        }
    }

    pub struct Interval;

    impl Interval {
        pub fn new(_every_ms: u32, _ring: impl FnMut() + 'static) -> Self {
            Self
        }
    }
}
