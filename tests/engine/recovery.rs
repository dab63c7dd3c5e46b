//! Refresh, restart, `kill -9`: the same rows, the same agent, the right stage.

use serde_json::{Value, json};

use super::support::{GOOD_AGENT, Server, eventually};
use super::{contents, id, numbered};

/// In the stage named, prints numbered lines as long as `$HOME/hold` is there, then `line last`; else does its work.
fn holding_in(stage: &str) -> String {
    format!(
        r#"if [ "$CARDUME_STAGE" = {stage} ]; then
            echo "pid $$" >> "$HOME/pids"
            n=0
            while [ -e "$HOME/hold" ]; do n=$((n+1)); echo "line $n"; sleep 0.01; done
            echo "$n" > "$HOME/count"
        fi
        {GOOD_AGENT}"#
    )
}

fn holding(stage: &str) -> (Server, String) {
    let preparation = Server::prepare().agent("holding", &holding_in(stage));
    std::fs::write(preparation.home().join("hold"), "").unwrap();
    let server = preparation.start();
    let card = server.run_new_card("holding");
    (server, card)
}

fn release(server: &Server) {
    std::fs::remove_file(server.home().join("hold")).unwrap();
}

/// The numbered lines that the held stage printed, by its own count.
fn printed(server: &Server) -> Vec<String> {
    let count = std::fs::read_to_string(server.home().join("count")).unwrap();
    numbered(count.trim().parse().unwrap())
}

fn starts(server: &Server) -> usize {
    std::fs::read_to_string(server.home().join("pids")).unwrap().lines().count()
}

fn poll(server: &Server, card: &str, after: i64) -> Value {
    server.get(&format!("/api/logs/{card}?after={after}&limit=500")).json()["execution"].clone()
}

/// The seed's first integration test: a page that is loaded anew asks for the card, then polls from its cursor.
#[test]
fn a_refresh_during_a_plan_keeps_logs_and_polling() {
    let (server, card) = holding("plan");
    let mut seen = vec![];
    let mut rounds = 0;
    assert!(eventually(|| {
        // A refresh: nothing is known but what the card says.
        let active = server.card(&card)["activeExecution"].clone();
        if active["workflowStage"] != "planning" {
            return false;
        }
        let fresh = poll(&server, &card, 0);
        let rows = fresh["logs"].as_array().unwrap();
        assert!(rows.len() >= seen.len().min(500), "a refresh shows fewer rows than there were");
        assert_eq!(rows[..seen.len().min(rows.len())], seen[..seen.len().min(rows.len())]);
        seen = rows.clone();
        // And polling goes on from the cursor.
        let cursor = fresh["lastSequence"].as_i64().unwrap();
        assert!(eventually(|| poll(&server, &card, cursor)["lastSequence"].as_i64().unwrap() > cursor));
        rounds += 1;
        rounds == 5
    }));
    release(&server);
    server.wait_for_stage(&card, "completed");
    let plan = server.executions(&card).remove(0);
    let mut lines = contents(&server.rows(id(&plan), 100), "text");
    assert_eq!(lines.pop().as_deref(), Some("did plan"));
    assert_eq!(lines, printed(&server));
}

/// The seed's second: the server restarts during a test stage.
#[test]
fn a_restart_of_the_server_during_a_test_stage_recovers_the_whole_state() {
    for kill in [false, true] {
        let (mut server, card) = holding("test");
        let before = server.wait_for_card(&card, "lines of the test stage", |card| {
            let active = &card["activeExecution"];
            active["workflowStage"] == "testing" && active["lastSequence"].as_i64().unwrap() > 20
        });
        if kill {
            server.kill_9();
        } else {
            assert_eq!(server.terminate().code(), Some(0));
        }
        server.restart();
        let after = server.card(&card);
        for what in ["columnId", "specPath", "branch", "worktreePath", "title", "version"] {
            assert_eq!(after[what], before[what], "{what}");
        }
        for what in ["id", "status", "command", "workflowStage", "startedAt"] {
            assert_eq!(after["activeExecution"][what], before["activeExecution"][what], "{what}");
        }
        let cursor = before["activeExecution"]["lastSequence"].as_i64().unwrap();
        assert!(eventually(|| poll(&server, &card, cursor)["lastSequence"].as_i64().unwrap() > cursor + 20));
        release(&server);
        server.wait_for_stage(&card, "completed");
        let test = server.executions(&card).remove(2);
        let mut lines = contents(&server.rows(id(&test), 500), "text");
        assert_eq!(lines.pop().as_deref(), Some("did test"));
        assert_eq!(lines, printed(&server));
        assert_eq!(starts(&server), 1, "the agent was started again");
    }
}

