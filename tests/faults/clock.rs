//! Row 14: the clock is set back and forward by an hour while all runs.

use std::fs;
use std::path::PathBuf;

use rand::RngExt;
use rand::seq::IndexedRandom;
use serde_json::Value;

use crate::oracle;
use crate::rounds::Round;
use crate::scenes;
use crate::scribe::Script;

crate::on_both_databases!(row_14_the_clock_is_set_back_and_forward);

fn row_14_the_clock_is_set_back_and_forward(round: &mut Round) {
    let Some(library) = libfaketime() else {
        println!("    SKIPPED: libfaketime is not installed; scripts/install-test-tools.sh installs it");
        return;
    };
    let preparation = round.prepare();
    let clock = preparation.home().join("clock");
    fs::write(&clock, "+0\n").unwrap();
    let mut server = preparation
        .env("LD_PRELOAD", &library)
        .env("FAKETIME_TIMESTAMP_FILE", &clock)
        .env("FAKETIME_NO_CACHE", "1")
        // For the times of files the library has a lock that a server shares with the processes that it starts; one that is
        // killed while it holds it would leave them all waiting for ever.
        .env("NO_FAKE_STAT", "1")
        // Nobody can set that one, so nobody has to bear it.
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .start();
    let scripts = (0..2).map(|_| Script::seeded(&mut round.rng, 80, 1.0)).collect();
    let running = scenes::run_cards(&server, scripts);
    let mut hours = vec![];
    let mut has_restarted = false;
    while running.iter().any(|scripted| scenes::workflow_stage(&server.card(&scripted.card)) != "completed") {
        std::thread::sleep(std::time::Duration::from_millis(round.rng.random_range(100..700)));
        let offset = ["-1h", "+0", "+1h"].choose(&mut round.rng).unwrap();
        // By rename: who reads it just now finds a whole word.
        fs::write(clock.with_extension("new"), format!("{offset}\n")).unwrap();
        fs::rename(clock.with_extension("new"), &clock).unwrap();
        hours.push(hour(&server.get("/health").json()["timestamp"]));
        for scripted in &running {
            let card = server.card(&scripted.card);
            assert_ne!(scenes::workflow_stage(&card), "error", "{card:#}");
            assert_no_negative_duration(&server, &scripted.card);
        }
        if !has_restarted && round.rng.random_bool(0.2) {
            server.restart();
            has_restarted = true;
        }
        assert!(hours.len() < 200, "{}", server.own_log());
    }
    hours.dedup();
    assert!(hours.len() > 1, "the server's clock was never set: this shows nothing");
    for scripted in &running {
        oracle::assert_card_ok(&server, &scripted.card, &scripted.script);
        assert_no_negative_duration(&server, &scripted.card);
    }
}

/// Times are RFC 3339 in UTC with milliseconds: as texts they are in the order of the moments.
#[track_caller]
fn assert_no_negative_duration(server: &crate::support::Server, card: &str) {
    for execution in server.executions(card) {
        let started = execution["startedAt"].as_str().unwrap();
        if let Some(completed) = execution["completedAt"].as_str() {
            assert!(completed >= started, "{execution:#}");
        }
        let log = oracle::log_after(server, oracle::id(&execution), 0);
        for row in log["logs"].as_array().unwrap() {
            let at = row["timestamp"].as_str().unwrap();
            assert!(at >= started, "a row of before its execution began, {started}: {row:#}");
        }
    }
}

fn hour(timestamp: &Value) -> String {
    timestamp.as_str().unwrap()[..13].to_owned()
}

fn libfaketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path().join("faketime"));
    folders
        .chain(["/usr/lib/faketime".into(), "/usr/lib64/faketime".into()])
        .map(|folder| folder.join("libfaketimeMT.so.1"))
        .find(|library| library.exists())
}
