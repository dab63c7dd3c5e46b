//! The whole of Cardume under load, in one run: the real server, built for release, its supervisors, and agents that
//! print and do nothing else; on SQLite, and on Postgres where that is installed. `make bench-load MINUTES=5`, or
//! `cargo bench --bench load -- --seconds 60 --lines 1000000`.
//!
//! Twenty agents print 500 lines of 300 bytes a second each, while fifty pollers follow their cards once a second. Then
//! one agent prints as fast as it can, with its secrets masked and without, and its log is polled at its end. The table
//! has the targets beside what was measured; the agents, the pollers and this program run on the same machine.

#[path = "load/agent.rs"]
mod agent;
#[path = "load/measure.rs"]
mod measure;
#[path = "../tests/support/postgres.rs"]
mod postgres;
#[path = "../tests/support/server.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use measure::{Percentiles, Poller, Processes, Table};
use serde_json::{Value, json};
use support::{Server, eventually};

const POLLERS: usize = 50;
/// So long the log cache takes to fill: it holds 64 MiB, and a second's rows are 3 MB beside what they weigh as objects.
const WARM_UP_S: usize = 20;

struct Plan {
    length: Duration,
    lines: i64,
    agents: usize,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "agent") {
        return agent::play(&arguments[1..]);
    }
    let number = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse::<f64>().ok()
    };
    let seconds = number("--seconds").or(number("--minutes").map(|minutes| minutes * 60.0)).unwrap_or(60.0);
    let plan = Plan {
        length: Duration::from_secs_f64(seconds),
        lines: number("--lines").map_or(1_000_000, |lines| lines as i64),
        agents: number("--agents").map_or(20, |agents| agents as usize),
    };
    on_engine("SQLite", None, &plan);
    let has_postgres = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .any(|folder| folder.join("initdb").exists());
    if has_postgres {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        on_engine("Postgres", Some(runtime.block_on(postgres::database())), &plan);
    } else {
        println!("Postgres is not on PATH, and was not measured.");
    }
}

fn on_engine(name: &str, database: Option<String>, plan: &Plan) {
    let program = std::env::current_exe().unwrap();
    let agent = |arguments: String| format!("cat > /dev/null; exec '{}' agent {arguments}", program.display());
    let mut preparation = Server::prepare()
        .agent("steady", &agent("steady \"$HOME/end\"".into()))
        .agent("busy", &agent(format!("busy {}", plan.lines)))
        .agent("brief", &agent("busy 100".into()));
    if let Some(url) = &database {
        preparation = preparation.arg("--database-url").arg(url);
    }
    let server = preparation.start();
    let mut table = Table::new(format!(
        "{name}: {} agents × {} lines/s × {} B for {} s, {POLLERS} pollers; {} lines of one agent; {} cores",
        plan.agents,
        agent::LINES_A_SECOND,
        agent::LINE_BYTES,
        plan.length.as_secs(),
        plan.lines,
        thread::available_parallelism().map_or(0, usize::from),
    ));
    let project = server.add_project(&server.repository("repository"));
    many_agents(&server, &project, plan, &mut table);
    one_busy_agent(&server, &project, plan, &mut table);
    table.print();
}

fn many_agents(server: &Server, project: &str, plan: &Plan, table: &mut Table) {
    let add = |n| server.add_card(project, &format!("Steady {n}"), "steady");
    let cards: Vec<String> = (0..plan.agents).map(add).collect();
    cards.iter().for_each(|card| run(server, card));
    for card in &cards {
        assert!(eventually(|| last_sequence(server, card) > 100), "{card} prints nothing");
    }
    let stop = Arc::new(AtomicBool::new(false));
    let pollers: Vec<_> = (0..POLLERS)
        .map(|n| {
            let mut poller = Poller::new(server.url(), cards[n % plan.agents].clone(), Duration::from_secs(1));
            let stop = stop.clone();
            thread::spawn(move || {
                // Not all at the same moment.
                thread::sleep(Duration::from_millis(1000 * n as u64 / POLLERS as u64));
                poller.follow(&stop)
            })
        })
        .collect();
    let watcher = {
        let (url, cards, stop) = (server.url(), cards.clone(), stop.clone());
        thread::spawn(move || measure::lags(&url, &cards, &stop))
    };

    let processes = Processes::of(server);
    let (server_before, supervisors_before) = (processes.server_cpu(), processes.supervisors_cpu());
    let began = Instant::now();
    let mut memory = vec![];
    while began.elapsed() < plan.length {
        thread::sleep(Duration::from_secs(1));
        memory.push(processes.server_memory_mb());
    }
    let wall = began.elapsed().as_secs_f64();
    let server_cores = (processes.server_cpu() - server_before) / wall;
    let supervisor_cores = (processes.supervisors_cpu() - supervisors_before) / wall;
    stop.store(true, Ordering::Relaxed);
    std::fs::write(server.home().join("end"), "").unwrap();
    let polls = Percentiles::of(pollers.into_iter().flat_map(|poller| poller.join().unwrap()).collect());
    let lags = Percentiles::of(watcher.join().unwrap());

    for card in &cards {
        server.wait_for_card(card, "the end of its agent", |card| card["activeExecution"]["status"] != "running");
        let plan = server.get(&format!("/api/cards/{card}/executions")).json()["executions"][0].clone();
        assert_eq!(plan["verified"], true, "the log is not what the agent printed: {plan}");
    }
    // While the log cache fills, memory grows as it is meant to; what grows after that grows for ever.
    let warm_up = WARM_UP_S.min(memory.len() / 2);
    let warm = &memory[warm_up..];
    let halves = warm.split_at(warm.len() / 2);
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
    let growth = mean(halves.1) / mean(halves.0);
    table.row("ingest lag, p50", format!("{:.0} ms", lags.at(0.5)), "", true);
    table.row("ingest lag, p99", format!("{:.0} ms", lags.at(0.99)), "< 1000 ms", lags.at(0.99) < 1000.0);
    table.row("  (lines whose lag was seen)", lags.count().to_string(), "", true);
    table.row("poll, p50", format!("{:.1} ms", polls.at(0.5)), "", true);
    table.row("poll, p99", format!("{:.1} ms", polls.at(0.99)), "< 50 ms", polls.at(0.99) < 50.0);
    let largest = memory.iter().copied().fold(0.0, f64::max);
    table.row("server's memory, largest", format!("{largest:.0} MB"), "< 300 MB", largest < 300.0);
    let halves = format!("  after {warm_up} s, second half against the first");
    table.row(&halves, format!("× {growth:.3}"), "flat", growth < 1.05);
    table.row("server's CPU", format!("{server_cores:.2} cores"), "< 1", server_cores < 1.0);
    table.row("supervisors' CPU, all together", format!("{supervisor_cores:.2} cores"), "", true);
}

