//! Row 2, one point more: a crash while old journals are removed.

use rand::RngExt;

use crate::oracle;
use crate::rounds::Round;
use crate::scenes;
use crate::scribe::Script;
use crate::support::eventually;

crate::on_both_databases!(row_2_a_crash_while_old_journals_are_removed);

fn row_2_a_crash_while_old_journals_are_removed(round: &mut Round) {
    // Some two seconds.
    let config = "[logs]\nremove_journals_after_hours = 0.0005\n";
    let mut server = round.prepare().config(config).start();
    let died = server.home().join("died");
    let passes = round.rng.random_range(0..3);
    server.set_env("CRASH_AT", Some(&format!("journals::remove {passes} {}", died.display())));
    server.restart();
    let script = Script::seeded(&mut round.rng, 40, 0.1);
    let scripted = scenes::run_one(&server, script);
    assert!(eventually(|| died.exists()), "nothing died while journals were removed");
    assert!(eventually(|| !server.is_running()));
    server.restart();
    server.wait_for_stage(&scripted.card, "completed");
    let executions = server.data_dir().join("executions");
    assert!(eventually(|| std::fs::read_dir(&executions).unwrap().next().is_none()), "some journals are never removed");
    oracle::assert_card_ok(&server, &scripted.card, &scripted.script);
}
