//! Row 6: journals that a disk, or somebody, has harmed.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::oracle;
use crate::rounds::Round;
use crate::scenes::{self, Scripted};
use crate::scribe::{Part, Script};
use crate::support::{Server, eventually};

crate::on_both_databases!(row_6_a_harmed_journal_costs_no_other_execution_anything);
crate::on_sqlite!(row_6_whatever_an_agent_prints_is_a_row);

/// What happens to a journal while the server is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Harm {
    /// Cut off in the middle of a record.
    Torn,
    FlippedBit,
    /// A stretch of it overwritten with anything.
    Overwritten,
    ShorterThanTakenIn,
    Empty,
    Missing,
    ADirectory,
    /// Its first line is no header of a journal.
    NoHeader,
}

const HARMS: [Harm; 8] = [
    Harm::Torn,
    Harm::FlippedBit,
    Harm::Overwritten,
    Harm::ShorterThanTakenIn,
    Harm::Empty,
    Harm::Missing,
    Harm::ADirectory,
    Harm::NoHeader,
];

impl Harm {
    /// `taken_in`: how much of it the server had when it was killed, at least.
    fn do_to(self, journal: &Path, taken_in: usize, rng: &mut ChaCha8Rng) {
        let mut bytes = fs::read(journal).unwrap();
        let fresh = taken_in + 1..bytes.len() - 20;
        match self {
            Self::Torn => bytes.truncate(rng.random_range(fresh)),
            Self::FlippedBit => {
                let at = fresh.clone().map(|_| rng.random_range(fresh.clone())).find(|at| bytes[*at] != b'\n');
                // Any but the one between small letters and capitals: a checksum in capitals is the same number, and
                // nothing is harmed.
                let bits = [0, 1, 2, 3, 4, 6, 7];
                bytes[at.unwrap()] ^= 1 << bits[rng.random_range(0..bits.len())];
            }
            Self::Overwritten => {
                let at = rng.random_range(fresh);
                let end = (at + rng.random_range(20..2000)).min(bytes.len());
                rng.fill(&mut bytes[at..end]);
            }
            Self::ShorterThanTakenIn => bytes.truncate(rng.random_range(30..taken_in)),
            Self::Empty => bytes.clear(),
            Self::Missing => return fs::remove_file(journal).unwrap(),
            Self::ADirectory => {
                fs::remove_file(journal).unwrap();
                return fs::create_dir(journal).unwrap();
            }
            Self::NoHeader => bytes[..10].fill(b'?'),
        }
        fs::write(journal, bytes).unwrap();
    }
}

fn row_6_a_harmed_journal_costs_no_other_execution_anything(round: &mut Round) {
    let mut server = round.prepare().start();
    let mut part = || {
        let first = Part::default().short_lines(&mut round.rng, 50);
        first.wait_for("down").short_lines(&mut round.rng, 200)
    };
    let parts: Vec<_> = HARMS.iter().map(|_| part()).collect();
    let scripts = parts.iter().map(|part| Script::default().with("plan", part.clone())).collect();
    let running = scenes::run_cards(&server, scripts);
    let healthy = Script::seeded(&mut round.rng, 50, 0.2);
    let unharmed = server.add_card(&project_of(&server, &running[0].card), "Unharmed", crate::scribe::NAME);
    healthy.clone().with("plan", healthy.part("plan").clone().wait_for("down")).write(server.home(), &unharmed);
    scenes::run_card(&server, &unharmed);

    let executions: Vec<_> =
        running.iter().map(|scripted| scenes::active(&scenes::wait_for_rows(&server, &scripted.card, 51))).collect();
    // What is in is in the database; a journal has that much, and no more as long as its agent waits.
    let taken_in: Vec<_> = executions.iter().map(|id| journal_length(&server, id)).collect();
    server.kill_9();
    fs::write(server.home().join("down"), "").unwrap();
    for (index, harm) in HARMS.into_iter().enumerate() {
        let place = oracle::place(&server, &executions[index]);
        assert!(eventually(|| place.join("exit.json").exists()));
        harm.do_to(&place.join("journal"), taken_in[index], &mut round.rng);
    }
    server.restart();

    server.wait_for_stage(&unharmed, "completed");
    oracle::assert_card_ok(&server, &unharmed, &healthy);
    for (index, harm) in HARMS.into_iter().enumerate() {
        assert_harm_is_told(&server, harm, &running[index], &executions[index], &parts[index]);
    }
    assert_idle(&server);
    assert!(!server.own_log().contains("panicked"), "{}", server.own_log());
}

