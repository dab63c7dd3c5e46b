//! The workflow's two transactions, `begin` and `finish`.

use cardume::domain::*;
use cardume::server::store::{Ending, Report};
use uuid::Uuid;

use crate::ground::*;

crate::on_both_engines!(
    a_run_begins_with_the_plan,
    a_run_begins_only_where_the_workflow_allows_it,
    a_card_never_runs_twice,
    finish_moves_the_card_and_makes_the_next_stage,
    a_failed_stage_stops_where_it_is,
    an_execution_finishes_once,
    a_cancelled_execution_does_not_end_in_success,
    many_finishes_at_once_make_one_next_stage,
    a_retry_goes_on_from_the_failed_stage,
    a_retry_takes_up_the_stage_that_is_named,
    a_new_worktree_is_asked_for_with_the_retry,
    a_moved_card_runs_anew,
    what_is_refused_changes_nothing,
    finish_keeps_the_result_that_the_agent_reported,
    a_card_enters_its_column_at_the_end,
    a_lost_stage_may_begin_again_at_once,
    nothing_ends_before_it_began,
);

async fn a_run_begins_with_the_plan(on: Ground) {
    let (card, id, started_at) = (on.card().await, execution_id(), now());
    // The column that comes with the event does not matter: the card's does.
    let opening = [line("Planning begins."), line("Attempt 1.")];
    let begun = on.store.begin(card, Event::Start(Column::Done), id, &opening, started_at).await.unwrap();
    assert_eq!((begun.column_id, begun.position), (Column::Plan, 0));
    let expected = ActiveExecution {
        id,
        status: ExecutionStatus::Running,
        command: Command::Plan,
        workflow_stage: WorkflowStage::Planning,
        workflow_error: None,
        started_at,
        completed_at: None,
        last_sequence: 2,
    };
    assert_eq!(begun.active_execution, Some(expected));
    assert_eq!(on.store.card(card).await.unwrap(), begun);
    let log = on.store.log(id, ALL, 10).await.unwrap();
    assert_eq!(contents(&log), ["Planning begins.", "Attempt 1."]);
    assert!(!log.complete);
    assert_eq!(on.store.running_execution(id).await.unwrap().stage, Stage::Plan);
}

async fn a_run_begins_only_where_the_workflow_allows_it(on: Ground) {
    let card = on.card().await;
    conflict(on.store.begin(card, Event::Retry(None), execution_id(), &[], now()).await);
    conflict(on.store.begin(card, Event::Succeed, execution_id(), &[], now()).await);
    not_found(on.store.begin(CardId(Uuid::now_v7()), START, execution_id(), &[], now()).await);
    let to = CardMove { column_id: Column::Review, position: 0, version: None };
    on.store.move_card(card, &to, now()).await.unwrap();
    let why = conflict(on.store.begin(card, START, execution_id(), &[], now()).await);
    assert!(why.contains("backlog") && why.contains("review"), "{why}");
    assert_eq!(on.store.executions(card).await.unwrap(), []);

    let (card, _) = on.running_card().await;
    for event in [START, Event::Retry(None), Event::Retry(Some(Stage::Test))] {
        assert!(conflict(on.store.begin(card, event, execution_id(), &[], now()).await).contains("running"));
    }
    conflict(on.store.begin(card, Event::Fail, execution_id(), &[], now()).await);
}

async fn a_card_never_runs_twice(on: Ground) {
    let other = on.another_store(Default::default()).await;
    for round in 0..5 {
        let card = on.card().await;
        let mut begins = tokio::task::JoinSet::new();
        for n in 0..16 {
            let store = if n % 2 == 0 { on.store.clone() } else { other.clone() };
            begins.spawn(async move { store.begin(card, START, execution_id(), &[line("mine")], now()).await });
        }
        let (won, lost): (Vec<_>, Vec<_>) = begins.join_all().await.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 15), "round {round}");
        for loser in lost {
            conflict(loser);
        }
        let executions = on.store.executions(card).await.unwrap();
        assert_eq!(executions.len(), 1);
        assert_eq!(executions[0].last_sequence, 1);
        assert_eq!(on.store.card(card).await.unwrap().active_execution.unwrap().id, executions[0].id);
    }
}

