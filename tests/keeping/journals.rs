//! A journal goes only when everything of it is in the database, as its digest proves, and for good.

use std::path::PathBuf;

use super::support::{GOOD_AGENT, Server, eventually};
use super::{id, printed};

fn directory(server: &Server, execution: &str) -> PathBuf {
    server.data_dir().join("executions").join(execution)
}

#[test]
fn the_journal_of_a_verified_log_is_removed_and_that_of_a_lost_one_is_kept() {
    let preparation = Server::prepare()
        .agent("good", GOOD_AGENT)
        .agent("stuck", "cat > /dev/null; echo one; echo two; sleep 600")
        .config("[logs]\nremove_journals_after_hours = 0.0003\ncompress_after_hours = 0\n");
    let mut server = preparation.start();
    let card = server.run_new_card("good");
    server.wait_for_stage(&card, "completed");
    let done = server.executions(&card);
    let before: Vec<_> = done.iter().map(|execution| server.rows(id(execution), 777)).collect();

    let lost_card = server.add_card(server.card(&card)["projectId"].as_str().unwrap(), "Lost", "stuck");
    assert_eq!(server.post(&format!("/api/cards/{lost_card}/run"), serde_json::Value::Null).status, 202);
    server.wait_for_card(&lost_card, "rows", |card| card["activeExecution"]["lastSequence"].as_i64() > Some(2));
    let lost = server.executions(&lost_card).remove(0);
    // Its supervisor dies, and all that it started with it.
    for pid in super::support::processes_under(&directory(&server, id(&lost))) {
        let _ =
            rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), rustix::process::Signal::KILL);
    }
    server.wait_for_stage(&lost_card, "error");

    for execution in &done {
        assert!(eventually(|| !directory(&server, id(execution)).exists()), "{execution}\n{}", server.own_log());
    }
    assert!(directory(&server, id(&lost)).join("journal").exists(), "what is not verified is kept");
    // What is gone was not needed, whatever happens to the server.
    server.kill_9();
    server.restart();
    for (execution, before) in done.iter().zip(&before) {
        assert_eq!(server.rows(id(execution), 777), *before);
    }
    assert_eq!(printed(&server.rows(id(&lost), 777)), ["one", "two"]);
}

/// Somebody who reads an old state keeps the write-ahead log from being folded in; nothing is removed before it is.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_removed_before_the_database_holds_it_without_its_log() {
    use cardume::domain::Timestamp;
    use cardume::server::store::{CacheLimits, Store};
    let ground = super::Ground::sqlite();
    let store = Store::open(&ground.database, CacheLimits::default()).await.unwrap();
    let mut snapshot = store.snapshot().await.unwrap();
    snapshot.unfinished().await.unwrap();
    store.check_writable(Timestamp::from_millis(1)).await.unwrap();
    assert!(!store.settle().await.unwrap());
    store.check_writable(Timestamp::from_millis(2)).await.unwrap();
    drop(snapshot);
    let mut settled = false;
    for _ in 0..100 {
        settled = settled || store.settle().await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(settled);
    assert_eq!(std::fs::metadata(ground.directory.path().join("cardume.db-wal")).unwrap().len(), 0);
}