/// An `error` row says that something is missing, once; all rows that are there are the agent's, in order.
#[track_caller]
fn assert_harm_is_told(server: &Server, harm: Harm, scripted: &Scripted, execution: &str, part: &Part) {
    if harm == Harm::NoHeader {
        // The header had been read. What matters now is unharmed, and all of it is taken in.
        let ended = |card: &Value| {
            card["activeExecution"]["id"] != execution || card["activeExecution"]["completedAt"] != Value::Null
        };
        server.wait_for_card(&scripted.card, "an end", ended);
        let execution = find(server, scripted, execution);
        return oracle::assert_execution_ok(server, &execution, part, oracle::Extent::Whole);
    }
    let mut rows = vec![];
    let is_told = eventually(|| {
        rows = oracle::log_after(server, execution, 0)["logs"].as_array().unwrap().clone();
        rows.iter().any(is_about_the_journal)
    });
    assert!(is_told, "{harm:?} of {execution}: no row tells of it: {rows:#?}\n{}", server.own_log());
    let told = rows.iter().filter(|row| is_about_the_journal(row)).count();
    assert!(told <= 50, "{harm:?}: {told} rows tell of it");
    for (kind, printed) in [("text", &part.stdout), ("stderr", &part.stderr)] {
        let mut printed = printed.iter();
        for line in oracle::whole_lines(&rows, kind) {
            assert!(printed.any(|other| *other == line), "{harm:?}: a row that nobody printed there: {line:.200?}");
        }
    }
    // What was in before stays in.
    let kept = oracle::whole_lines(&rows, "text").len() + oracle::whole_lines(&rows, "stderr").len();
    assert!(kept >= 50, "{harm:?}: only {kept} rows are left");
    let execution = find(server, scripted, execution);
    assert_ne!(execution["verified"], true, "{harm:?}: {execution:#}");
}

fn find(server: &Server, scripted: &Scripted, execution: &str) -> Value {
    server.executions(&scripted.card).into_iter().find(|other| other["id"] == execution).unwrap()
}

fn is_about_the_journal(row: &Value) -> bool {
    let content = row["content"].as_str().unwrap();
    row["type"] == "error" && ["damaged", "missing", "journal", "lost"].iter().any(|word| content.contains(word))
}

/// No loop: with nothing to do, the server does next to nothing.
#[track_caller]
fn assert_idle(server: &Server) {
    let window = Duration::from_secs(2);
    let (before, since) = (cpu_time(server), Instant::now());
    std::thread::sleep(window);
    let used = cpu_time(server) - before;
    assert!(used < since.elapsed() / 2, "the server used {used:?} of {window:?}");
}

/// User and system time, at 100 ticks a second.
fn cpu_time(server: &Server) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.pid())).unwrap();
    let fields: Vec<u64> =
        stat.rsplit(')').next().unwrap().split_whitespace().filter_map(|word| word.parse().ok()).collect();
    // Without the state, which is no number, fields 14 and 15 are the 11th and 12th.
    Duration::from_millis(10 * (fields[10] + fields[11]))
}

fn journal_length(server: &Server, execution: &str) -> usize {
    fs::metadata(oracle::place(server, execution).join("journal")).unwrap().len() as usize
}

fn project_of(server: &Server, card: &str) -> String {
    server.card(card)["projectId"].as_str().unwrap().to_owned()
}

/// Not the journal is harmed here but what goes into it: no UTF-8, NUL, carriage returns, 10 MB without a newline.
fn row_6_whatever_an_agent_prints_is_a_row(round: &mut Round) {
    let agent = r#"
        cat > /dev/null
        printf 'not UTF-8: \377\376 here\n'
        printf 'NUL: \0 here\n'
        printf 'a\rcarriage\r\n'
        head -c 10485760 /dev/zero | tr '\0' 'x'; echo
        printf 'a last line without its end'
        exit 5
    "#;
    let server = round.prepare().agent("rude", agent).start();
    let card = server.run_new_card("rude");
    server.wait_for_stage(&card, "error");
    let execution = server.executions(&card).remove(0);
    assert_eq!((execution["exitCode"].as_i64(), &execution["status"]), (Some(5), &Value::from("error")));
    let rows = oracle::all_rows(&server, oracle::id(&execution));
    let lines = oracle::whole_lines(&rows, "text");
    assert_eq!(lines[..3], ["not UTF-8: \u{fffd}\u{fffd} here", "NUL: \u{fffd} here", "a\rcarriage"]);
    assert!(lines[3].len() == 10 << 20 && lines[3].bytes().all(|byte| byte == b'x'));
    assert_eq!(lines[4..], ["a last line without its end"]);
    assert_eq!(execution["verified"], true, "{execution:#}");
}
