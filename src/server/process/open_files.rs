//! How many files this process may have open. A server raises its own limit; agents get the one that was there before,
//! because programs that use `select` break with more than 1024.

use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The soft limit that this process was started with.
static ORIGINAL: OnceLock<u64> = OnceLock::new();

/// No server needs more, and some programs look at every number up to their limit.
const ENOUGH: u64 = 1 << 20;

/// Raises the soft limit to the hard one, or as far as it makes sense.
pub fn raise_limit() {
    let Rlimit { current: Some(current), maximum } = getrlimit(Resource::Nofile) else { return };
    let wanted = maximum.unwrap_or(ENOUGH).min(ENOUGH);
    if wanted > current && setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).is_ok() {
        let _ = ORIGINAL.set(current);
    }
}

/// The soft limit for agents, where this process has raised its own.
pub fn original_limit() -> Option<u64> {
    ORIGINAL.get().copied()
}

/// Sets the soft limit of this process, which may stand between fork and exec: two system calls and no memory.
pub(super) fn set_limit(current: u64) -> std::io::Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = maximum.map_or(current, |maximum| current.min(maximum));
    Ok(setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum })?)
}
