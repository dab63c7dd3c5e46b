//! Many at once: writers that must not tread on each other, readers that must not be told less than there is.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cardume::domain::*;
use cardume::server::store::{CacheLimits, NewLine, Store};
use tokio::task::JoinSet;

use crate::ground::*;

crate::on_both_engines!(
    append_keeps_sequences_consecutive_under_two_writers,
    a_cached_read_is_never_stale,
    a_deleted_execution_is_never_half_there,
);

async fn append_keeps_sequences_consecutive_under_two_writers(on: Ground) {
    const BATCHES: usize = 60;
    let (_, id) = on.running_card().await;
    let other = on.another_store(CacheLimits::default()).await;
    let mut writers = JoinSet::new();
    for (name, store) in [("a", on.store.clone()), ("b", other.clone()), ("c", on.store.clone()), ("d", other)] {
        writers.spawn(async move {
            let mut batches = vec![];
            for batch in 0..BATCHES {
                let size = 1 + (batch * 7 + name.len()) % 5;
                let lines: Vec<NewLine> = (0..size).map(|n| line(format!("{name} {batch} {n}"))).collect();
                let last = store.append(id, &lines).await.unwrap();
                batches.push((last, lines));
            }
            batches
        });
    }
    let mut batches: Vec<(i64, Vec<NewLine>)> = writers.join_all().await.into_iter().flatten().collect();
    assert_eq!(batches.len(), 4 * BATCHES);
    batches.sort_by_key(|(last, _)| *last);
    // Each batch lies whole behind the one before it, and each writer's batches in the order in which it wrote them.
    let mut expected = vec![];
    for (last, lines) in batches {
        expected.extend(lines.into_iter().map(|line| line.content));
        assert_eq!(last, expected.len() as i64);
    }
    let log = on.store.log(id, ALL, 5000).await.unwrap();
    assert_eq!(log.last_sequence, expected.len() as i64);
    assert_eq!(sequences(&log), (1..=log.last_sequence).collect::<Vec<_>>());
    assert_eq!(contents(&log), expected);
    for name in ["a", "b", "c", "d"] {
        let mine: Vec<usize> = expected
            .iter()
            .filter(|content| content.starts_with(name))
            .map(|content| content.split(' ').nth(1).unwrap().parse().unwrap())
            .collect();
        assert!(mine.is_sorted());
    }
}

/// What is known to be committed, and what was ever read.
#[derive(Default)]
struct Witness {
    committed: AtomicI64,
    ended: AtomicBool,
    seen: Mutex<BTreeMap<i64, String>>,
    reads: AtomicI64,
}

impl Witness {
    /// One read: it must hold all that was committed before it began, and nothing that contradicts another read.
    async fn read(&self, store: &Store, id: ExecutionId, slice: LogSlice, limit: i64) -> ExecutionLog {
        let (committed, ended) = (self.committed.load(Ordering::SeqCst), self.ended.load(Ordering::SeqCst));
        let log = store.log(id, slice, limit).await.unwrap();
        self.reads.fetch_add(1, Ordering::Relaxed);
        assert!(log.last_sequence >= committed, "{} where {committed} were committed", log.last_sequence);
        assert!(log.complete || !ended, "it had ended before the read");
        let (start, end) = slice.range(limit, log.last_sequence);
        assert_eq!(sequences(&log), (start..=end).collect::<Vec<_>>(), "a hole, a duplicate or a stale end");
        let mut seen = self.seen.lock().unwrap();
        for line in &log.logs {
            let known = seen.entry(line.sequence).or_insert_with(|| line.content.clone());
            assert_eq!(*known, line.content, "row {} was read in two versions", line.sequence);
        }
        log
    }
}

async fn a_cached_read_is_never_stale(on: Ground) {
    const APPENDS: i64 = 150;
    let (_, id) = on.running_card().await;
    let other =
        on.another_store(CacheLimits { time_to_live: Duration::from_millis(5), ..CacheLimits::default() }).await;
    // Room for a page or two, so that pages come and go all the time.
    let small = on.another_store(CacheLimits { size_bytes: 40_000, ..CacheLimits::default() }).await;
    let witness = Arc::new(Witness::default());

    let mut readers = JoinSet::new();
    for (n, store) in [on.store.clone(), other.clone(), small.clone(), on.store.clone()].into_iter().enumerate() {
        let witness = witness.clone();
        readers.spawn(async move {
            let mut cursor = 0;
            // One more read after it has ended: every reader must come to the same end.
            for round in 0.. {
                let slice = match round % 4 {
                    0 => LogSlice::Tail,
                    1 => LogSlice::Before(cursor - (n as i64) * 100),
                    _ => LogSlice::After(cursor),
                };
                let log = witness.read(&store, id, slice, [1, 200, 600, 5000][(round / 4 + n) % 4]).await;
                if slice == LogSlice::After(cursor) {
                    cursor = log.logs.last().map_or(cursor, |line| line.sequence);
                    if log.complete && cursor == log.last_sequence {
                        return cursor;
                    }
                }
                tokio::task::yield_now().await;
            }
            unreachable!("the loop has no end")
        });
    }

    let mut writers = JoinSet::new();
    for (name, store) in [("a", on.store.clone()), ("b", on.store.clone()), ("c", other), ("d", small)] {
        let witness = witness.clone();
        writers.spawn(async move {
            for n in 0..APPENDS {
                let lines: Vec<NewLine> = (0..1 + n % 9).map(|k| line(format!("{name} {n} {k}"))).collect();
                let last = store.append(id, &lines).await.unwrap();
                witness.committed.fetch_max(last, Ordering::SeqCst);
                // Its own write, at once.
                let log =
                    witness.read(&store, id, LogSlice::After(last - lines.len() as i64), lines.len() as i64).await;
                assert!(log.logs.iter().zip(&lines).all(|(read, written)| read.content == written.content));
            }
        });
    }
    writers.join_all().await;
    on.store.finish(id, &failure(ExecutionStatus::Cancelled), execution_id(), now()).await.unwrap();
    witness.ended.store(true, Ordering::SeqCst);

    let rows = 4 * (0..APPENDS).map(|n| 1 + n % 9).sum::<i64>() + 1;
    assert_eq!(readers.join_all().await, [rows; 4]);
    assert!(witness.reads.load(Ordering::Relaxed) > 4 * APPENDS);
    let truth: Vec<LogLine> = on.store.log_uncached(id, ALL, 5000).await.unwrap().logs;
    let seen = witness.seen.lock().unwrap();
    assert!(truth.iter().all(|line| seen.get(&line.sequence) == Some(&line.content)));
}

async fn a_deleted_execution_is_never_half_there(on: Ground) {
    for _ in 0..5 {
        let id = on.log_of(700).await;
        let card = on.store.execution(id).await.unwrap().card_id;
        on.store.finish(id, &failure(ExecutionStatus::Error), execution_id(), now()).await.unwrap();
        let mut readers = JoinSet::new();
        for n in 0..4 {
            let store = on.another_store(CacheLimits::default()).await;
            readers.spawn(async move {
                loop {
                    let read = if n % 2 == 0 {
                        store.log(id, ALL, 5000).await
                    } else {
                        store.log_uncached(id, ALL, 5000).await
                    };
                    match read {
                        Ok(log) => assert_eq!(log.logs.len(), 701),
                        gone => return not_found(gone),
                    }
                }
            });
        }
        on.store.purge_card(card, now()).await.unwrap();
        on.purge_all().await;
        readers.join_all().await;
    }
}