async fn finish_moves_the_card_and_makes_the_next_stage(on: Ground) {
    let (card, mut id) = on.running_card().await;
    for stage in Stage::ALL {
        assert_eq!(on.store.card(card).await.unwrap().column_id, stage.column());
        on.store.append(id, &[line("working")]).await.unwrap();
        let spec_path = (stage == Stage::Plan).then(|| "specs/title.md".to_owned());
        let ending = Ending { spec_path, lines: vec![line("ended"), line("well")], ..success() };
        let (next, ended) = (execution_id(), now());
        let workflow = on.store.finish(id, &ending, next, ended).await.unwrap();

        assert_eq!(workflow, stage.next().map_or(Workflow::Completed, Workflow::Working));
        let execution = on.store.execution(id).await.unwrap();
        assert_eq!((execution.status, execution.exit_code), (ExecutionStatus::Success, Some(0)));
        assert_eq!((execution.completed_at, execution.result.as_deref()), (Some(ended), Some("Done.")));
        let log = on.store.log(id, ALL, 10).await.unwrap();
        assert_eq!((contents(&log), log.complete), (vec!["working", "ended", "well"], true));
        if let Workflow::Working(following) = workflow {
            assert_eq!((execution.active, execution.workflow_stage), (false, stage.working()));
            let execution = on.store.active_execution(card).await.unwrap().unwrap();
            assert_eq!((execution.id, execution.command), (next, Command::from(following)));
            assert_eq!((execution.status, execution.workflow_stage), (ExecutionStatus::Running, following.working()));
            id = next;
        } else {
            assert_eq!((execution.active, execution.workflow_stage), (true, WorkflowStage::Completed));
            not_found(on.store.execution(next).await);
        }
    }
    let done = on.store.card(card).await.unwrap();
    assert_eq!((done.column_id, done.spec_path.as_deref()), (Column::Done, Some("specs/title.md")));
    assert_eq!(Workflow::of(&done), Workflow::Completed);
    let commands: Vec<Command> = on.store.executions(card).await.unwrap().iter().map(|one| one.command).collect();
    assert_eq!(commands, [Command::Review, Command::Test, Command::Implement, Command::Plan]);
    assert!(on.store.running().await.unwrap().is_empty());
}

async fn a_cancelled_execution_does_not_end_in_success(on: Ground) {
    let (card, id) = on.running_card().await;
    on.store.request_cancel(card).await.unwrap();
    conflict(on.store.finish(id, &success(), execution_id(), now()).await);
    assert_eq!(on.store.execution(id).await.unwrap().status, ExecutionStatus::Running);
    on.store.finish(id, &failure(ExecutionStatus::Cancelled), execution_id(), now()).await.unwrap();
}

/// A card whose stage `stage` runs, and that execution.
async fn running_at(on: &Ground, stage: Stage) -> (CardId, ExecutionId) {
    let (card, mut id) = on.running_card().await;
    for _ in Stage::ALL.into_iter().take_while(|before| *before != stage) {
        let next = execution_id();
        on.store.finish(id, &success(), next, now()).await.unwrap();
        id = next;
    }
    (card, id)
}

async fn a_failed_stage_stops_where_it_is(on: Ground) {
    for status in [ExecutionStatus::Error, ExecutionStatus::Cancelled, ExecutionStatus::Lost] {
        for stage in Stage::ALL {
            let (card, id) = running_at(&on, stage).await;
            let next = execution_id();
            let workflow = on.store.finish(id, &failure(status), next, now()).await.unwrap();
            assert_eq!(workflow, Workflow::Failed(stage));
            let card = on.store.card(card).await.unwrap();
            assert_eq!(card.column_id, stage.column_after_failure(), "{status} in {stage}");
            let active = card.active_execution.clone().unwrap();
            assert_eq!((active.id, active.status, active.command), (id, status, stage.into()));
            assert_eq!(active.workflow_stage, WorkflowStage::Error);
            assert_eq!(active.workflow_error.as_deref(), Some("The agent went away."));
            assert!(active.completed_at.is_some());
            assert_eq!(Workflow::of(&card), Workflow::Failed(stage));
            let log = on.store.log(id, LogSlice::Tail, 1).await.unwrap();
            assert_eq!((contents(&log), log.exit_code, log.complete), (vec!["That did not work."], Some(1), true));
            not_found(on.store.execution(next).await);
        }
    }
}

