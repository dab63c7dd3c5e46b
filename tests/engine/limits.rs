//! What a stage may take, how often it begins again, and whether its log is all there.

use serde_json::{Value, json};

use super::support::{GOOD_AGENT, Server, eventually};
use super::{contents, id};

#[test]
fn an_agent_that_takes_too_long_is_ended_with_all_below_it() {
    let slow = "cat > /dev/null; echo before; setsid sleep 1000 & sleep 1000";
    let server = Server::prepare().config("[stages]\ntimeout_minutes = 0.1\n").agent("slow", slow).start();
    let card = server.run_new_card("slow");
    let card = server.wait_for_stage(&card, "error");
    let error = card["activeExecution"]["workflowError"].as_str().unwrap();
    assert!(error.contains("took longer") && error.contains("timeout_minutes"), "{error}");
    assert_eq!(card["activeExecution"]["status"], "error");
    let execution = server.executions(id(&card)).remove(0);
    assert_eq!(contents(&server.rows(id(&execution), 100), "text"), ["before"]);
    assert!(eventually(|| server.agents().is_empty()), "{:?}", server.agents());
}

#[test]
fn an_agent_that_prints_without_end_is_ended_at_the_logs_limit() {
    // It does not listen, and neither does what it starts.
    let endless = "cat > /dev/null; trap '' TERM; setsid bash -c \"trap '' TERM; yes below\" & \
                   while :; do echo 'one line of many'; done";
    let server = Server::prepare().config("[logs]\nmax_megabytes = 2\n").agent("endless", endless).start();
    let card = server.run_new_card("endless");
    let card = server.wait_for_stage(&card, "error");
    let error = card["activeExecution"]["workflowError"].as_str().unwrap();
    let words = "The log reached its limit of 2 MB ([logs] max_megabytes in cardume.toml), so the agent was stopped.";
    assert_eq!(error, words);
    assert_eq!(card["activeExecution"]["status"], "error");
    assert!(eventually(|| server.agents().is_empty()), "{:?}", server.agents());
    // What was printed up to there is kept exactly.
    let execution = server.executions(id(&card)).remove(0);
    assert_eq!(execution["verified"], true, "{execution:#}");
    let journal = std::fs::read(server.data_dir().join("executions").join(id(&execution)).join("journal")).unwrap();
    assert!((2 << 20..(2 << 20) + (512 << 10)).contains(&journal.len()), "{}", journal.len());
    let records = journal.iter().filter(|byte| **byte == b'\n').count() - 1;
    assert_eq!(contents(&server.rows(id(&execution), 5000), "text").len(), records);
    // A retry has the limit's room again, and is ended by it again.
    assert_eq!(server.post(&format!("/api/cards/{}/retry", id(&card)), json!({})).status, 202);
    server.wait_for_card(id(&card), "the second end", |card| {
        card["activeExecution"]["id"] != execution["id"] && card["activeExecution"]["workflowError"] == words
    });
}

#[test]
fn a_silent_agent_is_remarked_upon_once_for_each_silence() {
    let silent = format!("echo one; sleep 2.5; echo two; sleep 2.5; {GOOD_AGENT}");
    let server = Server::prepare().config("[stages]\nquiet_minutes = 0.02\n").agent("silent", &silent).start();
    let card = server.run_new_card("silent");
    server.wait_for_card(&card, "the end of the plan", |card| card["columnId"] == "implement");
    let plan = server.executions(&card).remove(0);
    let rows = contents(&server.rows(id(&plan), 100), "info");
    assert_eq!(rows.iter().filter(|row| row.contains("printed nothing for")).count(), 2, "{rows:?}");
    server.post(&format!("/api/cards/{card}/cancel"), Value::Null);
    server.wait_for_stage(&card, "error");
}

#[test]
fn a_log_that_is_all_there_is_verified() {
    let server = Server::start();
    let card = server.run_new_card("good");
    server.wait_for_stage(&card, "completed");
    for execution in server.executions(&card) {
        assert_eq!(execution["verified"], json!(true), "{execution}");
        let exit = server.data_dir().join("executions").join(id(&execution)).join("exit.json");
        let exit: Value = serde_json::from_slice(&std::fs::read(exit).unwrap()).unwrap();
        assert_eq!(exit["digest"], execution["digest"]);
        assert!(exit["digest"].as_str().is_some_and(|digest| digest.len() == 64));
    }
}

