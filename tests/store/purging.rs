//! What is deleted for good: out of sight at once, gone in small steps, and nothing else is touched.

use std::time::{Duration, Instant};

use cardume::domain::*;
use uuid::Uuid;

use crate::ground::*;

crate::on_both_engines!(
    what_is_being_purged_is_out_of_everybodys_sight,
    the_path_of_a_deleted_project_is_free_at_once,
    a_log_goes_in_small_steps_while_others_write,
    only_what_was_deleted_is_purged,
    what_was_kept_long_enough_is_purged_and_what_was_restored_is_not,
    a_clean_up_that_fails_says_why_until_it_is_complete,
);

/// A card with one execution that has ended, with so many rows.
async fn ended_card(on: &Ground, rows: i64) -> (CardId, ExecutionId) {
    let execution = on.log_of(rows).await;
    let card = on.store.execution(execution).await.unwrap().card_id;
    on.store.finish(execution, &failure(ExecutionStatus::Error), execution_id(), now()).await.unwrap();
    (card, execution)
}

async fn what_is_being_purged_is_out_of_everybodys_sight(on: Ground) {
    let (card, execution) = ended_card(&on, 300).await;
    while on.store.index_next(execution).await.unwrap() {}
    let project = on.store.card(card).await.unwrap().project_id;
    on.store.set_worktree(card, "cardume/branch", "/worktree", now()).await.unwrap();
    let (other, _) = ended_card(&on, 3).await;
    let used = || on.store.usage(Period::Week, None, now());
    let before = used().await.unwrap().total.executions;
    on.store.purge_card(card, now()).await.unwrap();

    not_found(on.store.card(card).await);
    not_found(on.store.execution(execution).await);
    not_found(on.store.log(execution, ALL, 10).await);
    not_found(on.store.log_uncached(execution, ALL, 10).await);
    not_found(on.store.next_error(execution, 0).await);
    not_found(on.store.purge_card(card, now()).await);
    not_found(on.store.edit_card(card, &CardEdit { archived: Some(false), ..CardEdit::default() }, now()).await);
    not_found(on.store.begin(card, START, execution_id(), &[], now()).await);
    not_found(on.store.create_execution(card, execution_id(), Command::Workflow, now()).await);
    not_found(on.store.set_workflow_state(card, WorkflowStage::Idle, None, execution_id(), now()).await);
    not_found(on.store.set_worktree(card, "branch", "/elsewhere", now()).await);
    not_found(on.store.update_status(execution, ExecutionStatus::Success, None, None, now()).await);
    not_found(on.store.request_cancel(card).await);
    not_found(on.store.index_next(execution).await);
    assert_eq!(on.store.executions(card).await.unwrap(), []);
    assert_eq!(on.store.active_execution(card).await.unwrap(), None);
    assert_eq!(on.store.cards(None).await.unwrap().len(), 1);
    assert_eq!(on.store.archived_cards(None).await.unwrap(), []);
    assert_eq!(on.store.discarded_before(now()).await.unwrap(), []);
    assert_eq!(on.store.unpacked(now(), 10).await.unwrap().len(), 1);
    assert_eq!(used().await.unwrap().total.executions, before - 1);
    assert!(on.store.snapshot().await.unwrap().branches().await.unwrap().is_empty());
    // Its project is still there, and the other card's place is its own.
    assert_eq!(on.store.project(project).await.unwrap().id, project);
    assert_eq!(on.store.card(other).await.unwrap().position, 0);
    // All of it is still in the database, and found again by what cleans up.
    assert_eq!(on.count("log_lines where kind = 'text'").await, 305);
    let purge = on.store.purge(card).await.unwrap().unwrap();
    assert_eq!((purge.project, purge.executions), (project, vec![execution]));
    on.purge_all().await;
    assert_eq!(on.count("log_lines where kind = 'text'").await, 4);
    assert_eq!((on.count("cards").await, on.count("executions").await, on.count("search_pages").await), (1, 1, 0));
}

async fn the_path_of_a_deleted_project_is_free_at_once(on: Ground) {
    let (card, _) = ended_card(&on, 3).await;
    let project = on.store.project(on.store.card(card).await.unwrap().project_id).await.unwrap();
    on.store.purge_project(project.id, now()).await.unwrap();
    not_found(on.store.project(project.id).await);
    not_found(on.store.edit_project(project.id, &ProjectEdit { mask_secrets: Some(false), path: None }).await);
    not_found(on.store.purge_project(project.id, now()).await);
    not_found(on.store.insert_card(CardId(Uuid::now_v7()), &titled(project.id, "Title"), "demo", now()).await);
    assert_eq!(on.store.projects().await.unwrap(), []);
    assert_eq!(on.store.project_at(&project.path).await.unwrap(), None);
    assert_eq!(on.store.project_at(&project.id.to_string()).await.unwrap(), None);

    // Again and again, with clean-ups of several at once.
    let mut again = project.clone();
    for _ in 0..2 {
        again = Project { id: ProjectId(Uuid::now_v7()), ..project.clone() };
        on.store.insert_project(&again).await.unwrap();
        on.store.purge_project(again.id, now()).await.unwrap();
    }
    let last = Project { id: ProjectId(Uuid::now_v7()), ..again };
    on.store.insert_project(&last).await.unwrap();
    assert_eq!(on.store.purge(card).await.unwrap().unwrap().repository, project.path);
    on.purge_all().await;
    assert_eq!((on.count("projects").await, on.count("cards").await), (1, 0));
    assert_eq!(on.store.projects().await.unwrap(), [last]);
    // One without cards is gone with the next look.
    on.store.purge_project(on.store.projects().await.unwrap()[0].id, now()).await.unwrap();
    on.store.complete_project_purges().await.unwrap();
    assert_eq!(on.count("projects").await, 0);
}

