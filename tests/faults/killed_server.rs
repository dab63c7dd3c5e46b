//! Rows 1 and 3: the server is killed, and its agents do not notice.

use std::time::{Duration, Instant};

use rand::RngExt;

use crate::oracle::{self, Extent};
use crate::rounds::{Round, busy};
use crate::scenes::{self, glimpse, workflow_stage};
use crate::scribe::{self, Part, Script, Start};
use crate::support::eventually;

crate::on_both_databases!(row_1_kill_9_of_the_server_again_and_again, row_3_what_ends_while_the_server_is_down);

const UP_WITHIN: Duration = Duration::from_secs(3);
const TOLD_WITHIN: Duration = Duration::from_secs(5);

fn row_1_kill_9_of_the_server_again_and_again(round: &mut Round) {
    let cards = if round.is_thorough { 4 } else { 3 };
    let kills = if round.is_thorough { 10 } else { 4 };
    let mut server = round.prepare().start();
    let scripts = (0..cards).map(|_| Script::seeded(&mut round.rng, 120, 1.5)).collect();
    let running = scenes::run_cards(&server, scripts);
    let mut slowest = Duration::ZERO;
    for _ in 0..kills {
        std::thread::sleep(Duration::from_millis(round.rng.random_range(0..1200)));
        let before = working(&server);
        server.kill_9();
        assert!(before.iter().all(is_undisturbed(&server)), "agents ended with the server: {before:?}");
        std::thread::sleep(Duration::from_millis(round.rng.random_range(0..300)));
        let since = Instant::now();
        server.restart();
        assert_eq!(server.get("/").status, 200);
        slowest = slowest.max(since.elapsed());
        assert!(before.iter().all(is_undisturbed(&server)), "the new server disturbed agents: {before:?}");
    }
    println!("    up again within {slowest:.2?}");
    assert!(slowest < busy(UP_WITHIN), "the board was up again only after {slowest:?}");
    for scripted in &running {
        // Nobody does anything: the workflow goes on by itself.
        let done = server.wait_for_stage(&scripted.card, "completed");
        assert_eq!(done["columnId"], "done");
        oracle::assert_card_ok(&server, &scripted.card, &scripted.script);
    }
    assert_eq!(scribe::starts(server.home()).len(), cards * 4);
}

/// The agents at work at this moment.
fn working(server: &crate::support::Server) -> Vec<Start> {
    scribe::starts(server.home()).into_iter().filter(Start::is_alive).collect()
}

/// The same process still, or one that has come to its own good end meanwhile.
fn is_undisturbed(server: &crate::support::Server) -> impl Fn(&Start) -> bool {
    let data = server.data_dir();
    move |start| {
        let exit = data.join("executions").join(&start.execution).join("exit.json");
        start.is_alive()
            || eventually(|| std::fs::read_to_string(&exit).is_ok_and(|exit| exit.contains("\"exit_code\": 0")))
    }
}

fn row_3_what_ends_while_the_server_is_down(round: &mut Round) {
    let mut server = round.prepare().start();
    let part = Part::default().out("first").wait_for("down").lines(&mut round.rng, 10_000, 0.0).exit(7);
    let scripted = scenes::run_one(&server, Script::default().with("plan", part.clone()));
    let card = scenes::wait_for_rows(&server, &scripted.card, 2);
    let execution = scenes::active(&card);
    server.kill_9();
    std::fs::write(server.home().join("down"), "").unwrap();
    let exit = oracle::place(&server, &execution).join("exit.json");
    assert!(eventually(|| exit.exists()), "the supervisor left no exit status");
    let since = Instant::now();
    server.restart();
    let failed = server.wait_for_stage(&scripted.card, "error");
    let told = since.elapsed();
    println!("    in error {told:.2?} after the start");
    assert!(told < busy(TOLD_WITHIN), "{told:?}");
    assert_eq!(failed["activeExecution"]["status"], "error");
    let execution = server.executions(&scripted.card).remove(0);
    assert_eq!(execution["exitCode"], 7);
    oracle::assert_execution_ok(&server, &execution, &part, Extent::Whole);
    assert_eq!(workflow_stage(&glimpse(&server, &scripted.card).unwrap()), "error");
    oracle::assert_started_once_each(server.home());
}
