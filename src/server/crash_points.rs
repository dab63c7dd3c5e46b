//! Lets a test choose the point at which this process dies, as if killed: no destructor runs, nothing is flushed.
//!
//! The points are `fail::fail_point!("name")` where they stand. Without the feature `failpoints` of the crate `fail`,
//! which only the tests' own build has, they are nothing at all, and neither is this.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Signal, getpid, kill_process};

/// Says where to die: `POINT COUNT FILE`. COUNT passes of the point survive. FILE is made then; where it is there
/// already the point is harmless, so that of all the processes of a test one dies, once.
const VARIABLE: &str = "CRASH_AT";

/// Arms the point that the environment names. Does nothing in a build without points.
pub fn arm() {
    if !fail::has_failpoints() {
        return;
    }
    let Ok(wish) = std::env::var(VARIABLE) else { return };
    let mut words = wish.splitn(3, ' ');
    let (Some(point), Some(count), Some(file)) = (words.next(), words.next(), words.next()) else { return };
    let (left, file) = (AtomicU32::new(count.parse().unwrap_or(0)), PathBuf::from(file));
    let die_when_due = move || {
        let still_alive = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        if !still_alive && OpenOptions::new().create_new(true).write(true).open(&file).is_ok() {
            let _ = kill_process(getpid(), Signal::KILL);
        }
    };
    if let Err(error) = fail::cfg_callback(point, die_when_due) {
        tracing::warn!(point, error, "no such point");
    }
}
