//! Only the owner of a database writes to it, and it knows when it isn't the owner any more.

use std::path::Path;
use std::time::Duration;

use cardume::server::store::{Attempt, Binding, Database, DatabaseLock, Holder, Lease, Store, StoreError};
use uuid::Uuid;

use super::ground::{Ground, line, now};

crate::on_both_engines!(
    one_has_the_lock_and_says_who_it_is,
    a_server_that_was_overtaken_writes_nothing_more,
    a_take_over_waits_for_what_is_being_written,
    without_the_lease_nothing_is_written_and_reading_goes_on,
    worktrees_are_expected_where_the_data_directory_has_moved_to,
);

/// Postgres takes a moment to notice that a session has ended.
async fn taken(database: &Database) -> DatabaseLock {
    for _ in 0..200 {
        if let Attempt::Taken(lock) = DatabaseLock::try_take(database).await.unwrap() {
            return lock;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("somebody else has the lock");
}

fn holder(lock: &DatabaseLock) -> Holder {
    Holder { session: lock.session(), address: Some("http://here".into()), ..Holder::this_process(Path::new("/data")) }
}

/// A store that writes as the owner.
async fn owned(ground: &Ground) -> (Store, DatabaseLock, i64) {
    let mut lock = taken(&ground.database).await;
    let holder = holder(&lock);
    let generation = lock.take_over(&ground.store, &holder).await.unwrap();
    (ground.store.clone().under(Lease::held(generation)), lock, generation)
}

async fn one_has_the_lock_and_says_who_it_is(ground: Ground) {
    assert_eq!(DatabaseLock::held_by(&ground.database).await.unwrap(), None);
    let lock = taken(&ground.database).await;
    // Until it has taken the database over, it has told nobody.
    assert!(matches!(DatabaseLock::try_take(&ground.database).await.unwrap(), Attempt::HeldBy(None)));
    drop(lock);
    let (store, mut lock, generation) = owned(&ground).await;
    let told = DatabaseLock::held_by(&ground.database).await.unwrap().unwrap();
    assert_eq!(told, Some(holder(&lock)));
    assert!(lock.is_held_under(generation).await.unwrap());
    assert_eq!(lock.is_held_under(generation - 1).await.unwrap(), !ground.is_postgres());
    let elsewhere = Holder { address: Some("http://there".into()), ..holder(&lock) };
    store.announce(&lock, &elsewhere).await.unwrap();
    assert_eq!(DatabaseLock::held_by(&ground.database).await.unwrap().unwrap(), Some(elsewhere));
}

async fn a_server_that_was_overtaken_writes_nothing_more(ground: Ground) {
    let (store, _lock, _) = owned(&ground).await;
    let (card, execution) = ground.running_card().await;
    store.append(execution, &[line("mine")]).await.unwrap();
    // As by another server, of which this one knows nothing yet.
    sqlx::query("update server_owner set generation = generation + 1").execute(&ground.raw).await.unwrap();
    assert!(store.may_write());
    let refused = [
        store.append(execution, &[line("late")]).await.err(),
        store.request_cancel(card).await.err(),
        store.set_base_commit(execution, "commit").await.err(),
        store.check_writable(now()).await.err(),
    ];
    assert!(refused.iter().all(|error| matches!(error, Some(StoreError::Unproven(_)))), "{refused:?}");
    assert!(!store.may_write() && store.prove().await.is_err());
    let log = store.log(execution, super::ground::ALL, 10).await.unwrap();
    assert_eq!(super::ground::contents(&log), ["mine"]);
}

async fn a_take_over_waits_for_what_is_being_written(ground: Ground) {
    let (store, mut lock, before) = owned(&ground).await;
    // As a writing transaction of another server begins.
    let mut tx = match ground.is_postgres() {
        true => ground.raw.begin_with("begin").await.unwrap(),
        false => ground.raw.begin_with("begin immediate").await.unwrap(),
    };
    let read = match ground.is_postgres() {
        true => "select generation from server_owner where id = 1 for share",
        false => "select generation from server_owner where id = 1",
    };
    let seen: i64 = sqlx::query_scalar(read).fetch_one(&mut *tx).await.unwrap();
    assert_eq!(seen, before);
    let holder = holder(&lock);
    let taking = tokio::spawn(async move { lock.take_over(&store, &holder).await.map(|number| (number, lock)) });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!taking.is_finished(), "it did not wait");
    tx.commit().await.unwrap();
    let (after, _lock) = taking.await.unwrap().unwrap();
    assert_eq!(after, before + 1);
}

async fn without_the_lease_nothing_is_written_and_reading_goes_on(ground: Ground) {
    use cardume::server::store::Proof;
    let (store, _lock, generation) = owned(&ground).await;
    let (card, execution) = ground.running_card().await;
    let lease = store.lease().unwrap().clone();
    for proof in [Proof::Broken, Proof::Away, Proof::Elsewhere("somebody".into())] {
        lease.note(proof.clone());
        let refused = store.append(execution, &[line("late")]).await.unwrap_err();
        assert!(matches!(&refused, StoreError::Unproven(reason) if Some(reason.clone()) == proof.reason()));
        assert!(store.settle().await.is_err() || ground.is_postgres());
        assert_eq!(store.card(card).await.unwrap().id, card);
    }
    lease.note(Proof::Held { generation });
    store.append(execution, &[line("again")]).await.unwrap();
}

async fn worktrees_are_expected_where_the_data_directory_has_moved_to(ground: Ground) {
    let store = &ground.store;
    assert_eq!(store.binding().await.unwrap(), None);
    let first = Binding { id: Uuid::now_v7(), path: "/first".into() };
    store.bind(&first).await.unwrap();
    let (inside, outside) = (ground.card().await, ground.card().await);
    store.set_worktree(inside, "branch", &format!("/first/worktrees/{inside}"), now()).await.unwrap();
    store.set_worktree(outside, "branch", "/elsewhere", now()).await.unwrap();
    let second = Binding { id: first.id, path: "/second".into() };
    let place = Path::new("/second/worktrees").join(inside.to_string());
    store.bind(&second).await.unwrap();
    assert_eq!(store.binding().await.unwrap(), Some(second.clone()));
    assert_eq!(store.card(inside).await.unwrap().worktree_path.as_deref(), place.to_str());
    assert_eq!(store.card(outside).await.unwrap().worktree_path.as_deref(), Some("/elsewhere"));
}
