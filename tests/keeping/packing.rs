//! Compressed logs read as they did before.

use std::time::{Duration, Instant};

use cardume::domain::*;
use cardume::server::store::{CacheLimits, NewLine, Store, StoreError};
use sqlx::AnyPool;

use super::Ground;
use super::filled::{NOW, ended, running};
use super::support::{GOOD_AGENT, Server, eventually};

super::on_both_engines!(
    a_packed_log_reads_as_before,
    very_long_rows_are_packed_in_small_chunks_and_read_a_few_at_a_time,
    the_next_error_is_found_packed_or_not,
    readers_never_see_neither_or_both,
    a_damaged_chunk_is_an_error_and_no_panic,
    only_what_has_ended_is_packed,
    a_deleted_card_takes_its_chunks_with_it,
);

async fn store(ground: &Ground) -> Store {
    Store::open(&ground.database, CacheLimits::default()).await.unwrap()
}

fn line(sequence: i64) -> NewLine {
    let kind = [LogType::Text, LogType::Stderr, LogType::Tool][sequence as usize % 3];
    let content = match sequence % 700 {
        13 => "x".repeat(200_000),
        14 => String::new(),
        _ => format!("line {sequence}: \"quoted\"\\ \u{1b}[1m ação 🐟"),
    };
    NewLine { timestamp: Timestamp::from_millis(NOW.as_millis() + sequence), kind, content, partial: sequence % 5 == 0 }
}

fn lines(count: i64) -> impl Iterator<Item = NewLine> {
    (1..=count).map(line)
}

async fn pack_all(store: &Store, id: ExecutionId) -> i64 {
    let mut chunks = 0;
    while store.pack_next(id).await.unwrap() {
        chunks += 1;
    }
    chunks
}

async fn a_packed_log_reads_as_before(ground: Ground) {
    let first = store(&ground).await;
    let (_, id) = ended(&first, lines(5_321)).await;
    let slices = [
        (LogSlice::After(0), 5000),
        (LogSlice::After(321), 5000),
        (LogSlice::After(249), 2),
        (LogSlice::After(250), 1),
        (LogSlice::After(999), 1),
        (LogSlice::After(1000), 1000),
        (LogSlice::After(5320), 10),
        (LogSlice::After(5321), 10),
        (LogSlice::After(9999), 10),
        (LogSlice::Before(5000), 5000),
        (LogSlice::Before(260), 20),
        (LogSlice::Tail, 1234),
        (LogSlice::Around(1000), 500),
        (LogSlice::Around(3), 500),
    ];
    let mut before = vec![];
    for (slice, limit) in slices {
        before.push(first.log_uncached(id, slice, limit).await.unwrap());
    }
    let same = async |store: &Store, what: &str| {
        for ((slice, limit), before) in slices.iter().zip(&before) {
            assert_eq!(store.log_uncached(id, *slice, *limit).await.unwrap(), *before, "{what}, {slice:?}");
            assert_eq!(store.log(id, *slice, *limit).await.unwrap(), *before, "{what}, cached, {slice:?}");
        }
    };
    // After each chunk, by one who has pages in his cache and by one who has none.
    assert_eq!(first.unpacked(NOW, 10).await.unwrap(), [id]);
    let mut chunks = 0;
    while first.pack_next(id).await.unwrap() {
        chunks += 1;
        same(&first, "with a cache").await;
        same(&store(&ground).await, "without").await;
    }
    assert!(chunks >= 6, "{chunks}");
    assert_eq!(first.unpacked(NOW, 10).await.unwrap(), []);
    assert!(!first.pack_next(id).await.unwrap());
    let raw = AnyPool::connect(&ground.url).await.unwrap();
    let left: i64 = sqlx::query_scalar("select count(*) from log_lines").fetch_one(&raw).await.unwrap();
    assert_eq!(left, 0);
    let starts: Vec<i64> = sqlx::query_scalar("select first_sequence from log_chunks order by first_sequence")
        .fetch_all(&raw)
        .await
        .unwrap();
    assert!(starts.iter().all(|start| start % 250 == 1), "a chunk begins inside of a page: {starts:?}");
}

