//! Row 11: a start with many supervisors, of which some live, some are dead, and some hang.

use std::time::{Duration, Instant};

use rand::seq::SliceRandom;
use rustix::process::{Pid, Signal, kill_process};

use crate::oracle::{self, Extent};
use crate::rounds::{Round, busy};
use crate::scenes::{self, workflow_stage};
use crate::scribe::{Part, Script};
use crate::support::eventually;

crate::on_both_databases!(row_11_a_start_with_many_supervisors);

fn row_11_a_start_with_many_supervisors(round: &mut Round) {
    let (live, dead, stopped) = if round.is_thorough { (100, 100, 5) } else { (8, 8, 2) };
    let mut server = round.prepare().start();
    let parts: Vec<_> = (0..live + dead + stopped)
        .map(|_| Part::default().lines(&mut round.rng, 20, 0.0).wait_for("go").out("the last word").exit(3))
        .collect();
    let scripts = parts.iter().map(|part| Script::default().with("plan", part.clone())).collect();
    let running = scenes::run_cards(&server, scripts);
    let mut all: Vec<_> = running
        .iter()
        .zip(parts)
        .map(|(scripted, part)| {
            let card = scenes::wait_for_rows(&server, &scripted.card, 21);
            (scripted.card.clone(), scenes::active(&card), part)
        })
        .collect();
    all.shuffle(&mut round.rng);
    server.kill_9();
    let supervisor = |execution: &str| Pid::from_raw(oracle::supervisor(&server, execution).unwrap()).unwrap();
    let hanging = all.split_off(live + dead);
    let killed = all.split_off(live);
    for (_, execution, _) in &killed {
        kill_process(supervisor(execution), Signal::KILL).unwrap();
    }
    let stopped: Vec<_> = hanging.iter().map(|(_, execution, _)| supervisor(execution)).collect();
    for pid in &stopped {
        kill_process(*pid, Signal::STOP).unwrap();
    }

    let since = Instant::now();
    server.restart();
    assert_eq!(server.get("/").status, 200);
    let up = since.elapsed();
    assert!(up < busy(Duration::from_secs(5)), "the board answered after {up:?}");
    for (card, _, _) in &killed {
        server.wait_for_stage(card, "error");
    }
    std::fs::write(server.home().join("go"), "").unwrap();
    for (card, _, _) in &all {
        server.wait_for_stage(card, "error");
    }
    let classified = since.elapsed();
    println!("    the board after {up:.2?}, all told apart after {classified:.2?}");
    assert!(classified < busy(Duration::from_secs(30)), "{classified:?}");

    for (card, id, part) in &killed {
        let execution = server.executions(card).remove(0);
        assert_eq!((&execution["status"], &execution["id"]), (&"lost".into(), &id.as_str().into()));
        oracle::assert_execution_ok(&server, &execution, part, Extent::AsFarAsItCame);
    }
    for (card, _, part) in &all {
        let execution = server.executions(card).remove(0);
        assert_eq!((&execution["status"], &execution["exitCode"]), (&"error".into(), &3.into()), "{execution:#}");
        oracle::assert_execution_ok(&server, &execution, part, Extent::Whole);
    }
    for (card, _, _) in &hanging {
        assert_eq!(workflow_stage(&server.card(card)), "planning", "one that only hangs is still at work");
    }
    for pid in stopped {
        kill_process(pid, Signal::CONT).unwrap();
    }
    for (card, _, part) in &hanging {
        server.wait_for_stage(card, "error");
        oracle::assert_execution_ok(&server, &server.executions(card)[0], part, Extent::Whole);
    }
    assert!(eventually(|| scenes::left_running(&server).is_empty()), "{:#?}", scenes::left_running(&server));
}