async fn an_execution_finishes_once(on: Ground) {
    let (card, id) = on.running_card().await;
    let next = execution_id();
    on.store.finish(id, &success(), next, now()).await.unwrap();
    let before = (on.store.card(card).await.unwrap(), on.store.executions(card).await.unwrap());
    for ending in [success(), failure(ExecutionStatus::Lost)] {
        conflict(on.store.finish(id, &ending, execution_id(), now()).await);
    }
    assert_eq!(before, (on.store.card(card).await.unwrap(), on.store.executions(card).await.unwrap()));
    not_found(on.store.finish(execution_id(), &success(), execution_id(), now()).await);
    for status in [ExecutionStatus::Running, ExecutionStatus::Idle] {
        conflict(on.store.finish(next, &failure(status), execution_id(), now()).await);
    }
    assert_eq!(on.store.running_execution(next).await.unwrap().stage, Stage::Implement);
}

async fn many_finishes_at_once_make_one_next_stage(on: Ground) {
    let (card, id) = on.running_card().await;
    let other = on.another_store(Default::default()).await;
    let mut finishes = tokio::task::JoinSet::new();
    for n in 0..12 {
        let store = if n % 2 == 0 { on.store.clone() } else { other.clone() };
        let ending = Ending { lines: vec![line("ended")], ..success() };
        finishes.spawn(async move { store.finish(id, &ending, execution_id(), now()).await });
    }
    let (won, lost): (Vec<_>, Vec<_>) = finishes.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 11));
    for loser in lost {
        conflict(loser);
    }
    assert_eq!(on.store.executions(card).await.unwrap().len(), 2);
    assert_eq!(on.store.execution(id).await.unwrap().last_sequence, 1);
}

async fn a_retry_goes_on_from_the_failed_stage(on: Ground) {
    let (card, failed) = running_at(&on, Stage::Test).await;
    on.store.finish(failed, &failure(ExecutionStatus::Error), execution_id(), now()).await.unwrap();
    let again = execution_id();
    let begun = on.store.begin(card, Event::Retry(None), again, &[line("Attempt 2.")], now()).await.unwrap();
    assert_eq!((begun.column_id, Workflow::of(&begun)), (Column::Test, Workflow::Working(Stage::Test)));
    let execution = on.store.execution(again).await.unwrap();
    assert_eq!((execution.attempt, execution.command, execution.last_sequence), (2, Command::Test, 1));
    assert_eq!(execution.workflow_error, None);
    let failed = on.store.execution(failed).await.unwrap();
    assert_eq!((failed.active, failed.status), (false, ExecutionStatus::Error), "its history stays");
    assert_eq!(failed.workflow_error.as_deref(), Some("The agent went away."));
    // It goes on to the review from here.
    let workflow = on.store.finish(again, &success(), execution_id(), now()).await.unwrap();
    assert_eq!(workflow, Workflow::Working(Stage::Review));
}

async fn a_retry_takes_up_the_stage_that_is_named(on: Ground) {
    let (card, last) = running_at(&on, Stage::Review).await;
    on.store.finish(last, &success(), execution_id(), now()).await.unwrap();
    conflict(on.store.begin(card, Event::Retry(None), execution_id(), &[], now()).await);
    let again = execution_id();
    let begun = on.store.begin(card, Event::Retry(Some(Stage::Implement)), again, &[], now()).await.unwrap();
    assert_eq!((begun.column_id, Workflow::of(&begun)), (Column::Implement, Workflow::Working(Stage::Implement)));
    assert_eq!(on.store.execution(again).await.unwrap().attempt, 2);
}

async fn a_new_worktree_is_asked_for_with_the_retry(on: Ground) {
    let (card, failed) = running_at(&on, Stage::Test).await;
    on.store.finish(failed, &failure(ExecutionStatus::Error), execution_id(), now()).await.unwrap();
    let anew = Retry { stage: None, new_worktree: true };
    let refused = Retry { stage: Some(Stage::Plan), ..anew };
    let again = execution_id();
    let begun = on.store.retry(card, anew, again, now()).await.unwrap();
    assert_eq!((begun.column_id, Workflow::of(&begun)), (Column::Test, Workflow::Working(Stage::Test)));
    let running = on.store.running_execution(again).await.unwrap();
    assert_eq!((running.new_worktree, running.ordinal, running.attempt), (true, 4, 2));
    conflict(on.store.retry(card, refused, execution_id(), now()).await);
    // It holds for that run alone.
    let next = execution_id();
    on.store.finish(again, &success(), next, now()).await.unwrap();
    assert!(!on.store.running_execution(next).await.unwrap().new_worktree);
}

