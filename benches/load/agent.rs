//! The agents of the load: they print lines, at a pace or as fast as they can, and cost next to nothing themselves.

use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub const LINES_A_SECOND: u64 = 500;
pub const LINE_BYTES: usize = 300;
/// So often it prints what is due.
const TICK: Duration = Duration::from_millis(20);
/// What agents print, in which masking finds words to look twice at, and no secret.
const WORDS: &str =
    "the task asks for src/server/engine/intake.rs, and they say the keys of commit 9ae0daaf are at risk; ";

pub fn play(arguments: &[String]) {
    match arguments[0].as_str() {
        "steady" => steady(Path::new(&arguments[1])),
        _ => busy(arguments[1].parse().unwrap()),
    }
}

/// Until there is a file of that name. Each line begins with the microsecond in which it was printed.
fn steady(end: &Path) {
    let mut stdout = std::io::stdout().lock();
    let began = Instant::now();
    let mut printed = 0;
    while !end.exists() {
        thread::sleep(TICK);
        let due = began.elapsed().as_micros() as u64 * LINES_A_SECOND / 1_000_000;
        let mut lines = Vec::with_capacity(LINE_BYTES * 16);
        while printed < due {
            add_line(&mut lines, now_us());
            printed += 1;
        }
        stdout.write_all(&lines).unwrap();
    }
}

fn busy(count: u64) {
    let mut stdout = std::io::stdout().lock();
    let mut left = count;
    while left > 0 {
        let mut lines = Vec::with_capacity(LINE_BYTES * 200);
        for _ in 0..left.min(200) {
            add_line(&mut lines, left);
            left -= 1;
        }
        stdout.write_all(&lines).unwrap();
    }
}

fn add_line(lines: &mut Vec<u8>, number: u64) {
    let end = lines.len() + LINE_BYTES - 1;
    lines.extend_from_slice(format!("{number:016} ").as_bytes());
    while lines.len() < end {
        let missing = end - lines.len();
        lines.extend_from_slice(&WORDS.as_bytes()[..missing.min(WORDS.len())]);
    }
    lines.push(b'\n');
}

pub fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}
