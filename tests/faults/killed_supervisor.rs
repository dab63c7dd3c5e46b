//! Row 4: the supervisor itself is killed.

use std::time::{Duration, Instant};

use rand::RngExt;
use rustix::process::{Pid, Signal, kill_process};

use crate::oracle::{self, Extent};
use crate::rounds::{Round, busy};
use crate::scenes;
use crate::scribe::{Part, Script};
use crate::support::eventually;

crate::on_both_databases!(row_4_the_supervisor_is_killed);

/// Children that leave the agent's group and session, lose their parent, and are deaf to SIGTERM and SIGHUP.
pub const FAMILY: &str = r#"
    setsid bash -c 'trap "" TERM HUP; while :; do sleep 0.2; done' > /dev/null 2>&1 &
    (setsid bash -c '(exec -a orphan sleep 1000) &' > /dev/null 2>&1 &)
    nohup sleep 1000 > /dev/null 2>&1 &
"#;

fn row_4_the_supervisor_is_killed(round: &mut Round) {
    let agent = format!("[ -e \"$HOME/childless\" ] || {{ {FAMILY} }}\n{}", crate::scribe::AGENT);
    let mut server = round.prepare().agent("parent", &agent).start();
    let script = Script::seeded(&mut round.rng, 100, 0.5);
    let part = Part::default().lines(&mut round.rng, 400, 2.0);
    let endless = script.clone().with("plan", part.clone().wait_for("never"));
    let project = server.add_project(&server.repository("repository"));
    let card = server.add_card(&project, "A card", "parent");
    endless.write(server.home(), &card);
    scenes::run_card(&server, &card);
    let running = scenes::wait_for_rows(&server, &card, round.rng.random_range(2..300));
    let execution = scenes::active(&running);
    assert!(scenes::left_running(&server).len() >= 5, "{:#?}", scenes::left_running(&server));

    let supervisor = oracle::supervisor(&server, &execution).expect("the supervisor has noted itself");
    // Sometimes nobody sees it die.
    let is_server_down = round.rng.random_bool(0.5);
    if is_server_down {
        server.kill_9();
    }
    kill_process(Pid::from_raw(supervisor).unwrap(), Signal::KILL).unwrap();
    let since = Instant::now();
    if is_server_down {
        server.restart();
    }
    let lost = server.wait_for_stage(&card, "error");
    println!("    lost {:.1?} after", since.elapsed());
    assert!(since.elapsed() < busy(Duration::from_secs(10)), "lost only after {:?}", since.elapsed());
    assert_eq!(lost["activeExecution"]["status"], "lost", "{lost:#}");
    assert_eq!(lost["activeExecution"]["id"], *execution);
    assert!(
        eventually(|| scenes::left_running(&server).is_empty()),
        "still there: {:#?}",
        scenes::left_running(&server)
    );
    let executions = server.executions(&card);
    oracle::assert_execution_ok(&server, &executions[0], &part, Extent::AsFarAsItCame);

    // It can be gone on with, and then everything is as it should be.
    std::fs::write(server.home().join("childless"), "").unwrap();
    script.write(server.home(), &card);
    scenes::retry(&server, &card);
    server.wait_for_stage(&card, "completed");
    let executions = server.executions(&card);
    assert_eq!(executions.len(), 5);
    for execution in &executions[1..] {
        oracle::assert_execution_ok(&server, execution, script.part(oracle::stage(execution)), Extent::Whole);
    }
    oracle::assert_started_once_each(server.home());
}