async fn a_moved_card_runs_anew(on: Ground) {
    let (card, id) = running_at(&on, Stage::Implement).await;
    on.store.finish(id, &failure(ExecutionStatus::Lost), execution_id(), now()).await.unwrap();
    conflict(on.store.begin(card, START, execution_id(), &[], now()).await);
    let back = CardMove { column_id: Column::Backlog, position: 0, version: None };
    on.store.move_card(card, &back, now()).await.unwrap();
    let again = execution_id();
    on.store.begin(card, START, again, &[], now()).await.unwrap();
    let execution = on.store.execution(again).await.unwrap();
    assert_eq!((execution.command, execution.attempt), (Command::Plan, 2));
}

async fn what_is_refused_changes_nothing(on: Ground) {
    let (card, id) = on.running_card().await;
    on.store.append(id, &[line("one")]).await.unwrap();
    let all = async || {
        let executions = on.store.executions(card).await.unwrap();
        (on.store.cards(None).await.unwrap(), executions, on.store.log_uncached(id, ALL, 10).await.unwrap())
    };
    let before = all().await;
    conflict(on.store.begin(card, START, execution_id(), &[line("no")], now()).await);
    // Refused by the database in the midst of the transaction: the next execution's id is taken.
    conflict(on.store.finish(id, &Ending { lines: vec![line("no")], ..success() }, id, now()).await);
    assert_eq!(all().await, before);
    assert_eq!(on.store.log(id, ALL, 10).await.unwrap(), before.2, "nor does the cache hold what was rolled back");
}

async fn finish_keeps_the_result_that_the_agent_reported(on: Ground) {
    let (_, id) = on.running_card().await;
    let report = Report { result: Some("I have a plan.".into()), ..Report::default() };
    on.store.ingest(id, 0, 10, &[], &report).await.unwrap();
    on.store.finish(id, &Ending { result: None, ..success() }, execution_id(), now()).await.unwrap();
    assert_eq!(on.store.execution(id).await.unwrap().result.as_deref(), Some("I have a plan."));
}

async fn a_lost_stage_may_begin_again_at_once(on: Ground) {
    for stage in Stage::ALL {
        let (card, mut id) = running_at(&on, stage).await;
        for automatic in 1..=2 {
            let next = execution_id();
            let ending = Ending { again: true, ..failure(ExecutionStatus::Lost) };
            let workflow = on.store.finish(id, &ending, next, now()).await.unwrap();
            assert_eq!(workflow, Workflow::Working(stage));
            let lost = on.store.execution(id).await.unwrap();
            assert_eq!((lost.status, lost.workflow_stage), (ExecutionStatus::Lost, WorkflowStage::Error));
            let running = on.store.running_execution(next).await.unwrap();
            assert_eq!((running.stage, running.automatic), (stage, automatic));
            assert_eq!(on.store.card(card).await.unwrap().column_id, stage.column());
            id = next;
        }
        // What a user begins counts from the start again.
        on.store.finish(id, &failure(ExecutionStatus::Lost), execution_id(), now()).await.unwrap();
        let retried = execution_id();
        on.store.begin(card, Event::Retry(None), retried, &[], now()).await.unwrap();
        assert_eq!(on.store.running_execution(retried).await.unwrap().automatic, 0);
    }
}

async fn nothing_ends_before_it_began(on: Ground) {
    let (_, id) = on.running_card().await;
    let started_at = on.store.execution(id).await.unwrap().started_at;
    let earlier = Timestamp::from_millis(started_at.as_millis() - 3_600_000);
    let ending = Ending { ended_at: Some(earlier), verified: Some(true), ..success() };
    on.store.finish(id, &ending, execution_id(), earlier).await.unwrap();
    let ended = on.store.execution(id).await.unwrap();
    assert_eq!((ended.completed_at, ended.verified), (Some(started_at), Some(true)));
}

async fn a_card_enters_its_column_at_the_end(on: Ground) {
    let (first, first_id) = on.running_card().await;
    let (second, second_id) = on.running_card().await;
    let (third, third_id) = on.running_card().await;
    on.store.finish(second_id, &success(), execution_id(), now()).await.unwrap();
    on.store.finish(first_id, &success(), execution_id(), now()).await.unwrap();
    on.store.finish(third_id, &failure(ExecutionStatus::Error), execution_id(), now()).await.unwrap();
    let places: Vec<(CardId, Column, i64)> =
        on.store.cards(None).await.unwrap().iter().map(|card| (card.id, card.column_id, card.position)).collect();
    assert_eq!(places, [(third, Column::Backlog, 0), (second, Column::Implement, 0), (first, Column::Implement, 1)]);
}
