//! The execution repository.

use cardume::domain::*;
use cardume::server::store::RunningExecution;
use uuid::Uuid;

use crate::ground::*;

crate::on_both_engines!(
    create_execution_deactivates_earlier_ones,
    a_new_execution_says_what_it_is_for,
    attempts_count_the_tries_of_one_stage,
    an_execution_is_not_made_beside_a_running_one,
    one_active_execution_per_card_is_held_by_the_database,
    update_status_sets_result_exit_code_and_completion_time,
    only_the_active_execution_can_run,
    workflow_state_makes_a_workflow_execution,
    workflow_state_goes_onto_the_active_execution,
    workflow_state_never_contradicts_the_run,
    executions_come_newest_first_even_within_a_millisecond,
    running_executions_come_oldest_first,
    a_cancel_marks_the_running_execution,
    a_base_commit_is_kept,
    a_change_of_state_changes_the_cards_version,
);

async fn create_execution_deactivates_earlier_ones(on: Ground) {
    let (card, other) = (on.card().await, on.card().await);
    let untouched = on.store.create_execution(other, execution_id(), Command::Plan, now()).await.unwrap();
    let mut made = vec![];
    for command in [Command::Plan, Command::Implement, Command::Workflow, Command::Test] {
        let execution = on.store.create_execution(card, execution_id(), command, now()).await.unwrap();
        assert!(execution.active);
        on.store.update_status(execution.id, ExecutionStatus::Success, None, Some(0), now()).await.unwrap();
        made.push(execution.id);
    }
    let executions = on.store.executions(card).await.unwrap();
    let active: Vec<ExecutionId> = executions.iter().filter(|one| one.active).map(|one| one.id).collect();
    assert_eq!(active, [made[3]]);
    assert_eq!(executions.len(), 4);
    assert_eq!(on.store.active_execution(card).await.unwrap().map(|one| one.id), Some(made[3]));
    assert_eq!(on.store.card(card).await.unwrap().active_execution.map(|one| one.id), Some(made[3]));
    assert_eq!(on.store.active_execution(other).await.unwrap(), Some(untouched));
}

async fn a_new_execution_says_what_it_is_for(on: Ground) {
    let card = on.card().await;
    assert_eq!(on.store.active_execution(card).await.unwrap(), None);
    let (id, started_at) = (execution_id(), now());
    let execution = on.store.create_execution(card, id, Command::Test, started_at).await.unwrap();
    let expected = Execution {
        id,
        card_id: card,
        command: Command::Test,
        attempt: 1,
        agent: "demo".into(),
        status: ExecutionStatus::Running,
        workflow_stage: WorkflowStage::Testing,
        workflow_error: None,
        started_at,
        completed_at: None,
        result: None,
        exit_code: None,
        last_sequence: 0,
        active: true,
        digest: None,
        verified: None,
        automatic: 0,
        work_ref: None,
        warning: None,
        usage: Usage::default(),
    };
    assert_eq!(execution, expected);
    assert_eq!(on.store.execution(id).await.unwrap(), expected);
    let idle = on.store.create_execution(on.card().await, execution_id(), Command::Workflow, now()).await.unwrap();
    assert_eq!((idle.status, idle.workflow_stage), (ExecutionStatus::Idle, WorkflowStage::Idle));
    not_found(on.store.create_execution(CardId(Uuid::now_v7()), execution_id(), Command::Plan, now()).await);
    not_found(on.store.execution(execution_id()).await);
}

async fn attempts_count_the_tries_of_one_stage(on: Ground) {
    let card = on.card().await;
    let mut attempts = vec![];
    for command in [Command::Plan, Command::Plan, Command::Implement, Command::Plan, Command::Implement] {
        let execution = on.store.create_execution(card, execution_id(), command, now()).await.unwrap();
        on.store.update_status(execution.id, ExecutionStatus::Error, None, None, now()).await.unwrap();
        attempts.push(execution.attempt);
    }
    assert_eq!(attempts, [1, 2, 1, 3, 2]);
}

async fn an_execution_is_not_made_beside_a_running_one(on: Ground) {
    let (card, execution) = on.running_card().await;
    for command in [Command::Implement, Command::Workflow] {
        conflict(on.store.create_execution(card, execution_id(), command, now()).await);
    }
    assert_eq!(on.store.active_execution(card).await.unwrap().map(|one| one.id), Some(execution));
}