async fn very_long_rows_are_packed_in_small_chunks_and_read_a_few_at_a_time(ground: Ground) {
    let first = store(&ground).await;
    let long = |sequence| NewLine { content: format!("{sequence} {}", "x".repeat(250_000)), ..line(sequence) };
    let (_, id) = ended(&first, (1..=300).map(long)).await;
    let slices =
        [LogSlice::After(0), LogSlice::After(99), LogSlice::Before(150), LogSlice::Tail, LogSlice::Around(250)];
    let mut before = vec![];
    for slice in slices {
        let log = first.log_uncached(id, slice, 5000).await.unwrap();
        let bytes: usize = log.logs.iter().map(|line| line.content.len()).sum();
        assert!(bytes <= 4 * 1024 * 1024 && log.logs.len() > 10, "{slice:?}: {bytes}");
        before.push(log);
    }
    let mut chunks = 0;
    while first.pack_next(id).await.unwrap() {
        chunks += 1;
        if chunks % 8 == 1 {
            for (slice, before) in slices.iter().zip(&before) {
                assert_eq!(first.log_uncached(id, *slice, 5000).await.unwrap(), *before, "{slice:?}, {chunks} chunks");
                assert_eq!(first.log(id, *slice, 5000).await.unwrap(), *before, "{slice:?}, cached, {chunks} chunks");
            }
        }
    }
    assert!(chunks > 30, "{chunks} chunks hold {} MiB", 300 / 4);
    let fresh = store(&ground).await;
    for (slice, before) in slices.iter().zip(&before) {
        assert_eq!(fresh.log(id, *slice, 5000).await.unwrap(), *before, "{slice:?}, packed");
    }
}

async fn the_next_error_is_found_packed_or_not(ground: Ground) {
    let errors = [1, 2999, 3000, 3001, 4321];
    let store = store(&ground).await;
    let kind = |sequence| if errors.contains(&sequence) { LogType::Error } else { LogType::Text };
    let (_, id) = ended(&store, (1..=5_000).map(|sequence| NewLine { kind: kind(sequence), ..line(sequence) })).await;
    let same = async |what: &str| {
        for after in [0, 1, 2, 1000, 2998, 2999, 3000, 3001, 4320, 4321, 5000, 9999] {
            let expected = errors.into_iter().find(|error| *error > after);
            assert_eq!(store.next_error(id, after).await.unwrap(), expected, "{what}, after {after}");
        }
    };
    same("nothing packed").await;
    while store.pack_next(id).await.unwrap() {
        same("some packed").await;
    }
    let raw = AnyPool::connect(&ground.url).await.unwrap();
    let with_errors = "select count(*) from log_chunks where has_errors = 1";
    let chunks: i64 = sqlx::query_scalar(with_errors).fetch_one(&raw).await.unwrap();
    assert_eq!(chunks, 4, "those of 1, of 2999 and 3000, of 3001, and of 4321");
    // Nobody looked at what an earlier Cardume packed.
    sqlx::query("update log_chunks set has_errors = 1").execute(&raw).await.unwrap();
    same("packed before").await;
    let unknown = store.next_error(ExecutionId(uuid::Uuid::nil()), 0).await;
    assert!(matches!(unknown, Err(StoreError::NotFound(_))), "{unknown:?}");
}

