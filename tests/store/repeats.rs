//! Requests that come again.

use cardume::domain::*;
use cardume::server::store::{Repeat, Store, StoreError};
use uuid::Uuid;

use crate::ground::*;

crate::on_both_engines!(
    a_request_that_comes_again_is_answered_as_the_first_time,
    of_the_same_requests_at_once_one_is_carried_out,
    another_request_with_the_same_key_is_refused,
    a_key_is_remembered_for_a_day,
    a_request_that_was_refused_may_come_again,
);

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn keyed(store: &Store, key: &str, fingerprint: &str, at: Timestamp) -> Store {
    store.for_request(Some(Repeat { key: key.parse().unwrap(), fingerprint: fingerprint.into(), at }))
}

async fn insert(store: &Store, project: ProjectId) -> Result<Card, StoreError> {
    store.insert_card(CardId(Uuid::now_v7()), &titled(project, "Title"), "demo", now()).await
}

async fn a_request_that_comes_again_is_answered_as_the_first_time(on: Ground) {
    let project = on.project().await;
    let known = on.store.project(project).await.unwrap();
    let store = |key: &str| keyed(&on.store, key, key, now());

    let card = insert(&store("create"), project).await.unwrap();
    assert_eq!(insert(&store("create"), project).await.unwrap(), card);
    assert_eq!(on.store.cards(None).await.unwrap(), std::slice::from_ref(&card));

    let run = async |key| store(key).begin(card.id, START, execution_id(), &[], now()).await;
    let running = run("run").await.unwrap();
    assert_eq!(run("run").await.unwrap(), running);
    assert_eq!(on.store.executions(card.id).await.unwrap().len(), 1);
    conflict(run("another-run").await);

    let execution = running.active_execution.as_ref().unwrap().id;
    let asked = store("cancel").request_cancel(card.id).await.unwrap();
    on.store.finish(execution, &failure(ExecutionStatus::Cancelled), execution_id(), now()).await.unwrap();
    assert_eq!(store("cancel").request_cancel(card.id).await.unwrap(), asked);
    conflict(store("another-cancel").request_cancel(card.id).await);
    assert_eq!(run("run").await.unwrap(), running, "the first answer, whatever has happened since");

    assert_eq!(store("project").insert_project(&known).await.unwrap(), (known.clone(), false));
    on.store.purge_card(card.id, now()).await.unwrap();
    on.store.purge_project(project, now()).await.unwrap();
    assert_eq!(store("project").insert_project(&known).await.unwrap(), (known, false));
    assert_eq!(insert(&store("create"), project).await.unwrap(), card);
    assert!(on.store.projects().await.unwrap().is_empty(), "it does nothing");
}

async fn of_the_same_requests_at_once_one_is_carried_out(on: Ground) {
    let project = on.project().await;
    let other = on.another_store(Default::default()).await;
    let mut requests = tokio::task::JoinSet::new();
    for number in 0..12 {
        let store = keyed(if number % 2 == 0 { &on.store } else { &other }, "key", "request", now());
        requests.spawn(async move { insert(&store, project).await });
    }
    let answers: Vec<Card> = requests.join_all().await.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().all(|card| *card == answers[0]), "{answers:#?}");
    assert_eq!(on.store.cards(None).await.unwrap(), answers[..1]);
}

async fn another_request_with_the_same_key_is_refused(on: Ground) {
    let project = on.project().await;
    insert(&keyed(&on.store, "key", "one request", now()), project).await.unwrap();
    let other = keyed(&on.store, "key", "another request", now());
    assert!(matches!(insert(&other, project).await, Err(StoreError::KeyReused)));
    assert!(matches!(other.first_answer::<Card>().await, Err(StoreError::KeyReused)));
    assert_eq!(on.store.cards(None).await.unwrap().len(), 1);
}

async fn a_key_is_remembered_for_a_day(on: Ground) {
    let project = on.project().await;
    let since = |millis| keyed(&on.store, "key", "request", Timestamp::from_millis(1_800_000_000_000 + millis));
    let first = insert(&since(0), project).await.unwrap();
    assert_eq!(insert(&since(DAY_MS - 1), project).await.unwrap(), first);
    let second = insert(&since(DAY_MS), project).await.unwrap();
    assert_ne!(second.id, first.id);
    assert_eq!(insert(&since(DAY_MS), project).await.unwrap(), second);
    let kept: i64 = sqlx::query_scalar("select count(*) from repeats").fetch_one(&on.raw).await.unwrap();
    assert_eq!(kept, 1, "old keys are removed");
}

async fn a_request_that_was_refused_may_come_again(on: Ground) {
    let (card, execution) = on.running_card().await;
    let retry = async || {
        let store = keyed(&on.store, "key", "request", now());
        store.begin(card, Event::Retry(None), execution_id(), &[], now()).await
    };
    conflict(retry().await);
    on.store.finish(execution, &failure(ExecutionStatus::Error), execution_id(), now()).await.unwrap();
    let running = retry().await.unwrap();
    assert_eq!(retry().await.unwrap(), running);
}
