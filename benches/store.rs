//! How fast rows go into the log and come out of it, on SQLite as it is shipped (every commit on disk before it is
//! acknowledged): `make bench`, or `cargo bench --bench store`.
//!
//! The bar: a cached poll of a running card stays far under 100 ms however long its log is.

#[path = "../tests/support/filled.rs"]
mod filled;

use std::hint::black_box;
use std::time::{Duration, Instant};

use cardume::domain::*;
use cardume::server::store::{CacheLimits, Database, NewLine, Store};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use filled::NOW;
use tokio::runtime::Runtime;

const BATCH: usize = 1000;
const ROW_BYTES: usize = 300;
const POLL: i64 = 100;
const LENGTHS: [i64; 3] = [100, 10_000, 1_000_000];

struct Bench {
    runtime: Runtime,
    store: Store,
    _directory: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let database = Database::Sqlite(directory.path().join("bench.db"));
        let store = runtime.block_on(Store::open(&database, CacheLimits::default())).unwrap();
        Self { runtime, store, _directory: directory }
    }

    /// A running card's execution with so many rows.
    fn execution(&self, rows: i64) -> ExecutionId {
        self.runtime.block_on(filled::running(&self.store, rows_of(rows as usize))).1
    }
}

fn rows_of(count: usize) -> impl Iterator<Item = NewLine> {
    let content = "A line that an agent printed. ".repeat(ROW_BYTES / 30);
    std::iter::repeat_n(NewLine { timestamp: NOW, kind: LogType::Text, content, partial: false }, count)
}

/// A thousand rows in one transaction, and one row in one.
fn append(criterion: &mut Criterion) {
    let bench = Bench::new();
    let mut group = criterion.benchmark_group("append");
    for count in [BATCH, 1] {
        let (id, batch) = (bench.execution(0), rows_of(count).collect::<Vec<_>>());
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("{count} rows")), |bencher| {
            bencher.to_async(&bench.runtime).iter(async || bench.store.append(id, &batch).await.unwrap());
        });
    }
}

/// 100 rows after a cursor near the end, in logs of different lengths.
fn poll(criterion: &mut Criterion) {
    let bench = Bench::new();
    let mut group = criterion.benchmark_group("poll 100 rows");
    for length in LENGTHS {
        let id = bench.execution(length);
        let slice = LogSlice::After((length - POLL).max(0));
        group.bench_function(BenchmarkId::new("cached", length), |bencher| {
            bencher.to_async(&bench.runtime).iter(async || bench.store.log(id, slice, POLL).await.unwrap());
        });
        group.bench_function(BenchmarkId::new("uncached", length), |bencher| {
            bencher.to_async(&bench.runtime).iter(async || bench.store.log_uncached(id, slice, POLL).await.unwrap());
        });
    }
}

/// What a browser does: asks for what has come since its last poll, here five rows, while the log grows.
fn poll_running(criterion: &mut Criterion) {
    let bench = Bench::new();
    let rows: Vec<NewLine> = rows_of(5).collect();
    let mut group = criterion.benchmark_group("poll of a running card");
    for cached in [true, false] {
        let id = bench.execution(10_000);
        group.bench_function(if cached { "cached" } else { "uncached" }, |bencher| {
            bencher.to_async(&bench.runtime).iter_custom(async |polls| {
                let mut spent = Duration::ZERO;
                for _ in 0..polls {
                    let last = bench.store.append(id, &rows).await.unwrap();
                    let slice = LogSlice::After(last - rows.len() as i64);
                    let began = Instant::now();
                    let log = match cached {
                        true => bench.store.log(id, slice, LogSlice::LIMIT_DEFAULT).await.unwrap(),
                        false => bench.store.log_uncached(id, slice, LogSlice::LIMIT_DEFAULT).await.unwrap(),
                    };
                    spent += began.elapsed();
                    assert_eq!(black_box(log).logs.len(), rows.len());
                }
                spent
            });
        });
    }
}

criterion_group! {
    name = store;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = append, poll, poll_running
}
criterion_main!(store);