async fn one_active_execution_per_card_is_held_by_the_database(on: Ground) {
    let (card, _) = on.running_card().await;
    let insert = async |status: &'static str, active: i64, ordinal: i64| {
        sqlx::query(
            "insert into executions
                 (id, card_id, ordinal, command, attempt, agent, status, workflow_stage, active, started_at)
             values ($1, $2, $3, '/plan', 1, 'demo', $4, 'planning', $5, 0)",
        )
        .bind(Uuid::now_v7().to_string())
        .bind(card.to_string())
        .bind(ordinal)
        .bind(status)
        .bind(active)
        .execute(&on.raw)
        .await
    };
    let refused = |result: Result<_, sqlx::Error>| result.unwrap_err().into_database_error().unwrap();
    assert!(refused(insert("idle", 1, 2).await).is_unique_violation(), "a second active one");
    assert!(refused(insert("running", 1, 2).await).is_unique_violation(), "a second running one");
    assert!(refused(insert("running", 0, 2).await).kind() != sqlx::error::ErrorKind::Other, "running, not active");
    assert!(refused(insert("idle", 0, 1).await).is_unique_violation(), "a place in history twice");
    insert("success", 0, 2).await.unwrap();
    assert_eq!(on.store.executions(card).await.unwrap().iter().filter(|one| one.active).count(), 1);
}

async fn update_status_sets_result_exit_code_and_completion_time(on: Ground) {
    let (_, id) = on.running_card().await;
    let ended = now();
    on.store.update_status(id, ExecutionStatus::Error, Some("It broke."), Some(-3), ended).await.unwrap();
    let execution = on.store.execution(id).await.unwrap();
    assert_eq!(execution.status, ExecutionStatus::Error);
    assert_eq!((execution.result.as_deref(), execution.exit_code), (Some("It broke."), Some(-3)));
    assert_eq!(execution.completed_at, Some(ended));
    on.store.update_status(id, ExecutionStatus::Lost, None, None, now()).await.unwrap();
    let execution = on.store.execution(id).await.unwrap();
    assert_eq!((execution.result.as_deref(), execution.exit_code), (Some("It broke."), Some(-3)), "absent: kept");
    on.store.update_status(id, ExecutionStatus::Running, None, None, now()).await.unwrap();
    let execution = on.store.execution(id).await.unwrap();
    assert_eq!((execution.status, execution.completed_at), (ExecutionStatus::Running, None));
    not_found(on.store.update_status(execution_id(), ExecutionStatus::Error, None, None, now()).await);
}

async fn only_the_active_execution_can_run(on: Ground) {
    let (card, first) = on.running_card().await;
    on.store.update_status(first, ExecutionStatus::Lost, None, None, now()).await.unwrap();
    on.store.create_execution(card, execution_id(), Command::Workflow, now()).await.unwrap();
    conflict(on.store.update_status(first, ExecutionStatus::Running, None, None, now()).await);
    assert_eq!(on.store.execution(first).await.unwrap().status, ExecutionStatus::Lost);
}

async fn workflow_state_makes_a_workflow_execution(on: Ground) {
    let (card, id) = (on.card().await, execution_id());
    on.store.set_workflow_state(card, WorkflowStage::Testing, None, id, now()).await.unwrap();
    let execution = on.store.active_execution(card).await.unwrap().unwrap();
    assert_eq!((execution.id, execution.command, execution.attempt), (id, Command::Workflow, 1));
    assert_eq!((execution.status, execution.workflow_stage), (ExecutionStatus::Idle, WorkflowStage::Testing));
    assert_eq!(on.store.card(card).await.unwrap().active_execution.unwrap().workflow_stage, WorkflowStage::Testing);
    let nowhere = CardId(Uuid::now_v7());
    not_found(on.store.set_workflow_state(nowhere, WorkflowStage::Testing, None, execution_id(), now()).await);
}

async fn workflow_state_goes_onto_the_active_execution(on: Ground) {
    let (card, held) = (on.card().await, execution_id());
    on.store.set_workflow_state(card, WorkflowStage::Error, Some("Stuck\0"), held, now()).await.unwrap();
    let executions = on.store.executions(card).await.unwrap();
    assert_eq!(executions.len(), 1);
    assert_eq!((executions[0].id, executions[0].workflow_stage), (held, WorkflowStage::Error));
    assert_eq!(executions[0].workflow_error.as_deref(), Some("Stuck\u{fffd}"));
    on.store.set_workflow_state(card, WorkflowStage::Planning, None, execution_id(), now()).await.unwrap();
    let execution = on.store.execution(held).await.unwrap();
    assert_eq!((execution.workflow_stage, execution.workflow_error), (WorkflowStage::Planning, None));
}

async fn workflow_state_never_contradicts_the_run(on: Ground) {
    let set = async |card, stage, error: Option<&str>| {
        on.store.set_workflow_state(card, stage, error, execution_id(), now()).await
    };
    let (card, planning) = on.running_card().await;
    for stage in [WorkflowStage::Completed, WorkflowStage::Idle, WorkflowStage::Testing, WorkflowStage::Error] {
        assert!(conflict(set(card, stage, None).await).contains("planning"), "{stage}");
    }
    conflict(set(card, WorkflowStage::Planning, Some("stuck")).await);
    let before = on.store.execution(planning).await.unwrap();
    assert_eq!((before.workflow_stage, before.workflow_error.as_deref()), (WorkflowStage::Planning, None));
    set(card, WorkflowStage::Planning, None).await.unwrap();

    on.store.finish(planning, &failure(ExecutionStatus::Error), execution_id(), now()).await.unwrap();
    for stage in [WorkflowStage::Completed, WorkflowStage::Idle, WorkflowStage::Planning] {
        assert!(conflict(set(card, stage, None).await).contains("error"), "{stage}");
    }
    set(card, WorkflowStage::Error, Some("in other words")).await.unwrap();
    assert_eq!(on.store.execution(planning).await.unwrap().workflow_error.as_deref(), Some("in other words"));

    let (card, mut running) = on.running_card().await;
    for _ in Stage::ALL {
        let next = execution_id();
        on.store.finish(running, &success(), next, now()).await.unwrap();
        running = next;
    }
    for stage in [WorkflowStage::Planning, WorkflowStage::Reviewing, WorkflowStage::Idle, WorkflowStage::Error] {
        assert!(conflict(set(card, stage, None).await).contains("completed"), "{stage}");
    }
    set(card, WorkflowStage::Completed, None).await.unwrap();
}

