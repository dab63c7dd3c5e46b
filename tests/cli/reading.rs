//! Listing cards, reading logs, cancelling and retrying.

use std::io::Read;
use std::process::Stdio;

use serde_json::Value;

use crate::server::{GOOD_AGENT, Server, eventually, processes_under};
use crate::usage::{ended, fails};

/// Says things that a terminal must not obey.
const HOSTILE_AGENT: &str = r#"
cat > /dev/null
mkdir -p specs; echo '# The plan' > specs/plan.md; echo x >> work.txt
printf 'a\033[2J\033]0;title\007b\302\233c\177d\te\r\n'
"#;

#[test]
fn cards_are_listed_with_ids_that_the_other_commands_take() {
    let server = Server::start();
    let (status, stdout, stderr) = ended(server.cardume(&["cards"]));
    assert_eq!((status, &*stdout), (0, ""));
    assert!(stderr.contains("no cards"), "{stderr}");

    let id = server.run_new_card("good");
    server.wait_for_stage(&id, "completed");
    let (status, stdout, _) = ended(server.cardume(&["cards"]));
    assert_eq!(status, 0);
    let line = stdout.lines().find(|line| line.contains(&id)).unwrap();
    let short = &id[id.len() - 8..];
    assert!(line.starts_with(short) && line.contains("done") && line.contains("completed"), "{line}");
    assert!(line.ends_with("A card"), "{line}");

    let (_, json, _) = ended(server.cardume(&["cards", "--json"]));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json, server.get("/api/cards").json());

    let logs = |card: &str| ended(server.cardume(&["logs", card]));
    let whole = logs(&id);
    assert_eq!(whole.0, 0);
    for said in ["/plan", "did plan", "did implement", "did test", "/review", "did review"] {
        assert!(whole.1.contains(said), "{said}: {}", whole.1);
    }
    assert_eq!(logs(short), whole);
    assert_eq!(logs(&id.to_uppercase()), whole);
}

#[test]
fn every_row_of_every_stage_comes_as_json() {
    let server = Server::start();
    let id = server.run_new_card("good");
    server.wait_for_stage(&id, "completed");
    let (status, stdout, _) = ended(server.cardume(&["logs", &id, "--json"]));
    assert_eq!(status, 0);
    let rows: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut commands: Vec<_> = rows.iter().map(|row| row["command"].as_str().unwrap()).collect();
    commands.dedup();
    assert_eq!(commands, ["/plan", "/implement", "/test", "/review"], "in the order in which it happened");
    let executions = server.get(&format!("/api/cards/{id}/executions")).json();
    let counts = executions["executions"].as_array().unwrap().iter().map(|one| one["lastSequence"].as_i64().unwrap());
    assert_eq!(rows.len() as i64, counts.sum::<i64>());
    assert!(rows.iter().any(|row| row["type"] == "text" && row["content"] == "did test" && row["attempt"] == 1));
}

#[test]
fn a_card_that_never_ran_has_an_empty_log() {
    let server = Server::start();
    let project = server.add_project(&server.repository("r"));
    let id = server.add_card(&project, "A card", "good");
    for arguments in [&["logs", &*id][..], &["logs", &id, "--follow"]] {
        let (status, stdout, stderr) = ended(server.cardume(arguments));
        assert_eq!((status, &*stdout), (0, ""));
        assert!(stderr.contains("not run"), "{stderr}");
    }
}

#[test]
fn a_hostile_line_does_nothing_to_the_terminal() {
    let server = Server::prepare().agent("hostile", HOSTILE_AGENT).start();
    let id = server.run_new_card("hostile");
    server.wait_for_stage(&id, "completed");
    for arguments in [&["logs", &*id][..], &["logs", &id, "--json"]] {
        let (_, stdout, _) = ended(server.cardume(arguments));
        assert!(stdout.contains("[2J"), "{stdout}");
        let harmful = |c: char| c.is_control() && c != '\n' && c != '\t';
        assert!(!stdout.contains(harmful), "{stdout:?}");
    }
    let (_, stdout, _) = ended(server.cardume(&["logs", &id, "--json"]));
    let is_whole = |line| serde_json::from_str::<Value>(line).unwrap()["content"].as_str().unwrap().contains('\u{1b}');
    assert!(stdout.lines().any(is_whole), "JSON loses nothing: {stdout}");
}

#[test]
fn a_reader_that_has_had_enough_is_no_failure() {
    let script = r#"cat > /dev/null; seq 1 20000; mkdir -p specs; echo x > specs/plan.md; echo x >> work.txt"#;
    let server = Server::prepare().agent("talker", script).start();
    let id = server.run_new_card("talker");
    server.wait_for_stage(&id, "completed");
    let mut child = server.cardume(&["logs", &id]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut beginning = [0; 64];
    child.stdout.take().unwrap().read_exact(&mut beginning).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{stderr}");
}

#[test]
fn a_card_is_cancelled_and_retried() {
    let script = format!("while [ ! -e \"$GATE\" ]; do sleep 0.05; done\n{GOOD_AGENT}");
    let preparation = Server::prepare().agent("gated", &script);
    let gate = preparation.home().join("gate");
    let server = preparation.env("GATE", &gate).start();
    let id = server.run_new_card("gated");
    let marker = server.home().join("gated.sh");
    assert!(eventually(|| !processes_under(&marker).is_empty()), "the agent was never started");
    let (status, stdout, _) = ended(server.cardume(&["cancel", &id[id.len() - 8..]]));
    assert!(status == 0 && !stdout.is_empty(), "{stdout}");
    server.wait_for_stage(&id, "error");
    assert!(fails(server.cardume(&["cancel", &id])).len() > 20);

    std::fs::write(&gate, "").unwrap();
    assert!(fails(server.cardume(&["retry", &id, "--stage", "shipping"])).contains("shipping"));
    let (status, stdout, stderr) = ended(server.cardume(&["retry", &id]));
    assert!(status == 0 && stdout.contains("/plan"), "{stdout}{stderr}");
    server.wait_for_stage(&id, "completed");
    let (status, stdout, stderr) = ended(server.cardume(&["retry", &id, "--stage", "test"]));
    assert!(status == 0 && stdout.contains("/test"), "{stdout}{stderr}");
}
