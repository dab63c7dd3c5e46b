//! How often a row of the matrix is tried, with which seed, on which database, and how many at the same time.
//!
//! `CARDUME_FAULT_ROUNDS` rounds of each row, the first of them with large numbers (where it is absent, one brief round),
//! decided by `CARDUME_FAULT_SEED` (where absent, another every time). A round's own seed comes of that, of the row and of the round's number, so that the rows
//! may run in any order. What the operating system decides, no seed repeats.

use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::scribe;
use crate::support::{Preparation, Server};

/// Where the rows are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    Sqlite,
    Postgres,
}

/// One try of a row.
pub struct Round {
    /// Decides the moments and the data.
    pub rng: ChaCha8Rng,
    pub database: Database,
    /// The first round of `make faults`: there is time for large numbers. The others try other moments.
    pub is_thorough: bool,
    /// Of this round's database, where that is Postgres.
    pub postgres_url: Option<String>,
}

impl Round {
    /// A server to be on this round's database, with the agent `scribe`.
    pub fn prepare(&self) -> Preparation {
        let preparation = Server::prepare().agent(scribe::NAME, scribe::AGENT);
        match &self.postgres_url {
            Some(url) => preparation.env("DATABASE_URL", url),
            None => preparation,
        }
    }
}

/// Tries the row as often as is wanted.
pub fn run(row: &str, database: Database, try_once: fn(&mut Round)) {
    let _permit = Permit::wait();
    let (base, rounds) = (seed(), rounds());
    let name = format!("{row} on {database:?}");
    println!("{name}: {rounds} rounds, CARDUME_FAULT_SEED={base}");
    let since = Instant::now();
    for number in 0..rounds {
        let _words = WordsOfFailure { name: &name, number, base };
        let postgres_url = (database == Database::Postgres).then(|| {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(crate::postgres::database())
        });
        let rng = ChaCha8Rng::seed_from_u64(base ^ hash(&name) ^ (number << 1));
        try_once(&mut Round { rng, database, is_thorough: number == 0 && is_thorough(), postgres_url });
    }
    println!("{name}: {rounds} rounds in {:.1} s", since.elapsed().as_secs_f64());
}

/// What is asserted of a time that is promised: tests run debug builds, beside others, on machines that do other things
/// meanwhile. What was measured is printed.
pub fn busy(promised: Duration) -> Duration {
    promised * 3
}

struct WordsOfFailure<'a> {
    name: &'a str,
    number: u64,
    base: u64,
}

impl Drop for WordsOfFailure<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { name, number, base } = self;
            let rounds = *number + 1;
            eprintln!(
                "{name} failed in round {rounds}; CARDUME_FAULT_ROUNDS={rounds} CARDUME_FAULT_SEED={base} repeats it"
            );
        }
    }
}

pub fn rounds() -> u64 {
    std::env::var("CARDUME_FAULT_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1)
}

fn is_thorough() -> bool {
    std::env::var_os("CARDUME_FAULT_ROUNDS").is_some()
}

pub fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    let given = || std::env::var("CARDUME_FAULT_SEED").ok().filter(|seed| !seed.is_empty());
    *SEED.get_or_init(|| given().map_or_else(rand::random, |seed| seed.parse().expect("the seed is a number")))
}

/// FNV-1a: the same in every version of everything.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Each row starts servers, supervisors and agents: only so many rows at a time, whatever the number of test threads.
struct Permit;

static FREE: (Mutex<u32>, Condvar) = (Mutex::new(2), Condvar::new());

impl Permit {
    fn wait() -> Self {
        let free = FREE.0.lock().unwrap_or_else(PoisonError::into_inner);
        *FREE.1.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner) -= 1;
        Self
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *FREE.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        FREE.1.notify_one();
    }
}
