//! A card's way through the stages, and what counts as a stage done.

use serde_json::{Value, json};

use super::support::{GOOD_AGENT, Server, git};
use super::{contents, id};

#[test]
fn a_run_goes_through_all_stages_and_leaves_spec_commits_and_history() {
    let server = Server::start();
    let card = server.run_new_card("good");
    let done = server.wait_for_stage(&card, "completed");

    assert_eq!(done["columnId"], "done");
    assert_eq!(done["specPath"], "specs/plan.md");
    let branch = done["branch"].as_str().unwrap();
    assert!(branch.starts_with("cardume/") && branch.ends_with("-a-card"), "{branch}");
    let commands: Vec<Value> = server.executions(&card).iter().map(|execution| execution["command"].clone()).collect();
    assert_eq!(commands, ["/plan", "/implement", "/test", "/review"]);
    for execution in server.executions(&card) {
        assert_eq!((&execution["status"], &execution["exitCode"]), (&json!("success"), &json!(0)), "{execution:#}");
        let stage = execution["command"].as_str().unwrap().trim_start_matches('/');
        assert_eq!(contents(&server.rows(id(&execution), 500), "text"), [format!("did {stage}")]);
    }

    let repository = server.home().join("repository");
    let log = git(&repository, &["log", "--format=%s", branch]);
    assert_eq!(log.lines().collect::<Vec<_>>(), ["implement: A card", "plan: A card", "The first commit"]);
    assert_eq!(git(&repository, &["status", "--porcelain"]), "", "the project's own checkout was touched");
    assert_eq!(git(&repository, &["branch", "--show-current"]).trim(), "main");
}

#[test]
fn an_agent_gets_its_stage_its_prompt_and_its_place_and_no_secret() {
    let script = r#"
        echo "prompt: $(cat | grep -c '<title>A card</title>')"
        echo "stage=$CARDUME_STAGE card=$CARDUME_CARD_ID execution=$CARDUME_EXECUTION_ID spec=$CARDUME_SPEC_PATH"
        [ "$PWD" = "$CARDUME_WORKTREE" ] && echo "at home"
        echo "secrets: ${DATABASE_URL:-none} ${CARDUME_TOKEN:-none} ${CARDUME_DATA_DIR:-none} own: ${OWN_SETTING:-none}"
        mkdir -p specs; echo plan > specs/p.md
    "#;
    let server = Server::prepare()
        .agent("curious", script)
        .env("CARDUME_TOKEN", "secret")
        .env("CARDUME_DATA_DIR", "secret")
        .env("OWN_SETTING", "kept")
        .start();
    let card = server.run_new_card("curious");
    server.wait_for_stage(&card, "completed");
    for (index, execution) in server.executions(&card).iter().enumerate() {
        let stage = ["plan", "implement", "test", "review"][index];
        let spec = if index == 0 { "" } else { "specs/p.md" };
        assert_eq!(
            contents(&server.rows(id(execution), 500), "text"),
            [
                "prompt: 1".to_owned(),
                format!("stage={stage} card={card} execution={} spec={spec}", id(execution)),
                "at home".to_owned(),
                "secrets: none none none own: kept".to_owned(),
            ]
        );
    }
}

#[test]
fn a_plan_without_a_spec_is_an_error_and_goes_back_to_the_backlog() {
    let server = Server::prepare().agent("idle", "echo 'I thought about it'").start();
    let card = server.run_new_card("idle");
    let failed = server.wait_for_stage(&card, "error");
    assert_eq!(failed["columnId"], "backlog");
    assert_eq!(failed["activeExecution"]["command"], "/plan");
    let error = failed["activeExecution"]["workflowError"].as_str().unwrap();
    assert!(error.contains("specs/"), "{error}");
}

#[test]
fn a_failed_implement_stays_says_why_and_is_retried_from_there() {
    let script = format!(
        r#"if [ "$CARDUME_STAGE" = implement ] && [ ! -e "$HOME/mended" ]; then echo "cannot do it" >&2; exit 3; fi
        {GOOD_AGENT}"#
    );
    let server = Server::prepare().agent("stubborn", &script).start();
    let card = server.run_new_card("stubborn");
    let failed = server.wait_for_stage(&card, "error");
    assert_eq!(failed["columnId"], "implement");
    let active = &failed["activeExecution"];
    assert_eq!((&active["command"], &active["status"]), (&json!("/implement"), &json!("error")));
    let error = active["workflowError"].as_str().unwrap();
    assert!(error.contains("exit status 3") && error.contains("cannot do it"), "{error}");
    assert_eq!(server.executions(&card)[1]["exitCode"], 3);

    // The error outlives a reload and a restart: it is what the server knows, not what a page remembers.
    let mut server = server;
    server.restart();
    assert_eq!(server.card(&card)["activeExecution"], failed["activeExecution"]);

    std::fs::write(server.home().join("mended"), "").unwrap();
    assert_eq!(server.post(&format!("/api/cards/{card}/retry"), json!({})).status, 202);
    server.wait_for_stage(&card, "completed");
    let history: Vec<(Value, Value)> = server
        .executions(&card)
        .iter()
        .map(|execution| (execution["command"].clone(), execution["attempt"].clone()))
        .collect();
    let expected = [("/plan", 1), ("/implement", 1), ("/implement", 2), ("/test", 1), ("/review", 1)];
    assert_eq!(history, expected.map(|(command, attempt)| (json!(command), json!(attempt))));
}

