//! Row 5: the machine restarts. Everything that ran is gone, and the kernel's boot id is another.
//!
//! The restart is made: all processes are killed at once, and what the supervisors noted of their boot is changed to
//! another, which comes to the same for who reads it.

use std::fs;
use std::process::{Child, Command};
use std::time::Duration;

use rand::RngExt;
use serde_json::{Value, json};

use crate::oracle::{self, Extent};
use crate::rounds::Round;
use crate::scenes::{self, Scripted};
use crate::scribe::{self, Part, Script};
use crate::support::{Server, eventually};

crate::on_both_databases!(
    row_5_every_card_goes_on_after_a_restart_of_the_machine,
    row_5_a_stage_that_cannot_be_resumed_begins_again_once,
    row_5_an_unrelated_process_is_neither_adopted_nor_signalled,
);

fn row_5_every_card_goes_on_after_a_restart_of_the_machine(round: &mut Round) {
    let cards = if round.is_thorough { 8 } else { 3 };
    let mut server = round.prepare().start();
    let scripts = (0..cards).map(|_| Script::seeded(&mut round.rng, 100, 1.0)).collect();
    let running = scenes::run_cards(&server, scripts);
    std::thread::sleep(Duration::from_millis(round.rng.random_range(300..3000)));
    restart_machine(&mut server);
    for Scripted { card, script } in &running {
        server.wait_for_stage(card, "completed");
        let executions = server.executions(card);
        let (lost, ended): (Vec<_>, Vec<_>) =
            executions.into_iter().partition(|execution| execution["status"] == "lost");
        assert!(lost.len() <= 1, "{lost:#?}");
        assert_eq!(ended.iter().map(oracle::stage).collect::<Vec<_>>(), scribe::STAGES);
        for execution in &lost {
            oracle::assert_execution_ok(
                &server,
                execution,
                script.part(oracle::stage(execution)),
                Extent::AsFarAsItCame,
            );
        }
        for execution in &ended {
            assert_eq!(execution["status"], "success", "{execution:#}");
            oracle::assert_execution_ok(&server, execution, script.part(oracle::stage(execution)), Extent::Whole);
        }
    }
    oracle::assert_started_once_each(server.home());
}

fn row_5_a_stage_that_cannot_be_resumed_begins_again_once(round: &mut Round) {
    let mut server = round.prepare().start();
    let part = Part::default().lines(&mut round.rng, 30, 0.1).wait_for("never");
    let card = scenes::run_one(&server, Script::default().with("plan", part.clone())).card;
    let first = scenes::active(&scenes::wait_for_rows(&server, &card, 31));
    restart_machine(&mut server);
    let again = server.wait_for_card(&card, "a second try", |card| {
        scenes::active(card) != first && card["activeExecution"]["lastSequence"].as_i64().unwrap() >= 31
    });
    assert_eq!(scenes::workflow_stage(&again), "planning");
    restart_machine(&mut server);
    let lost = server.wait_for_stage(&card, "error");
    assert_eq!(lost["activeExecution"]["status"], "lost");
    let executions = server.executions(&card);
    assert_eq!(executions.len(), 2, "{executions:#?}");
    for execution in &executions {
        oracle::assert_execution_ok(&server, execution, &part, Extent::AsFarAsItCame);
    }
    oracle::assert_started_once_each(server.home());
}

fn row_5_an_unrelated_process_is_neither_adopted_nor_signalled(round: &mut Round) {
    let mut server = round.prepare().start();
    let endless = || Part::default().out("first").wait_for("never");
    let scripts = (0..3).map(|_| Script::default().with("plan", endless())).collect();
    let running = scenes::run_cards(&server, scripts);
    let executions: Vec<_> =
        running.iter().map(|scripted| scenes::active(&scenes::wait_for_rows(&server, &scripted.card, 2))).collect();
    server.kill_9();
    server.kill_agents();
    let mut bystander = Bystander::start();
    let (pid, time) = (bystander.0.id(), bystander.start_time());
    let started = fs::read(oracle::place(&server, &executions[0]).join("started")).unwrap();
    let this_boot = serde_json::from_slice::<Value>(&started).unwrap()["bootId"].clone();
    // Its number was used again: since, by another start; before a restart; and in the old form, which is a bare number.
    let notes = [
        json!({ "pid": pid, "startTime": time - 1, "bootId": this_boot }),
        json!({ "pid": pid, "startTime": time, "bootId": "another-boot" }),
        json!(pid),
    ];
    for (execution, note) in executions.iter().zip(&notes) {
        fs::write(oracle::place(&server, execution).join("started"), note.to_string()).unwrap();
    }
    server.restart();
    let same_boot = server.wait_for_stage(&running[0].card, "error");
    assert_eq!(same_boot["activeExecution"]["status"], "lost", "lost under the same boot waits for the user");
    for (scripted, execution) in running.iter().zip(&executions) {
        // Not adopted: it is lost, and where that was by a restart it has begun again.
        assert!(eventually(|| {
            let known = server.executions(&scripted.card);
            known.iter().any(|other| other["id"] == **execution && other["status"] == "lost")
        }));
        server.post(&format!("/api/cards/{}/cancel", scripted.card), Value::Null);
    }
    for scripted in &running {
        server.wait_for_stage(&scripted.card, "error");
    }
    assert!(bystander.is_alive(), "a process that has nothing to do with Cardume was ended");
}

/// All that runs ends at the same moment, and then the machine is up again.
fn restart_machine(server: &mut Server) {
    server.kill_9();
    server.kill_agents();
    for execution in fs::read_dir(server.data_dir().join("executions")).unwrap().flatten() {
        let started = execution.path().join("started");
        if let Ok(bytes) = fs::read(&started) {
            let mut note: Value = serde_json::from_slice(&bytes).unwrap();
            note["bootId"] = "before the restart".into();
            fs::write(&started, note.to_string()).unwrap();
        }
    }
    server.restart();
}

/// A process of somebody else.
struct Bystander(Child);

impl Bystander {
    fn start() -> Self {
        Self(Command::new("sleep").arg("1000").spawn().unwrap())
    }

    fn start_time(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        stat.rsplit(") ").next().unwrap().split(' ').nth(19).unwrap().parse().unwrap()
    }

    fn is_alive(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