/// 400 MB of log held SQLite's one writer for 10.9 seconds. Now a step deletes at most 1000 rows or about a megabyte.
async fn a_log_goes_in_small_steps_while_others_write(on: Ground) {
    const ROWS: i64 = 150_000;
    let (card, execution) = on.running_card().await;
    for begin in (0..ROWS).step_by(10_000) {
        on.store.append(execution, &numbered(begin..begin + 10_000)).await.unwrap();
    }
    // And 60 MB in long rows.
    let long = "x".repeat(250_000);
    for _ in 0..24 {
        on.store.append(execution, &vec![line(long.clone()); 10]).await.unwrap();
    }
    on.store.finish(execution, &failure(ExecutionStatus::Error), execution_id(), now()).await.unwrap();
    let (busy, busy_execution) = on.running_card().await;

    let began = Instant::now();
    on.store.purge_card(card, now()).await.unwrap();
    println!("    deleted for everybody within {:.2?}", began.elapsed());
    // Writers queue for the one connection that a server has.
    let writer = on.store.clone();
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let writing = tokio::spawn(async move {
        let (mut slowest, mut count) = (Duration::ZERO, 0);
        while stopped.try_recv().is_err() {
            let began = Instant::now();
            writer.append(busy_execution, &numbered(1..=5)).await.unwrap();
            let edit = CardEdit { title: Some(format!("Title {count}")), ..CardEdit::default() };
            writer.edit_card(busy, &edit, now()).await.unwrap();
            (slowest, count) = (slowest.max(began.elapsed()), count + 1);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (slowest, count)
    });
    // One more than were added: the row of its failure.
    let (mut most, mut before) = (0, ROWS + 241);
    let mut gone = Some(0);
    while let Some(after) = gone {
        gone = on.store.purge_log(execution, after).await.unwrap();
        let query = "select count(*) from log_lines where execution_id = $1";
        let left: i64 = sqlx::query_scalar(query).bind(execution.to_string()).fetch_one(&on.raw).await.unwrap();
        most = most.max(before - left);
        before = left;
    }
    println!("    a log of {} rows gone in {:.2?}", ROWS + 240, began.elapsed());
    stop.send(()).unwrap();
    let (slowest, writes) = writing.await.unwrap();
    println!("    {writes} writes beside it, the slowest took {slowest:.2?}; at most {most} rows in a step");
    assert!(most <= 1000, "{most} rows in one step");
    assert!(writes > 10, "nobody could write");
    assert!(slowest < Duration::from_secs(3), "somebody waited {slowest:?}");
    on.purge_all().await;
    assert_eq!(on.count("cards").await, 1);
}

async fn only_what_was_deleted_is_purged(on: Ground) {
    let (card, execution) = ended_card(&on, 5).await;
    // Such calls come only for what `purge` answers; for anything else it answers nothing.
    assert_eq!(on.store.purge(card).await.unwrap(), None);
    let of_other = cardume::server::store::Purge {
        card,
        project: on.store.card(card).await.unwrap().project_id,
        repository: "/".into(),
        executions: vec![execution],
    };
    on.store.complete_purge(&of_other).await.unwrap();
    on.store.note_purge_error(card, "no").await.unwrap();
    assert_eq!(on.store.log(execution, ALL, 10).await.unwrap().logs.len(), 6);
    assert!(on.store.pending_purges().await.unwrap().is_empty());
    assert_eq!(on.store.projects().await.unwrap().len(), 1);
}

async fn what_was_kept_long_enough_is_purged_and_what_was_restored_is_not(on: Ground) {
    let cards = [ended_card(&on, 1).await.0, ended_card(&on, 1).await.0, ended_card(&on, 1).await.0];
    let discard = CardEdit { discarded: Some(true), ..CardEdit::default() };
    let [old, restored, new] = cards;
    for card in [old, restored] {
        on.store.edit_card(card, &discard, now()).await.unwrap();
    }
    let then = now();
    on.store.edit_card(new, &discard, now()).await.unwrap();
    on.store.edit_card(restored, &CardEdit { archived: Some(false), ..CardEdit::default() }, now()).await.unwrap();
    on.store.purge_discarded(then, now()).await.unwrap();
    assert_eq!(on.store.pending_purges().await.unwrap().iter().map(|purge| purge.card).collect::<Vec<_>>(), [old]);
    on.purge_all().await;
    assert_eq!(on.store.cards(None).await.unwrap()[0].id, restored);
    assert_eq!(on.store.archived_cards(None).await.unwrap()[0].id, new);
    assert_eq!(on.count("executions").await, 2);
}

async fn a_clean_up_that_fails_says_why_until_it_is_complete(on: Ground) {
    let (card, execution) = ended_card(&on, 5).await;
    let at = now();
    on.store.purge_card(card, at).await.unwrap();
    on.store.note_purge_error(card, "the folder is\0busy").await.unwrap();
    let pending = on.store.pending_purges().await.unwrap();
    assert_eq!((pending[0].card, pending[0].since), (card, at));
    assert!(pending[0].error.as_deref().unwrap().contains("busy"));
    let (cards, executions) = on.store.known_ids().await.unwrap();
    assert!(cards.contains(&card) && executions.contains(&execution));
    on.purge_all().await;
    assert!(on.store.pending_purges().await.unwrap().is_empty());
    let (cards, executions) = on.store.known_ids().await.unwrap();
    assert!(cards.is_empty() && executions.is_empty());
}