async fn executions_come_newest_first_even_within_a_millisecond(on: Ground) {
    let (card, moment) = (on.card().await, now());
    let mut made = vec![];
    for _ in 0..12 {
        // Random ids: neither they nor the clock give the order.
        let id = ExecutionId(Uuid::new_v4());
        on.store.create_execution(card, id, Command::Plan, moment).await.unwrap();
        on.store.update_status(id, ExecutionStatus::Error, None, None, moment).await.unwrap();
        made.insert(0, id);
    }
    let order: Vec<ExecutionId> = on.store.executions(card).await.unwrap().iter().map(|one| one.id).collect();
    assert_eq!(order, made);
}

async fn running_executions_come_oldest_first(on: Ground) {
    assert!(on.store.running().await.unwrap().is_empty());
    let (_, first) = on.running_card().await;
    let (ended_card, ended) = on.running_card().await;
    let (card, last) = on.running_card().await;
    on.store.finish(ended, &failure(ExecutionStatus::Lost), execution_id(), now()).await.unwrap();
    let running = on.store.running().await.unwrap();
    assert_eq!(running.iter().map(|one| one.id).collect::<Vec<_>>(), [first, last]);
    let RunningExecution { stage, attempt, agent, journal_offset, cancel_requested, base_commit, .. } = &running[1];
    assert_eq!((running[1].card_id, *stage, *attempt, agent.as_str()), (card, Stage::Plan, 1, "demo"));
    assert_eq!((*journal_offset, *cancel_requested, base_commit.as_deref()), (0, false, None));
    conflict(on.store.running_execution(ended).await);
    not_found(on.store.running_execution(execution_id()).await);
    assert_eq!(on.store.card(ended_card).await.unwrap().column_id, Column::Backlog);
}

async fn a_cancel_marks_the_running_execution(on: Ground) {
    let (card, execution) = on.running_card().await;
    let version = on.store.card(card).await.unwrap().version;
    for time in ["the first time", "a second time, which changes nothing"] {
        let asked = on.store.request_cancel(card).await.unwrap();
        assert_eq!(asked.active_execution.unwrap().id, execution, "{time}");
    }
    assert!(on.store.running_execution(execution).await.unwrap().cancel_requested);
    assert_eq!(on.store.card(card).await.unwrap().version, version, "nothing that the card shows has changed");
    on.store.finish(execution, &failure(ExecutionStatus::Cancelled), execution_id(), now()).await.unwrap();
    conflict(on.store.request_cancel(card).await);
    not_found(on.store.request_cancel(CardId(Uuid::now_v7())).await);
}

async fn a_base_commit_is_kept(on: Ground) {
    let (_, execution) = on.running_card().await;
    on.store.set_base_commit(execution, "0123abc").await.unwrap();
    assert_eq!(on.store.running_execution(execution).await.unwrap().base_commit.as_deref(), Some("0123abc"));
    not_found(on.store.set_base_commit(execution_id(), "0123abc").await);
}

async fn a_change_of_state_changes_the_cards_version(on: Ground) {
    let card = on.card().await;
    let mut seen = on.store.card(card).await.unwrap();
    let mut changed = async |what: &str| {
        let card = on.store.card(card).await.unwrap();
        assert!(card.version > seen.version && card.updated_at > seen.updated_at, "{what}");
        seen = card;
    };
    let execution = on.store.create_execution(card, execution_id(), Command::Plan, now()).await.unwrap().id;
    changed("create_execution").await;
    on.store.set_workflow_state(card, WorkflowStage::Planning, None, execution_id(), now()).await.unwrap();
    changed("set_workflow_state").await;
    on.store.update_status(execution, ExecutionStatus::Error, None, None, now()).await.unwrap();
    changed("update_status").await;
    let again = execution_id();
    on.store.begin(card, Event::Retry(None), again, &[], now()).await.unwrap();
    changed("begin").await;
    let version = on.store.card(card).await.unwrap().version;
    on.store.append(again, &[line("a row")]).await.unwrap();
    assert_eq!(on.store.card(card).await.unwrap().version, version, "a row is not a change of the card");
    on.store.finish(again, &success(), execution_id(), now()).await.unwrap();
    changed("finish").await;
}
