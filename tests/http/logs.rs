//! Reading logs from a cursor on.

use serde_json::{Value, json};

use super::server::{GOOD_AGENT, Server};
use super::{NOBODY, server};

#[test]
fn a_log_is_read_whole_or_from_a_cursor_on() {
    let server = server();
    let id = server.run_new_card("good");
    server.wait_for_stage(&id, "completed");
    let answer = server.get(&format!("/api/logs/{id}")).json();
    assert_eq!(answer["success"], true);
    let execution = &answer["execution"];
    assert_eq!((&execution["cardId"], &execution["complete"]), (&json!(id), &json!(true)));
    for member in [
        "executionId",
        "status",
        "command",
        "workflowStage",
        "workflowError",
        "startedAt",
        "completedAt",
        "result",
        "exitCode",
        "logs",
        "lastSequence",
    ] {
        assert!(execution.get(member).is_some(), "{member}: {execution}");
    }
    let lines = execution["logs"].as_array().unwrap();
    let sequences: Vec<_> = lines.iter().map(|line| line["sequence"].as_i64().unwrap()).collect();
    assert_eq!(sequences, (1..=lines.len() as i64).collect::<Vec<_>>(), "from 1, without holes");
    assert_eq!(execution["lastSequence"], lines.len());
    let said = lines.iter().find(|line| line["type"] == "text").unwrap();
    assert_eq!((&said["content"], &said["partial"]), (&json!("did review"), &json!(false)));
    let time = said["timestamp"].as_str().unwrap();
    assert!(time.len() == 24 && time.ends_with('Z'), "RFC 3339 with milliseconds: {time}");

    // The same, of the execution itself, and in pieces.
    let execution_id = execution["executionId"].as_str().unwrap();
    let path = format!("/api/executions/{execution_id}/logs");
    assert_eq!(server.get(&path).json(), answer);
    let mut pieces = vec![];
    while let Some(line) =
        server.get(&format!("{path}?after={}&limit=1", pieces.len())).json()["execution"]["logs"].get(0)
    {
        pieces.push(line.clone());
    }
    assert_eq!(&pieces, lines);
    let beyond = server.get(&format!("{path}?after=1000000")).json();
    assert_eq!((&beyond["execution"]["logs"], &beyond["execution"]["lastSequence"]), (&json!([]), &json!(lines.len())));

    let executions = server.get(&format!("/api/cards/{id}/executions")).json();
    let plan = executions["executions"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
    let plan = server.get(&format!("/api/executions/{plan}/logs")).json();
    assert_eq!((&plan["execution"]["command"], &plan["execution"]["complete"]), (&json!("/plan"), &json!(true)));
}

#[test]
fn a_running_log_is_not_complete_and_says_how_far_it_is() {
    let server = server();
    let id = server.run_new_card("gated");
    let mut execution = Value::Null;
    let said = crate::server::eventually(|| {
        execution = server.get(&format!("/api/logs/{id}")).json()["execution"].clone();
        execution["logs"].as_array().is_some_and(|lines| lines.iter().any(|line| line["content"] == "waiting"))
    });
    assert!(said, "{execution}");
    assert_eq!((&execution["complete"], &execution["status"]), (&json!(false), &json!("running")));
    assert_eq!((&execution["completedAt"], &execution["exitCode"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_card_without_an_execution_is_told_so() {
    let server = server();
    let project = server.add_project(&server.repository("r"));
    let id = server.add_card(&project, "A card", "good");
    let answer = server.get(&format!("/api/logs/{id}"));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json(), json!({ "success": false, "error": "No execution found for this card" }));
}

#[test]
fn a_piece_that_cannot_be_is_refused() {
    let server = server();
    let id = server.run_new_card("good");
    server.wait_for_stage(&id, "completed");
    let execution = server.card(&id)["activeExecution"]["id"].as_str().unwrap().to_owned();
    for path in [format!("/api/logs/{id}"), format!("/api/executions/{execution}/logs")] {
        for query in ["limit=0", "limit=5001", "limit=-1", "after=-1"] {
            server.get(&format!("{path}?{query}")).problem(422);
        }
        for query in ["limit=many", "after=", "after=1.5", "limit=99999999999999999999"] {
            server.get(&format!("{path}?{query}")).problem(400);
        }
        for query in ["limit=1", "limit=5000", "after=0", "after=9223372036854775807"] {
            assert_eq!(server.get(&format!("{path}?{query}")).status, 200, "{query}");
        }
    }
}

#[test]
fn a_log_is_downloaded_whole() {
    let server = Server::prepare()
        .agent("chatty", &format!("seq 1 2500; head -c 300000 /dev/zero | tr '\\0' x; echo\n{GOOD_AGENT}"))
        .start();
    let card = server.run_new_card("chatty");
    server.wait_for_stage(&card, "completed");
    let plan = server.executions(&card).pop().unwrap();
    let path = format!("/api/executions/{}/logs", plan["id"].as_str().unwrap());
    let rows = server.get(&format!("{path}?limit=5000")).json()["execution"]["logs"].as_array().unwrap().clone();

    let text = server.get(&format!("{path}.txt"));
    assert_eq!((text.status, text.header("content-type")), (200, "text/plain; charset=utf-8"));
    assert!(text.header("content-disposition").starts_with("attachment; filename=\"cardume-"));
    let lines: Vec<&str> = text.text.lines().collect();
    assert!(lines.contains(&"2500"));
    assert!(lines.contains(&"x".repeat(300_000).as_str()), "a line of several rows is one line again");

    assert_eq!(server.get(&format!("{path}.txt?raw=1")).text, text.text, "nothing in it is harmful");

    let json = server.get(&format!("{path}.jsonl"));
    assert_eq!(json.header("content-type"), "application/jsonl");
    let read: Vec<Value> = json.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read, rows);
    server.get(&format!("/api/executions/{NOBODY}/logs.txt")).problem(404);
}

#[test]
fn a_page_of_very_long_rows_is_small_and_so_is_the_server_that_many_ask_for_it() {
    // 75 MB in 300 rows.
    let server = Server::prepare()
        .agent(
            "wide",
            "cat > /dev/null; for n in $(seq 300); do head -c 250000 /dev/zero | tr '\\0' x; echo; done; exit 1",
        )
        .start();
    let card = server.run_new_card("wide");
    server.wait_for_stage(&card, "error");
    let execution = server.executions(&card).remove(0)["id"].as_str().unwrap().to_owned();
    let memory = |name: &str| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_matches([':', '\t', ' ', 'k', 'B']).parse::<u64>().unwrap() / 1024
    };
    // The most that it has needed is counted from here on.
    std::fs::write(format!("/proc/{}/clear_refs", server.pid()), "5").unwrap();
    let before = memory("VmRSS");
    let paths = [
        format!("/api/logs/{card}?limit=5000"),
        format!("/api/executions/{execution}/logs?after=100&limit=5000"),
        format!("/cards/{card}"),
    ];
    std::thread::scope(|scope| {
        for path in paths.iter().cycle().take(6) {
            let server = &server;
            scope.spawn(move || {
                let answer = server.get(path);
                assert_eq!(answer.status, 200);
                assert!(answer.text.len() < 12 << 20, "{path}: {} bytes", answer.text.len());
            });
        }
    });
    let needed = memory("VmHWM").saturating_sub(before);
    assert!(needed < 250, "six pages took {needed} MB");
    // Going on from the last row gets all of them.
    assert_eq!(server.rows(&execution, 5000).iter().filter(|row| row["type"] == "text").count(), 300);
}

#[test]
fn a_downloaded_log_does_nothing_to_a_terminal_unless_it_is_asked_for_raw() {
    let server = Server::prepare()
        .agent(
            "colourful",
            &format!("printf '\\033[2J\\033]0;owned\\007red\\302\\2332J\\n\\ttab ação\\n'\n{GOOD_AGENT}"),
        )
        .start();
    let card = server.run_new_card("colourful");
    server.wait_for_stage(&card, "completed");
    let plan = server.executions(&card).remove(0);
    let path = format!("/api/executions/{}/logs", plan["id"].as_str().unwrap());
    for form in ["txt", "txt?raw=0"] {
        let text = server.get(&format!("{path}.{form}")).text;
        assert!(text.contains("\\u{1b}[2J\\u{1b}]0;owned\\u{7}red\\u{9b}2J\n\ttab ação\n"), "{text:?}");
        assert!(!text.contains(|c: char| c.is_control() && c != '\n' && c != '\t'), "{text:?}");
    }
    let raw = server.get(&format!("{path}.txt?raw=1")).text;
    assert!(raw.contains("\u{1b}[2J\u{1b}]0;owned\u{7}red\u{9b}2J\n\ttab ação\n"), "{raw:?}");
    let json = server.get(&format!("{path}.jsonl")).text;
    assert!(!json.contains(|c: char| c.is_control() && c != '\n'), "{json:?}");
    let of_rows: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(of_rows.iter().any(|row| row["content"] == "\u{1b}[2J\u{1b}]0;owned\u{7}red\u{9b}2J"), "{json}");
    server.get(&format!("{path}.txt?raw=2")).problem(422);
    server.get(&format!("{path}.txt?raw=yes")).problem(400);
}

#[test]
fn a_log_of_a_state_that_is_only_held_is_never_complete() {
    let server = server();
    let project = server.add_project(&server.repository("r"));
    let id = server.add_card(&project, "A card", "good");
    server.patch(&format!("/api/cards/{id}/workflow-state"), json!({ "stage": "testing" }));
    let execution = server.get(&format!("/api/logs/{id}")).json()["execution"].take();
    assert_eq!((&execution["status"], &execution["complete"]), (&json!("idle"), &json!(false)));
    // Nothing comes that a reader in a terminal could wait for.
    let followed = server.cardume(&["logs", &id, "--follow"]).output().unwrap();
    assert!(followed.status.success(), "{followed:?}");
}