/// An agent that tells of a session, works as long as `$HOME/hold` is there, and can go on with its session.
const WITH_SESSION: &str = r#"
cat > /dev/null
echo "$CARDUME_STAGE $*" >> "$HOME/starts"
printf '{"type":"system","subtype":"init","session_id":"the-session","model":"m"}\n'
while [ -e "$HOME/hold" ]; do sleep 0.02; done
mkdir -p specs; echo plan > specs/plan.md; echo "$RANDOM" >> work.txt
printf '{"type":"result","subtype":"success","is_error":false,"result":"CARDUME: pass","session_id":"the-session"}\n'
"#;

/// As a restart of the machine leaves it: everything is gone, and `started` tells of another boot.
fn restart_the_machine(server: &mut Server) {
    server.kill_9();
    server.kill_agents();
    for entry in std::fs::read_dir(server.data_dir().join("executions")).unwrap().flatten() {
        let started = entry.path().join("started");
        if !entry.path().join("exit.json").exists() && started.exists() {
            std::fs::write(started, r#"{"pid":1,"startTime":1,"bootId":"the one before"}"#).unwrap();
        }
    }
    server.restart();
}

fn starts(server: &Server) -> Vec<String> {
    let starts = std::fs::read_to_string(server.home().join("starts")).unwrap_or_default();
    starts.lines().map(|line| line.trim().to_owned()).collect()
}

#[test]
fn after_a_restart_of_the_machine_an_agent_goes_on_with_its_session_up_to_a_limit() {
    let preparation =
        Server::prepare().agent_of_format("remembers", WITH_SESSION, "claude").config("[stages]\nresume_at_most = 2\n");
    std::fs::write(preparation.home().join("hold"), "").unwrap();
    let mut server = preparation.agent_line("remembers", "resume = [\"--resume\", \"{session}\"]").start();
    let card = server.run_new_card("remembers");
    for count in 1..=3 {
        server.wait_for_card(&card, "the session's name", |card| {
            starts(&server).len() == count && card["activeExecution"]["status"] == "running" && {
                let active = server.executions(id(card)).pop().unwrap();
                active["sessionId"] == "the-session"
            }
        });
        restart_the_machine(&mut server);
    }
    let lost = server.wait_for_stage(&card, "error");
    assert_eq!((&lost["activeExecution"]["status"], &lost["columnId"]), (&json!("lost"), &json!("backlog")));
    assert_eq!(starts(&server), ["plan", "plan --resume the-session", "plan --resume the-session"]);
    // Whoever resumes by hand goes on with the session too.
    std::fs::remove_file(server.home().join("hold")).unwrap();
    assert_eq!(server.post(&format!("/api/cards/{card}/retry"), Value::Null).status, 202);
    server.wait_for_stage(&card, "completed");
    let starts = starts(&server);
    assert_eq!(starts[3..], ["plan --resume the-session", "implement", "test", "review"]);
}

#[test]
fn after_a_restart_of_the_machine_a_stage_without_a_session_begins_again_once() {
    let holding = format!(
        r#"echo "$CARDUME_STAGE" >> "$HOME/starts"; while [ -e "$HOME/hold" ]; do sleep 0.02; done; {GOOD_AGENT}"#
    );
    let preparation = Server::prepare().agent("holding", &holding);
    std::fs::write(preparation.home().join("hold"), "").unwrap();
    let mut server = preparation.start();
    let card = server.run_new_card("holding");
    for count in 1..=2 {
        assert!(eventually(|| starts(&server).len() == count));
        restart_the_machine(&mut server);
    }
    server.wait_for_stage(&card, "error");
    assert_eq!(starts(&server), ["plan", "plan"]);
    let attempts = server.executions(&card);
    let automatic: Vec<_> = attempts.iter().map(|attempt| attempt["automatic"].as_i64().unwrap()).collect();
    assert_eq!(automatic, [0, 1]);
    assert!(attempts.iter().all(|attempt| attempt["status"] == "lost"));
}
