//! Row 2: a crash at each of the dangerous points, and no stage is ever started twice.

use std::time::{Duration, Instant};

use rand::RngExt;
use rand::seq::IndexedRandom;

use crate::oracle::{self, Extent};
use crate::rounds::Round;
use crate::scenes::{self, glimpse};
use crate::scribe::{self, Script};
use crate::support::{Server, eventually};

crate::on_both_databases!(
    row_2_a_crash_of_the_server_at_each_dangerous_point,
    row_2_a_crash_of_the_supervisor_at_each_dangerous_point,
);

/// Where the server is made to die, and how often at most it comes past there before.
const OF_THE_SERVER: [(&str, u32); 8] = [
    ("follow::before-launch", 3),
    ("follow::launched", 3),
    ("intake::before-commit", 5),
    ("ingest::uncommitted", 5),
    ("intake::committed", 5),
    ("conclude::before-finish", 3),
    ("finish::uncommitted", 3),
    ("conclude::finished", 3),
];

fn row_2_a_crash_of_the_server_at_each_dangerous_point(round: &mut Round) {
    let mut server = round.prepare().start();
    // One after the other they take their time; over many runs of the tests each has its turn.
    let count = if round.is_thorough { OF_THE_SERVER.len() } else { 3 };
    let points = OF_THE_SERVER.sample(&mut round.rng, count);
    for (number, (point, passes)) in points.copied().enumerate() {
        let died = server.home().join(format!("died-{number}"));
        let script = Script::seeded(&mut round.rng, 60, 0.4);
        let project = server.add_project(&server.repository(&format!("repository-{number}")));
        let card = server.add_card(&project, point, scribe::NAME);
        script.write(server.home(), &card);
        let passes = round.rng.random_range(0..=passes);
        server.set_env("CRASH_AT", Some(&format!("{point} {passes} {}", died.display())));
        server.restart();
        scenes::run_card(&server, &card);
        bring_through(&mut server, &card);
        assert!(died.exists(), "nothing died at {point} after {passes} passes");
        oracle::assert_card_ok(&server, &card, &script);
        assert_eq!(
            scribe::starts(server.home()).len(),
            4 * (number + 1),
            "at {point}: {:#?}",
            scribe::starts(server.home())
        );
    }
}

/// Starts the server again whenever it has died, until the workflow is through.
fn bring_through(server: &mut Server, card: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let seen = if server.is_running() { glimpse(server, card) } else { server.try_restart().ok().and(None) };
        match seen.as_ref().map(scenes::workflow_stage) {
            Some("completed") => return,
            Some("error") => panic!("{:#}", seen.unwrap()),
            _ => assert!(Instant::now() < deadline, "{seen:#?}\n{}", server.own_log()),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn row_2_a_crash_of_the_supervisor_at_each_dangerous_point(round: &mut Round) {
    let mut server = round.prepare().start();
    for (number, point) in ["supervise::unrecorded", "supervise::recorded"].into_iter().enumerate() {
        let died = server.home().join(format!("died-{number}"));
        let script = Script::seeded(&mut round.rng, 60, 0.1);
        let project = server.add_project(&server.repository(&format!("repository-{number}")));
        let card = server.add_card(&project, point, scribe::NAME);
        script.write(server.home(), &card);
        server.set_env("CRASH_AT", Some(&format!("{point} 0 {}", died.display())));
        server.restart();
        scenes::run_card(&server, &card);
        assert!(eventually(|| died.exists()), "nothing died at {point}");
        if point == "supervise::recorded" {
            // Whether the agent was started nobody can know any more: it is not started again unasked.
            let lost = server.wait_for_stage(&card, "error");
            assert_eq!(lost["activeExecution"]["status"], "lost");
            scenes::retry(&server, &card);
        }
        server.wait_for_stage(&card, "completed");
        let executions = server.executions(&card);
        for execution in executions.iter().filter(|execution| execution["status"] == "success") {
            oracle::assert_execution_ok(&server, execution, script.part(oracle::stage(execution)), Extent::Whole);
        }
        oracle::assert_started_once_each(server.home());
        let starts = scribe::starts(server.home());
        assert_eq!(starts.iter().filter(|start| start.card == card).count(), 4, "at {point}: {starts:#?}");
    }
}