async fn readers_never_see_neither_or_both(ground: Ground) {
    let writer = store(&ground).await;
    let (_, id) = ended(&writer, lines(6000)).await;
    let whole = writer.log_uncached(id, LogSlice::After(0), 5000).await.unwrap();
    let readers = (0..3).map(|reader| {
        let (database, whole) = (ground.database.clone(), whole.clone());
        tokio::spawn(async move {
            let mut reads = 0;
            let limits = CacheLimits { size_bytes: 0, ..CacheLimits::default() };
            let store = Store::open(&database, limits).await.unwrap();
            while !store.unpacked(NOW, 1).await.unwrap().is_empty() || reads < 3 {
                let log = if reader == 0 {
                    store.log(id, LogSlice::After(0), 5000).await.unwrap()
                } else {
                    store.log_uncached(id, LogSlice::After(0), 5000).await.unwrap()
                };
                assert!(log == whole, "a read while it was packed");
                reads += 1;
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    assert!(pack_all(&writer, id).await >= 6);
    for reader in readers {
        reader.await.unwrap();
    }
}

async fn a_damaged_chunk_is_an_error_and_no_panic(ground: Ground) {
    let first = store(&ground).await;
    let (_, id) = ended(&first, lines(1500)).await;
    pack_all(&first, id).await;
    let raw = AnyPool::connect(&ground.url).await.unwrap();
    let mut data: Vec<u8> =
        sqlx::query_scalar("select data from log_chunks where first_sequence = 1").fetch_one(&raw).await.unwrap();
    let middle = data.len() / 2;
    data[middle] ^= 0x10;
    sqlx::query("update log_chunks set data = $1 where first_sequence = 1").bind(data).execute(&raw).await.unwrap();
    let fresh = store(&ground).await;
    let error = fresh.log_uncached(id, LogSlice::After(0), 10).await.unwrap_err();
    assert!(matches!(error, StoreError::Database(_)) && error.to_string().contains("is damaged"), "{error}");
    // The other chunk is none the worse.
    assert_eq!(fresh.log_uncached(id, LogSlice::After(1400), 10).await.unwrap().logs.len(), 10);
    sqlx::query("delete from log_chunks where first_sequence = 1").execute(&raw).await.unwrap();
    let error = store(&ground).await.log(id, LogSlice::After(0), 10).await.unwrap_err().to_string();
    assert!(error.contains("rows are missing"), "{error}");
}

async fn only_what_has_ended_is_packed(ground: Ground) {
    let store = store(&ground).await;
    let (_, id) = running(&store, lines(300)).await;
    assert_eq!(store.unpacked(Timestamp::from_millis(i64::MAX), 10).await.unwrap(), []);
    assert!(matches!(store.pack_next(id).await, Err(StoreError::Conflict(_))));
    assert_eq!(store.log(id, LogSlice::After(0), 500).await.unwrap().logs.len(), 300);
    let (_, id) = ended(&store, lines(10)).await;
    assert_eq!(store.unpacked(Timestamp::from_millis(NOW.as_millis() - 1), 10).await.unwrap(), [], "not yet");
    assert_eq!(store.unpacked(NOW, 10).await.unwrap(), [id]);
}

async fn a_deleted_card_takes_its_chunks_with_it(ground: Ground) {
    let store = store(&ground).await;
    let (card, id) = ended(&store, lines(2000)).await;
    pack_all(&store, id).await;
    store.purge_card(card, NOW).await.unwrap();
    assert!(matches!(store.pack_next(id).await, Ok(false) | Err(StoreError::Conflict(_))));
    let mut gone = Some(0);
    while let Some(after) = gone {
        gone = store.purge_log(id, after).await.unwrap();
    }
    let raw = AnyPool::connect(&ground.url).await.unwrap();
    let left: i64 = sqlx::query_scalar("select count(*) from log_chunks").fetch_one(&raw).await.unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn an_sqlite_file_becomes_smaller() {
    let ground = Ground::sqlite();
    let store = store(&ground).await;
    for _ in 0..4 {
        ended(&store, lines(20_000)).await;
    }
    let size = || std::fs::metadata(ground.directory.path().join("cardume.db")).unwrap().len();
    assert!(store.settle().await.unwrap());
    let before = size();
    let began = Instant::now();
    for id in store.unpacked(NOW, 10).await.unwrap() {
        pack_all(&store, id).await;
    }
    let packed_in = began.elapsed();
    while store.give_back_space().await.unwrap() {}
    assert!(store.settle().await.unwrap());
    let after = size();
    println!("{before} bytes became {after}, packed in {packed_in:?}");
    assert!(after * 3 < before, "{before} bytes became {after}");
}

/// The one writer is not kept from the agents' rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rows_come_in_while_logs_are_packed() {
    let ground = Ground::sqlite();
    let store = store(&ground).await;
    let (_, old) = ended(&store, lines(50_000)).await;
    let (_, id) = running(&store, lines(1)).await;
    let packing = tokio::spawn({
        let store = store.clone();
        async move { pack_all(&store, old).await }
    });
    let mut longest = Duration::ZERO;
    while !packing.is_finished() {
        let began = Instant::now();
        store.append(id, &[line(1)]).await.unwrap();
        longest = longest.max(began.elapsed());
    }
    assert!(packing.await.unwrap() >= 50);
    println!("the longest wait of a writer: {longest:?}");
    assert!(longest < Duration::from_secs(1), "{longest:?}");
}

#[test]
fn a_server_packs_what_has_ended_and_its_log_reads_on() {
    let script = format!("seq -f 'line %.0f' 1 3000\n{GOOD_AGENT}");
    let server = Server::prepare()
        .agent("chatty", &script)
        .config("[logs]\ncompress_after_hours = 0.0003\nremove_journals_after_hours = 0\n")
        .start();
    let card = server.run_new_card("chatty");
    server.wait_for_stage(&card, "completed");
    let all: Vec<_> = server.executions(&card);
    assert!(eventually(|| server.own_log().contains("were compressed")));
    for execution in &all {
        let rows = server.rows(super::id(execution), 777);
        let printed = super::printed(&rows);
        assert_eq!(printed[..3000], (1..=3000).map(|n| format!("line {n}")).collect::<Vec<_>>());
    }
    // And a backup holds the chunks as it holds rows.
    let file = super::back_up(&server, "packed.tar.zst", None);
    let restored = Server::prepare();
    let (done, said) = super::restore(&file, &restored.home().join("data"), None);
    assert!(done, "{said}");
    let restored = restored.start();
    for execution in &all {
        let id = super::id(execution);
        assert_eq!(restored.rows(id, 777), server.rows(id, 777));
    }
}