#[test]
fn an_agent_that_is_not_installed_is_an_error_that_says_what_to_do() {
    let server = Server::prepare()
        .config("[agents.missing]\ncommand = [\"no-such-program-anywhere\"]\nformat = \"text\"\n")
        .start();
    let card = server.run_new_card("missing");
    let failed = server.wait_for_stage(&card, "error");
    let error = failed["activeExecution"]["workflowError"].as_str().unwrap();
    assert!(error.contains("no-such-program-anywhere") && error.contains("cardume.toml"), "{error}");
}

#[test]
fn a_card_never_runs_twice_however_many_ask_at_once() {
    let server = Server::prepare().agent("slow", &format!("sleep 1\n{GOOD_AGENT}")).start();
    let project = server.add_project(&server.repository("repository"));
    let card = server.add_card(&project, "Wanted by many", "slow");
    let path = format!("/api/cards/{card}/run");
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let requests: Vec<_> = (0..8).map(|_| scope.spawn(|| server.post(&path, Value::Null).status)).collect();
        requests.into_iter().map(|request| request.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 409, 409, 409, 409, 409, 409, 409]);
    server.wait_for_stage(&card, "completed");
    assert_eq!(server.executions(&card).len(), 4);
}

#[test]
fn several_cards_run_at_once_each_in_a_worktree_of_its_own() {
    // Each waits in its first stage until the other is there too: one after the other, neither would ever end.
    let script = format!(
        r#"touch "$HOME/$CARDUME_CARD_ID.here"
        while [ "$(ls "$HOME" | grep -c here)" -lt 8 ]; do sleep 0.05; done
        {GOOD_AGENT}"#
    );
    let server = Server::prepare().agent("sociable", &script).start();
    let project = server.add_project(&server.repository("repository"));
    let cards: Vec<String> = (1..=8).map(|n| server.add_card(&project, &format!("Card {n}"), "sociable")).collect();
    // All at the same moment: git itself does not bear that for worktrees of one repository.
    std::thread::scope(|scope| {
        for card in &cards {
            let server = &server;
            scope.spawn(move || assert_eq!(server.post(&format!("/api/cards/{card}/run"), Value::Null).status, 202));
        }
    });
    let mut branches: Vec<Value> =
        cards.iter().map(|card| server.wait_for_stage(card, "completed")["branch"].clone()).collect();
    branches.sort_by_key(Value::to_string);
    branches.dedup();
    assert_eq!(branches.len(), 8);
}

#[test]
fn the_demo_agent_takes_a_card_to_done_and_fails_where_it_is_told_to() {
    let demo = |seconds: &str| {
        format!(
            "[agents.quick]\ncommand = [\"{}\", \"demo-agent\", \"--seconds\", \"{seconds}\"]\nformat = \"claude\"\n",
            super::support::CARDUME
        )
    };
    let server = Server::prepare().config(&demo("0.2")).start();
    let card = server.run_new_card("quick");
    let done = server.wait_for_stage(&card, "completed");
    assert_eq!(done["specPath"], "specs/a-card.md");
    let review = server.executions(&card).pop().unwrap();
    assert!(review["sessionId"].as_str().unwrap().starts_with("demo-"), "{review:#}");
    assert_eq!(review["model"], "demo-1");
    assert!(review["turns"].as_i64().unwrap() > 1 && review["outputTokens"].as_i64().unwrap() > 0, "{review:#}");

    let project = done["projectId"].as_str().unwrap();
    let new = json!({"projectId": project, "title": "To fail", "description": "fail in test", "agent": "quick"});
    let failing = server.post("/api/cards", new).json();
    server.post(&format!("/api/cards/{}/run", id(&failing)), Value::Null);
    let failed = server.wait_for_stage(id(&failing), "error");
    assert_eq!((&failed["columnId"], &failed["activeExecution"]["command"]), (&json!("test"), &json!("/test")));
    assert!(failed["activeExecution"]["workflowError"].as_str().unwrap().contains("fail in test"));
}