fn one_busy_agent(server: &Server, project: &str, plan: &Plan, table: &mut Table) {
    let (busy, masked) = busy_rate(server, project, plan);
    table.row("one busy journal, lines/s", format!("{masked:.0}"), "≥ 100,000", masked >= 100_000.0);
    let processes = Processes::of(server);
    table.row("  server's memory behind it", format!("{:.0} MB", processes.server_memory_mb()), "", true);
    server.patch(&format!("/api/projects/{project}"), json!({ "maskSecrets": false }));
    let (_, unmasked) = busy_rate(server, project, plan);
    table.row("  the same, not masked", format!("{unmasked:.0}"), "", true);
    table.row("  masked against not masked", format!("× {:.2}", masked / unmasked), "about 1", masked / unmasked > 0.8);

    let brief = run_card(server, project, "Brief", "brief");
    server.wait_for_card(&brief, "its end", |card| card["activeExecution"]["status"] != "running");
    // In turn, so that whatever else the machine does slows both down alike.
    let [mut long, mut short] = [&busy, &brief]
        .map(|card| Poller::new(server.url(), card.clone(), Duration::ZERO).at(last_sequence(server, card) - 50));
    let mut spent = [vec![], vec![]];
    for _ in 0..1000 {
        spent[0].push(long.again());
        spent[1].push(short.again());
    }
    let [long, short] = spent.map(Percentiles::of);
    let of = plan.lines;
    table.row(&format!("poll of {of} lines, p50"), format!("{:.2} ms", long.at(0.5)), "", true);
    table.row("poll of 100 lines, p50", format!("{:.2} ms", short.at(0.5)), "", true);
    let ratio = long.at(0.5) / short.at(0.5);
    table.row("  the one against the other", format!("× {ratio:.2}"), "about 1", ratio < 1.5);
}

/// The card, and how many of its lines came into the database a second, from its first line to its last.
fn busy_rate(server: &Server, project: &str, plan: &Plan) -> (String, f64) {
    let card = run_card(server, project, "Busy", "busy");
    let deadline = Instant::now() + Duration::from_secs(600);
    // Sampled like this, the first lines may be in already: they do not count, nor does the time before them.
    let first = loop {
        match last_sequence(server, &card) {
            0..100 => thread::sleep(Duration::from_millis(2)),
            first => break first,
        }
    };
    let began = Instant::now();
    while last_sequence(server, &card) < plan.lines {
        assert!(Instant::now() < deadline, "the lines do not come in");
        thread::sleep(Duration::from_millis(20));
    }
    let rate = (plan.lines - first) as f64 / began.elapsed().as_secs_f64();
    server.wait_for_card(&card, "its end", |card| card["activeExecution"]["status"] != "running");
    (card, rate)
}

fn run_card(server: &Server, project: &str, title: &str, agent: &str) -> String {
    let card = server.add_card(project, title, agent);
    run(server, &card);
    card
}

fn run(server: &Server, card: &str) {
    // A machine that is busy with other things may make it say 503.
    assert!(eventually(|| server.post(&format!("/api/cards/{card}/run"), Value::Null).status == 202));
}

fn last_sequence(server: &Server, card: &str) -> i64 {
    let log = server.get(&format!("/api/logs/{card}?after=1000000000&limit=1")).json();
    log["execution"]["lastSequence"].as_i64().unwrap_or_default()
}
