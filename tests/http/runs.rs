//! Run, cancel, retry, workflow-state, executions.

use serde_json::{Value, json};

use super::{NOBODY, server};
use crate::server::{eventually, processes_under};

#[test]
fn a_run_goes_to_done_and_its_executions_are_told() {
    let server = server();
    let id = server.run_new_card("good");
    let card = server.wait_for_stage(&id, "completed");
    assert_eq!((&card["columnId"], &card["specPath"]), (&json!("done"), &json!("specs/plan.md")));
    let active = &card["activeExecution"];
    assert_eq!((&active["status"], &active["command"]), (&json!("success"), &json!("/review")));
    for member in ["id", "workflowError", "startedAt", "completedAt", "lastSequence"] {
        assert!(active.get(member).is_some(), "{member}: {active}");
    }
    let executions = server.get(&format!("/api/cards/{id}/executions")).json();
    let executions = executions["executions"].as_array().unwrap();
    let commands: Vec<_> = executions.iter().map(|execution| execution["command"].as_str().unwrap()).collect();
    assert_eq!(commands, ["/review", "/test", "/implement", "/plan"], "newest first");
    assert!(executions.iter().all(|execution| execution["status"] == "success" && execution["exitCode"] == 0));
    assert_eq!(executions.iter().filter(|execution| execution["active"] == true).count(), 1);
    // It does not stand in the backlog.
    server.post(&format!("/api/cards/{id}/run"), Value::Null).problem(409);
}

