//! Row 10: an agent hangs, and has started what does not want to go.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::killed_supervisor::FAMILY;
use crate::oracle::{self, Extent};
use crate::rounds::{Round, busy};
use crate::scenes;
use crate::scribe::{self, Part, Script};
use crate::support::{Server, eventually};

crate::on_both_databases!(row_10_a_hung_agent_is_remarked_upon_and_ended, row_10_cancel_ends_the_whole_tree);

/// An agent, deaf to SIGTERM, with a family of the same kind; once there is a file `childless`, the scribe itself.
fn parent() -> String {
    format!("[ -e \"$HOME/childless\" ] || {{ trap '' TERM HUP; {FAMILY} }}\n{}", scribe::AGENT)
}

fn run_hanging(server: &Server, round: &mut Round) -> (String, Part) {
    let part = Part::default().lines(&mut round.rng, 30, 0.1).wait_for("never");
    let project = server.add_project(&server.repository("repository"));
    let card = server.add_card(&project, "A card", "parent");
    Script::default().with("plan", part.clone()).write(server.home(), &card);
    scenes::run_card(server, &card);
    scenes::wait_for_rows(server, &card, 31);
    assert!(scenes::left_running(server).len() >= 5, "{:#?}", scenes::left_running(server));
    (card, part)
}

fn row_10_a_hung_agent_is_remarked_upon_and_ended(round: &mut Round) {
    let limits = "[stages]\ntimeout_minutes = 0.15\nquiet_minutes = 0.02\n";
    let server = round.prepare().agent("parent", &parent()).config(limits).start();
    let since = Instant::now();
    let (card, part) = run_hanging(&server, round);
    let ended = server.wait_for_stage(&card, "error");
    assert!(since.elapsed() > Duration::from_secs(4), "ended before its time");
    assert_eq!(ended["activeExecution"]["status"], "error", "{ended:#}");
    let why = ended["activeExecution"]["workflowError"].as_str().unwrap();
    assert!(why.contains("limit") || why.contains("longer") || why.contains("time"), "{why}");
    assert!(eventually(|| scenes::left_running(&server).is_empty()), "{:#?}", scenes::left_running(&server));
    let execution = server.executions(&card).remove(0);
    oracle::assert_execution_ok(&server, &execution, &part, Extent::Whole);
    let rows = oracle::all_rows(&server, oracle::id(&execution));
    let remarks =
        rows.iter().filter(|row| row["type"] == "info" && row["content"].as_str().unwrap().contains("nothing"));
    assert_eq!(remarks.count(), 1, "{rows:#?}");
    assert_can_be_retried(&server, &card, round);
}

fn row_10_cancel_ends_the_whole_tree(round: &mut Round) {
    let server = round.prepare().agent("parent", &parent()).start();
    let (card, part) = run_hanging(&server, round);
    let since = Instant::now();
    let answer = server.post(&format!("/api/cards/{card}/cancel"), Value::Null);
    assert_eq!(answer.status, 202, "{answer:?}");
    assert!(eventually(|| scenes::left_running(&server).is_empty()), "{:#?}", scenes::left_running(&server));
    let gone = since.elapsed();
    println!("    all gone {gone:.1?} after the cancel");
    assert!(gone < busy(Duration::from_secs(10)), "{gone:?}");
    let cancelled = server.wait_for_stage(&card, "error");
    assert_eq!(cancelled["activeExecution"]["status"], "cancelled", "{cancelled:#}");
    let execution = server.executions(&card).remove(0);
    oracle::assert_execution_ok(&server, &execution, &part, Extent::Whole);
    assert_can_be_retried(&server, &card, round);
}

fn assert_can_be_retried(server: &Server, card: &str, round: &mut Round) {
    std::fs::write(server.home().join("childless"), "").unwrap();
    let script = Script::seeded(&mut round.rng, 20, 0.1);
    script.write(server.home(), card);
    scenes::retry(server, card);
    server.wait_for_stage(card, "completed");
    for execution in &server.executions(card)[1..] {
        oracle::assert_execution_ok(server, execution, script.part(oracle::stage(execution)), Extent::Whole);
    }
    oracle::assert_started_once_each(server.home());
}
