//! How often somebody may be wrong: a limit on failures by the address of the connection's other end.
//!
//! No header is looked at: whoever may write `X-Forwarded-For` may write anything into it. Behind a reverse proxy all
//! share its address, and so the limit. Successes count for nothing, and failures elsewhere do no harm here.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use moka::future::Cache;

const FAILURES_MAX: u32 = 10;
/// From the first failure on; then all is forgotten.
const WINDOW: Duration = Duration::from_secs(5 * 60);
const ADDRESSES_MAX: u64 = 100_000;

pub struct Attempts {
    failures: Cache<IpAddr, Arc<Failures>>,
}

struct Failures {
    since: Instant,
    count: AtomicU32,
}

/// An attempt that counts as a failure unless it is [forgiven](Attempt::forgive).
#[must_use]
pub struct Attempt(Arc<Failures>);

impl Attempt {
    pub fn forgive(self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Attempts {
    pub fn new() -> Self {
        Self { failures: Cache::builder().time_to_live(WINDOW).max_capacity(ADDRESSES_MAX).build() }
    }

    /// Counted before anything is tried, so that a hundred attempts at once are a hundred. The error is how long to wait.
    pub async fn begin(&self, peer: IpAddr) -> Result<Attempt, Duration> {
        let new = async { Arc::new(Failures { since: Instant::now(), count: AtomicU32::new(0) }) };
        let failures = self.failures.get_with(network_of(peer), new).await;
        if failures.count.fetch_add(1, Ordering::Relaxed) < FAILURES_MAX {
            return Ok(Attempt(failures));
        }
        failures.count.fetch_sub(1, Ordering::Relaxed);
        Err(WINDOW.saturating_sub(failures.since.elapsed()).max(Duration::from_secs(1)))
    }
}

/// Who has an IPv6 address has the 2⁶⁴ around it too.
fn network_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn failures_are_limited_by_address_and_successes_are_not() {
        let attempts = Attempts::new();
        let (bad, good): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for _ in 0..100 {
            attempts.begin(bad).await.ok().unwrap().forgive();
        }
        for _ in 0..FAILURES_MAX {
            drop(attempts.begin(bad).await.ok().unwrap());
        }
        for _ in 0..100 {
            assert!(attempts.begin(bad).await.err().unwrap() > WINDOW / 2);
        }
        assert!(attempts.begin("::ffff:192.0.2.1".parse().unwrap()).await.is_err(), "the same, written otherwise");
        assert!(attempts.begin(good).await.is_ok());
    }

    #[tokio::test]
    async fn all_of_a_v6_network_are_one() {
        let attempts = Attempts::new();
        for n in 0..FAILURES_MAX {
            drop(attempts.begin(format!("2001:db8::{n:x}:1").parse().unwrap()).await.ok().unwrap());
        }
        assert!(attempts.begin("2001:db8::ffff:1:2:3".parse().unwrap()).await.is_err());
        assert!(attempts.begin("2001:db8:0:1::1".parse().unwrap()).await.is_ok());
    }
}
