//! The log cache: that it serves, that it expires, and that it never serves less than there is.
//!
//! Where a row came from is seen by changing it behind the store's back, which nothing else ever does.

use std::time::{Duration, Instant};

use cardume::domain::*;
use cardume::server::store::{CacheLimits, Ending};

use crate::ground::*;

crate::on_both_engines!(
    a_second_read_is_served_from_the_cache,
    the_cache_expires_after_its_ttl,
    an_entry_that_grows_does_not_live_longer,
    the_cache_is_invalidated_by_an_append,
    an_append_elsewhere_is_seen_through_the_cache,
    state_is_never_cached,
    a_cache_too_small_for_a_page_still_reads_right,
);

fn limits(time_to_live: Duration) -> CacheLimits {
    CacheLimits { time_to_live, ..CacheLimits::default() }
}

/// Changes what the database holds of row 1.
async fn tamper(on: &Ground, id: ExecutionId) {
    sqlx::query("update log_lines set content = 'tampered' where execution_id = $1 and sequence = 1")
        .bind(id.to_string())
        .execute(&on.raw)
        .await
        .unwrap();
}

async fn a_second_read_is_served_from_the_cache(on: Ground) {
    let id = on.log_of(600).await;
    assert_eq!(on.store.log(id, ALL, 500).await.unwrap().logs[0].content, "1");
    tamper(&on, id).await;
    assert_eq!(on.store.log(id, LogSlice::Before(2), 500).await.unwrap().logs[0].content, "1");
    assert_eq!(on.store.log_uncached(id, ALL, 500).await.unwrap().logs[0].content, "tampered");
}

async fn the_cache_expires_after_its_ttl(on: Ground) {
    let brief = on.another_store(limits(Duration::from_millis(100))).await;
    let id = on.log_of(3).await;
    for store in [&on.store, &brief] {
        assert_eq!(store.log(id, ALL, 10).await.unwrap().logs[0].content, "1");
    }
    tamper(&on, id).await;
    let patience = Instant::now() + Duration::from_secs(20);
    while brief.log(id, ALL, 10).await.unwrap().logs[0].content != "tampered" {
        assert!(Instant::now() < patience, "the entry did not expire");
        tokio::task::yield_now().await;
    }
    assert_eq!(on.store.log(id, ALL, 10).await.unwrap().logs[0].content, "1", "five minutes have not gone by");
}

async fn an_entry_that_grows_does_not_live_longer(on: Ground) {
    let time_to_live = Duration::from_millis(300);
    let brief = on.another_store(limits(time_to_live)).await;
    let id = on.log_of(3).await;
    brief.log(id, ALL, 10).await.unwrap();
    tamper(&on, id).await;
    // Appends and reads come faster than the entry expires, so that it would live until its page is full if they kept
    // it alive. Each turn takes a tenth of its time at least.
    for n in 4.. {
        assert!(n < 100, "the entry did not expire");
        let store = if n % 2 == 0 { &brief } else { &on.store };
        store.append(id, &[line(n.to_string())]).await.unwrap();
        let log = brief.log(id, ALL, 5000).await.unwrap();
        assert_eq!(log.last_sequence, n);
        if log.logs[0].content == "tampered" {
            break;
        }
        tokio::time::sleep(time_to_live / 10).await;
    }
}

async fn the_cache_is_invalidated_by_an_append(on: Ground) {
    let id = on.log_of(3).await;
    assert_eq!(on.store.log(id, ALL, 5000).await.unwrap().last_sequence, 3);
    let mut last = 3;
    // Within a page, to its end, over it, over several.
    for size in [1, 1, 245, 1, 260, 1000, 1] {
        on.store.append(id, &numbered(last + 1..=last + size)).await.unwrap();
        last += size;
        let log = on.store.log(id, ALL, 5000).await.unwrap();
        assert_eq!(contents(&log), (1..=last).map(|n| n.to_string()).collect::<Vec<_>>());
        assert_eq!(on.store.log(id, LogSlice::After(last - 1), 10).await.unwrap().logs.len(), 1);
    }
    let next = execution_id();
    let ending = Ending { lines: vec![line("the end")], ..success() };
    on.store.finish(id, &ending, next, now()).await.unwrap();
    let log = on.store.log(id, LogSlice::Tail, 1).await.unwrap();
    assert_eq!((contents(&log), log.complete), (vec!["the end"], true));
    on.store.ingest(next, 0, 9, &[line("first")], &Default::default()).await.unwrap();
    assert_eq!(contents(&on.store.log(next, ALL, 10).await.unwrap()), ["first"]);
    on.store.ingest(next, 9, 10, &[line("second")], &Default::default()).await.unwrap();
    assert_eq!(contents(&on.store.log(next, ALL, 10).await.unwrap()), ["first", "second"]);
}

async fn an_append_elsewhere_is_seen_through_the_cache(on: Ground) {
    let elsewhere = on.another_store(CacheLimits::default()).await;
    let id = on.log_of(3).await;
    for n in 4..=300 {
        let store = if n % 3 == 0 { &on.store } else { &elsewhere };
        store.append(id, &[line(n.to_string())]).await.unwrap();
        let log = on.store.log(id, LogSlice::After(n - 3), 10).await.unwrap();
        assert_eq!(contents(&log), [n - 2, n - 1, n].map(|n| n.to_string()));
    }
}

async fn state_is_never_cached(on: Ground) {
    let elsewhere = on.another_store(CacheLimits::default()).await;
    let id = on.log_of(3).await;
    for _ in 0..2 {
        assert!(!on.store.log(id, ALL, 10).await.unwrap().complete);
    }
    elsewhere.finish(id, &failure(ExecutionStatus::Lost), execution_id(), now()).await.unwrap();
    let log = on.store.log(id, ALL, 10).await.unwrap();
    assert_eq!((log.status, log.complete, log.last_sequence), (ExecutionStatus::Lost, true, 4));
    assert_eq!(log.workflow_error.as_deref(), Some("The agent went away."));
}

async fn a_cache_too_small_for_a_page_still_reads_right(on: Ground) {
    let tiny = on.another_store(CacheLimits { size_bytes: 100, ..CacheLimits::default() }).await;
    let id = on.log_of(600).await;
    for _ in 0..3 {
        assert_eq!(sequences(&tiny.log(id, ALL, 5000).await.unwrap()), (1..=600).collect::<Vec<_>>());
        tiny.append(id, &[]).await.unwrap();
    }
}
