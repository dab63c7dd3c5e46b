//! What is measured of a server under load: how long polls take, how far rows are behind, memory and processor time.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::agent::now_us;
use crate::support::{Server, processes_under};

/// The watcher looks so often for new rows, and so long at one card: what it sees of a lag is up to this much too long.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOOK_AT_ONE: Duration = Duration::from_secs(1);

/// Milliseconds, in order.
pub struct Percentiles(Vec<f64>);

impl Percentiles {
    pub fn of(mut samples: Vec<f64>) -> Self {
        assert!(!samples.is_empty(), "nothing was measured");
        samples.sort_by(f64::total_cmp);
        Self(samples)
    }

    pub fn at(&self, share: f64) -> f64 {
        self.0[((self.0.len() - 1) as f64 * share).round() as usize]
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// Follows a card's log as the page does.
pub struct Poller {
    agent: ureq::Agent,
    url: String,
    pause: Duration,
    cursor: i64,
}

impl Poller {
    pub fn new(server: String, card: String, pause: Duration) -> Self {
        let agent =
            ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(60))).proxy(None).build().into();
        let mut poller = Self { agent, url: format!("{server}/api/logs/{card}"), pause, cursor: 1_000_000_000 };
        // From where the log is now.
        poller.cursor = last_sequence(&poller.poll().1);
        poller
    }

    pub fn at(mut self, cursor: i64) -> Self {
        self.cursor = cursor;
        self
    }

    /// One poll, in milliseconds, and its answer. The cursor stays.
    fn poll(&self) -> (f64, String) {
        let began = Instant::now();
        let mut response = self.agent.get(format!("{}?after={}&limit=1000", self.url, self.cursor)).call().unwrap();
        let text = response.body_mut().with_config().limit(64 << 20).read_to_string().unwrap();
        (began.elapsed().as_secs_f64() * 1000.0, text)
    }

    pub fn again(&mut self) -> f64 {
        self.poll().0
    }

    /// Polls until it is told to stop.
    pub fn follow(&mut self, stop: &AtomicBool) -> Vec<f64> {
        let mut spent = vec![];
        let mut due = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            let (took, text) = self.poll();
            spent.push(took);
            let rows = text.matches("\"sequence\":").count() as i64;
            self.cursor = (self.cursor + rows).min(last_sequence(&text));
            due += self.pause;
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        spent
    }
}

/// The rows may be many: they are not all read for one number.
fn last_sequence(answer: &str) -> i64 {
    let name = "\"lastSequence\":";
    let digits = answer.rfind(name).map_or("", |at| &answer[at + name.len()..]);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().unwrap_or_default()
}

/// How long after it was printed each line could be read, in milliseconds; each card is looked at in turn.
pub fn lags(server: &str, cards: &[String], stop: &AtomicBool) -> Vec<f64> {
    let mut lags = vec![];
    for card in cards.iter().cycle() {
        let mut poller = Poller::new(server.to_owned(), card.clone(), LOOK_EVERY);
        let since = Instant::now();
        while since.elapsed() < LOOK_AT_ONE {
            if stop.load(Ordering::Relaxed) {
                return lags;
            }
            let (_, text) = poller.poll();
            let seen = now_us();
            let answer: Value = serde_json::from_str(&text).unwrap();
            for row in answer["execution"]["logs"].as_array().into_iter().flatten() {
                poller.cursor = row["sequence"].as_i64().unwrap();
                let printed = row["content"].as_str().and_then(|line| line.get(..16)?.parse::<u64>().ok());
                lags.extend(printed.map(|printed| seen.saturating_sub(printed) as f64 / 1000.0));
            }
            thread::sleep(LOOK_EVERY);
        }
    }
    lags
}

/// The server and the supervisors of its agents, as the kernel knows them.
pub struct Processes {
    server: i32,
    supervisors: Vec<i32>,
}

impl Processes {
    pub fn of(server: &Server) -> Self {
        let is_supervisor = |pid: &i32| {
            fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(b"cardume\0supervise\0"))
        };
        let supervisors = processes_under(server.home()).into_iter().filter(is_supervisor).collect();
        Self { server: server.pid() as i32, supervisors }
    }

    /// In seconds, since each began.
    pub fn server_cpu(&self) -> f64 {
        cpu(self.server)
    }

    pub fn supervisors_cpu(&self) -> f64 {
        self.supervisors.iter().map(|pid| cpu(*pid)).sum()
    }

    pub fn server_memory_mb(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.server)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() / 1024.0
    }
}

/// User and system time in seconds.
fn cpu(pid: i32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The second field is a name in brackets, and may have anything in it.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / procfs::ticks_per_second() as f64
}

/// What was measured beside what it should be.
pub struct Table {
    title: String,
    rows: Vec<(String, String, String, bool)>,
}

impl Table {
    pub fn new(title: String) -> Self {
        Self { title, rows: vec![] }
    }

    pub fn row(&mut self, what: &str, measured: String, target: &str, is_met: bool) {
        self.rows.push((what.to_owned(), measured, target.to_owned(), is_met));
    }

    pub fn print(&self) {
        println!("\n{}\n", self.title);
        println!("{:<36} {:>14}   {:<12}", "", "measured", "target");
        for (what, measured, target, is_met) in &self.rows {
            let word = match (target.is_empty(), is_met) {
                (true, _) => "",
                (false, true) => "met",
                (false, false) => "MISSED",
            };
            println!("{what:<36} {measured:>14}   {target:<12} {word}");
        }
    }
}
