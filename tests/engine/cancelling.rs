//! Cancel ends the agent and all that it started; a lost agent leaves nothing running either.

use std::time::Instant;

use serde_json::{Value, json};

use super::id;
use super::support::{GOOD_AGENT, Server, eventually, processes_under};

/// An agent with children that do not want to go: in a session of its own, orphaned, deaf to SIGTERM.
const FAMILY: &str = r#"
    trap '' TERM
    setsid bash -c 'trap "" TERM; while :; do sleep 0.2; done' &
    (bash -c 'exec -a orphan sleep 1000' &)
    echo ready
    while :; do sleep 0.2; done
"#;

fn with_family() -> (Server, String) {
    let server = Server::prepare().agent("family", FAMILY).start();
    let card = server.run_new_card("family");
    server.wait_for_card(&card, "the agent's first words", |card| {
        card["activeExecution"]["lastSequence"].as_i64().unwrap() >= 2
    });
    (server, card)
}

/// The processes below the test's folder other than the server itself.
fn left_running(server: &Server) -> Vec<i32> {
    let mut left = processes_under(server.home());
    left.retain(|pid| *pid != server.pid() as i32);
    left
}

#[test]
fn cancel_ends_the_whole_process_tree_within_ten_seconds() {
    let (server, card) = with_family();
    assert!(left_running(&server).len() >= 4);
    let since = Instant::now();
    assert_eq!(server.post(&format!("/api/cards/{card}/cancel"), Value::Null).status, 202);
    let cancelled = server.wait_for_stage(&card, "error");
    assert!(eventually(|| left_running(&server).is_empty()), "still there: {:?}", left_running(&server));
    assert!(since.elapsed().as_secs() < 10, "{:?}", since.elapsed());
    assert_eq!(cancelled["activeExecution"]["status"], "cancelled");
    assert_eq!(cancelled["columnId"], "backlog");
    assert_eq!(server.post(&format!("/api/cards/{card}/cancel"), Value::Null).status, 409);
}

#[test]
fn a_cancelled_stage_can_be_retried() {
    let script = format!(r#"[ -e "$HOME/free" ] || sleep 1000{}{GOOD_AGENT}"#, "\n");
    let server = Server::prepare().agent("patient", &script).start();
    let card = server.run_new_card("patient");
    server.wait_for_card(&card, "a row", |card| card["activeExecution"]["lastSequence"].as_i64().unwrap() >= 1);
    server.post(&format!("/api/cards/{card}/cancel"), Value::Null);
    server.wait_for_stage(&card, "error");
    std::fs::write(server.home().join("free"), "").unwrap();
    assert_eq!(server.post(&format!("/api/cards/{card}/retry"), json!({})).status, 202);
    server.wait_for_stage(&card, "completed");
    assert_eq!(server.executions(&card).len(), 5);
}

#[test]
fn a_cancel_that_comes_while_the_server_is_down_is_not_needed_and_one_before_a_restart_is_kept() {
    let (mut server, card) = with_family();
    server.post(&format!("/api/cards/{card}/cancel"), Value::Null);
    server.kill_9();
    server.restart();
    let cancelled = server.wait_for_stage(&card, "error");
    assert_eq!(cancelled["activeExecution"]["status"], "cancelled");
    assert!(eventually(|| left_running(&server).is_empty()), "still there: {:?}", left_running(&server));
}

#[test]
fn a_killed_supervisor_makes_the_execution_lost_and_leaves_nothing_running() {
    let (server, card) = with_family();
    let execution = server.executions(&card).remove(0);
    let started = server.data_dir().join("executions").join(id(&execution)).join("started");
    let started: Value = serde_json::from_slice(&std::fs::read(started).unwrap()).unwrap();
    let pid = started["pid"].as_i64().unwrap() as i32;
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), rustix::process::Signal::KILL).unwrap();
    let lost = server.wait_for_stage(&card, "error");
    assert_eq!(lost["activeExecution"]["status"], "lost");
    assert!(eventually(|| left_running(&server).is_empty()), "still there: {:?}", left_running(&server));
}

#[test]
fn what_an_agent_leaves_running_ends_with_its_stage() {
    let script = format!("(setsid sleep 1000 &)\n{GOOD_AGENT}");
    let server = Server::prepare().agent("littering", &script).start();
    let card = server.run_new_card("littering");
    server.wait_for_stage(&card, "completed");
    assert!(eventually(|| left_running(&server).is_empty()), "still there: {:?}", left_running(&server));
}

/// A supervisor that was given up on, and comes after all.
#[test]
fn a_supervisor_that_comes_too_late_starts_nothing() {
    let home = tempfile::tempdir().unwrap();
    let ran = home.path().join("ran");
    for (is_cancelled, runs) in [(true, false), (false, true)] {
        let dir = home.path().join(format!("cancelled-{is_cancelled}"));
        std::fs::create_dir(&dir).unwrap();
        let order = json!({"version": 1, "argv": ["touch", ran], "worktree": home.path(), "env": []});
        std::fs::write(dir.join("order.json"), order.to_string()).unwrap();
        std::fs::write(dir.join("prompt.md"), "").unwrap();
        if is_cancelled {
            std::fs::write(dir.join("cancel"), "").unwrap();
        }
        let status = super::support::clean_command(home.path()).arg("supervise").arg(&dir).status().unwrap();
        assert!(status.success());
        let exit: Value = serde_json::from_slice(&std::fs::read(dir.join("exit.json")).unwrap()).unwrap();
        assert_eq!((ran.exists(), &exit["cancelled"]), (runs, &json!(is_cancelled)));
    }
}