#[test]
fn a_card_never_runs_twice() {
    let server = server();
    let project = server.add_project(&server.repository("r"));
    let id = server.add_card(&project, "A card", "gated");
    let path = format!("/api/cards/{id}/run");
    let statuses = std::thread::scope(|scope| {
        let requests: Vec<_> = (0..6).map(|_| scope.spawn(|| server.post(&path, Value::Null).status)).collect();
        requests.into_iter().map(|request| request.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 202).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 5, "{statuses:?}");
    let executions = server.get(&format!("/api/cards/{id}/executions")).json();
    assert_eq!(executions["executions"].as_array().unwrap().len(), 1);
}

#[test]
fn a_running_card_is_neither_deleted_nor_moved_to_another_column_nor_retried() {
    let server = server();
    let id = server.run_new_card("gated");
    server.delete(&format!("/api/cards/{id}")).problem(409);
    server.patch(&format!("/api/cards/{id}/move"), json!({ "columnId": "done", "position": 0 })).problem(409);
    server.post(&format!("/api/cards/{id}/retry"), json!({})).problem(409);
    std::fs::write(server.home().join("gate"), "").unwrap();
    server.wait_for_stage(&id, "completed");
    assert_eq!(server.delete(&format!("/api/cards/{id}")).status, 204);
}

#[test]
fn a_cancelled_run_is_an_error_with_no_process_left_and_can_be_retried() {
    let server = server();
    let id = server.run_new_card("gated");
    let marker = server.home().join("gated.sh");
    assert!(eventually(|| !processes_under(&marker).is_empty()), "the agent was never started");
    let answer = server.post(&format!("/api/cards/{id}/cancel"), Value::Null);
    assert_eq!((answer.status, &answer.json()["id"]), (202, &json!(id)), "{answer:?}");
    let card = server.wait_for_stage(&id, "error");
    assert_eq!((&card["columnId"], &card["activeExecution"]["status"]), (&json!("backlog"), &json!("cancelled")));
    assert!(eventually(|| processes_under(&marker).is_empty()), "the agent is still there");
    server.post(&format!("/api/cards/{id}/cancel"), Value::Null).problem(409);

    std::fs::write(server.home().join("gate"), "").unwrap();
    let answer = server.send("POST", &format!("/api/cards/{id}/retry"), &[], "");
    assert_eq!(answer.status, 202, "no body is needed: {answer:?}");
    assert_eq!(answer.json()["activeExecution"]["command"], "/plan");
    server.wait_for_stage(&id, "completed");
}

#[test]
fn a_failed_run_says_why_and_goes_on_from_a_stage_that_is_named() {
    let server = server();
    let id = server.run_new_card("bad");
    let card = server.wait_for_stage(&id, "error");
    assert_eq!((&card["columnId"], &card["activeExecution"]["command"]), (&json!("backlog"), &json!("/plan")));
    assert!(!card["activeExecution"]["workflowError"].as_str().unwrap().is_empty());

    let path = format!("/api/cards/{id}/retry");
    server.post(&path, json!({ "stage": "shipping" })).problem(422);
    server.post(&path, json!({ "stage": 7 })).problem(400);
    server.post(&path, json!([])).problem(400);
    server.patch(&format!("/api/cards/{id}"), json!({ "agent": "good" }));
    let answer = server.post(&path, json!({ "stage": "plan" }));
    assert_eq!((answer.status, &answer.json()["columnId"]), (202, &json!("plan")), "{answer:?}");
    server.wait_for_stage(&id, "completed");
    let executions = server.get(&format!("/api/cards/{id}/executions")).json();
    let plans = executions["executions"].as_array().unwrap().iter().filter(|one| one["command"] == "/plan");
    assert_eq!(plans.map(|plan| plan["attempt"].as_i64().unwrap()).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn a_card_that_never_ran_has_nothing_to_cancel_or_retry() {
    let server = server();
    let project = server.add_project(&server.repository("r"));
    let id = server.add_card(&project, "A card", "good");
    server.post(&format!("/api/cards/{id}/cancel"), Value::Null).problem(409);
    server.post(&format!("/api/cards/{id}/retry"), json!({})).problem(409);
    assert_eq!(server.get(&format!("/api/cards/{id}/executions")).json(), json!({ "executions": [] }));
}

#[test]
fn a_workflow_state_is_set_on_a_card_that_has_none() {
    let server = server();
    let project = server.add_project(&server.repository("r"));
    let id = server.add_card(&project, "A card", "good");
    let path = format!("/api/cards/{id}/workflow-state");
    let answer = server.patch(&path, json!({ "stage": "error", "error": "by hand" }));
    assert_eq!((answer.status, answer.json()), (200, json!({ "success": true, "stage": "error" })));
    let active = &server.card(&id)["activeExecution"];
    assert_eq!(active["command"], "workflow");
    assert_eq!((&active["workflowStage"], &active["workflowError"]), (&json!("error"), &json!("by hand")));
    let answer = server.patch(&path, json!({ "stage": "testing" }));
    assert_eq!(answer.json(), json!({ "success": true, "stage": "testing" }));
    let executions = server.get(&format!("/api/cards/{id}/executions")).json();
    assert_eq!(executions["executions"].as_array().unwrap().len(), 1, "it is set on the one that is there");

    let detail = server.patch(&path, json!({ "stage": "shipping" })).problem(422);
    assert!(detail.contains("planning"), "{detail}");
    server.patch(&path, json!({})).problem(400);
    server.patch(&path, json!({ "stage": "idle", "error": 7 })).problem(400);
}

#[test]
fn a_workflow_state_that_the_run_contradicts_is_refused() {
    let server = server();
    let id = server.run_new_card("gated");
    let path = format!("/api/cards/{id}/workflow-state");
    for stage in ["completed", "idle", "testing", "error"] {
        let detail = server.patch(&path, json!({ "stage": stage })).problem(409);
        assert!(detail.contains("is running") && detail.contains("planning"), "{detail}");
    }
    assert_eq!(server.card(&id)["activeExecution"]["workflowStage"], "planning");
    assert_eq!(server.patch(&path, json!({ "stage": "planning" })).status, 200);
    std::fs::write(server.home().join("gate"), "").unwrap();
    server.wait_for_stage(&id, "completed");
    for stage in ["planning", "idle", "error"] {
        server.patch(&path, json!({ "stage": stage })).problem(409);
    }
    assert_eq!(server.card(&id)["activeExecution"]["workflowStage"], "completed");
}

#[test]
fn an_unknown_card_is_404_everywhere() {
    let server = server();
    for id in [NOBODY, "nonsense", "%F0", "..%2F.."] {
        server.post(&format!("/api/cards/{id}/run"), Value::Null).problem(404);
        server.post(&format!("/api/cards/{id}/cancel"), Value::Null).problem(404);
        server.post(&format!("/api/cards/{id}/retry"), json!({})).problem(404);
        server.patch(&format!("/api/cards/{id}/workflow-state"), json!({ "stage": "idle" })).problem(404);
        server.get(&format!("/api/cards/{id}/executions")).problem(404);
        server.get(&format!("/api/cards/{id}")).problem(404);
        server.get(&format!("/api/logs/{id}")).problem(404);
        server.get(&format!("/api/executions/{id}/logs")).problem(404);
    }
}