/// The seed's third: the whole workflow, with refreshes (and kills) all along.
#[test]
fn a_whole_workflow_with_several_refreshes_and_kills() {
    let script = format!("for n in $(seq 1 100); do echo \"line $n\"; sleep 0.01; done\n{GOOD_AGENT}");
    let mut server = Server::prepare().agent("steady", &script).start();
    let card = server.run_new_card("steady");
    let mut stages = vec![];
    let mut kills = 0;
    assert!(eventually(|| {
        let active = server.card(&card)["activeExecution"].clone();
        let stage = active["workflowStage"].as_str().unwrap().to_owned();
        if stages.last() != Some(&stage) {
            stages.push(stage.clone());
        }
        if kills < 6 && active["lastSequence"].as_i64().unwrap() > 10 * (kills % 3) {
            server.kill_9();
            server.restart();
            kills += 1;
        }
        stage == "completed"
    }));
    assert_eq!(stages, ["planning", "implementing", "testing", "reviewing", "completed"]);
    assert_eq!(kills, 6);
    let all = server.executions(&card);
    assert_eq!(all.len(), 4);
    for execution in all {
        let mut lines = contents(&server.rows(id(&execution), 37), "text");
        assert!(lines.pop().unwrap().starts_with("did "));
        assert_eq!(lines, numbered(100));
    }
}

#[test]
fn what_an_agent_says_and_how_it_ends_while_the_server_is_down_is_found_on_start() {
    let script = r#"
        until [ -e "$HOME/down" ]; do sleep 0.05; done
        for n in $(seq 1 10000); do echo "line $n"; done
        touch "$HOME/ended"
        exit 7
    "#;
    let mut server = Server::prepare().agent("alone", script).start();
    let card = server.run_new_card("alone");
    server.wait_for_card(&card, "a first row", |card| card["activeExecution"]["lastSequence"].as_i64().unwrap() >= 1);
    let execution = server.executions(&card).remove(0);
    let exit = server.data_dir().join("executions").join(id(&execution)).join("exit.json");
    // The supervisor has started the agent once its mark is there; only then may the server go.
    assert!(eventually(|| exit.with_file_name("started").exists()));
    server.kill_9();
    std::fs::write(server.home().join("down"), "").unwrap();
    assert!(eventually(|| exit.exists()));
    server.restart();
    let since = std::time::Instant::now();
    let failed = server.wait_for_stage(&card, "error");
    assert!(since.elapsed().as_secs() < 5);
    assert_eq!((&failed["activeExecution"]["status"], &failed["columnId"]), (&json!("error"), &json!("backlog")));
    assert_eq!(server.executions(&card)[0]["exitCode"], 7);
    assert_eq!(contents(&server.rows(id(&execution), 5000), "text"), numbered(10_000));
}

#[test]
fn on_postgres_a_run_outlives_a_kill_too() {
    let url = tokio::runtime::Runtime::new().unwrap().block_on(super::postgres::database());
    let script = format!("for n in $(seq 1 200); do echo \"line $n\"; sleep 0.01; done\n{GOOD_AGENT}");
    let mut server = Server::prepare().agent("steady", &script).env("DATABASE_URL", &url).start();
    let card = server.run_new_card("steady");
    server.wait_for_card(&card, "some lines", |card| card["activeExecution"]["lastSequence"].as_i64().unwrap() > 20);
    server.restart();
    let done = server.wait_for_stage(&card, "completed");
    assert_eq!(done["columnId"], "done");
    for execution in server.executions(&card) {
        let mut lines = contents(&server.rows(id(&execution), 500), "text");
        assert!(lines.pop().unwrap().starts_with("did "));
        assert_eq!(lines, numbered(200));
    }
    assert!(!server.data_dir().join("cardume.db").exists());
}

#[test]
fn two_servers_do_not_share_a_data_directory() {
    let server = Server::start();
    let second =
        server.cardume(&["serve", "--addr", "127.0.0.1:0", "--data-dir"]).arg(server.data_dir()).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let words = String::from_utf8_lossy(&second.stderr);
    assert!(words.contains("another Cardume serves"), "{words}");
}
