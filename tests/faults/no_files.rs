//! Row 7, continued: no file can be opened for a while.

use std::fs;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use crate::oracle;
use crate::rounds::Round;
use crate::scenes;
use crate::scribe::Script;
use crate::support::eventually;

crate::on_both_databases!(row_7_no_file_can_be_opened_for_a_while);

fn row_7_no_file_can_be_opened_for_a_while(round: &mut Round) {
    let server = round.prepare().start();
    let scripts = (0..2).map(|_| Script::seeded(&mut round.rng, 400, 3.0)).collect();
    let running = scenes::run_cards(&server, scripts);
    for scripted in &running {
        scenes::wait_for_rows(&server, &scripted.card, 20);
    }
    let pid = Pid::from_raw(server.pid() as i32);
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = |soft| prlimit(pid, Resource::Nofile, Rlimit { current: Some(soft), maximum }).unwrap();
    // What is open stays open.
    limit(3);
    // Longer than anything else that repeats is borne with.
    let waits = || server.own_log().matches("an execution cannot be followed now").count() > 25;
    assert!(eventually(waits), "nothing was in its way:\n{}", server.own_log());
    assert!(fs::read_dir(format!("/proc/{}/fd", server.pid())).is_ok(), "the server is gone");
    limit(4096);
    for scripted in &running {
        server.wait_for_stage(&scripted.card, "completed");
        oracle::assert_card_ok(&server, &scripted.card, &scripted.script);
    }
}
