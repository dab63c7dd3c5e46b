//! What compressing a log saves and costs, on SQLite: the file's size before and after, and reading before and after, in
//! one run: `make bench`, or `cargo bench --bench keeping`.
//!
//! The bar: a packed log takes less than a third, and a page of it is read within a few milliseconds however long it is.

#[path = "../tests/support/filled.rs"]
mod filled;

use std::time::{Duration, Instant};

use cardume::domain::*;
use cardume::server::store::{CacheLimits, Database, NewLine, Store};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use filled::NOW;
use tokio::runtime::Runtime;

const ROWS: i64 = 100_000;
const POLL: i64 = 100;

struct Bench {
    runtime: Runtime,
    store: Store,
    directory: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let database = Database::Sqlite(directory.path().join("bench.db"));
        let store = runtime.block_on(Store::open(&database, CacheLimits::default())).unwrap();
        Self { runtime, store, directory }
    }

    /// An execution of so many rows that has ended.
    fn ended(&self, rows: i64) -> ExecutionId {
        let mut words = Words(1);
        self.runtime.block_on(filled::ended(&self.store, (0..rows).map(|n| words.line(n)))).1
    }

    fn file_bytes(&self) -> u64 {
        while !self.runtime.block_on(self.store.settle()).unwrap() {}
        self.directory.path().join("bench.db").metadata().unwrap().len()
    }
}

/// Lines as a build prints them: words that come again, and numbers that do not. About 300 bytes each.
struct Words(u64);

impl Words {
    fn line(&mut self, number: i64) -> NewLine {
        const WORDS: [&str; 12] = [
            "Compiling",
            "warning:",
            "unused",
            "variable",
            "src/server/store/reading.rs",
            "running",
            "tests",
            "ok",
            "error",
            "expected",
            "target/debug/deps",
            "finished",
        ];
        let mut content = format!("[{number:>7}] ");
        while content.len() < 300 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let random = self.0 >> 33;
            if random.is_multiple_of(3) {
                content.push_str(&format!("{random:x} "));
            } else {
                content.push_str(WORDS[random as usize % WORDS.len()]);
                content.push(' ');
            }
        }
        let timestamp = Timestamp::from_millis(NOW.as_millis() + number);
        NewLine { timestamp, kind: LogType::Text, content, partial: false }
    }
}

fn reading(criterion: &mut Criterion, bench: &Bench, id: ExecutionId, name: &str) {
    let mut group = criterion.benchmark_group("poll 100 rows of a log that has ended, uncached");
    for (place, after) in [("beginning", 0), ("middle", ROWS / 2), ("end", ROWS - POLL)] {
        group.bench_function(BenchmarkId::new(name, place), |bencher| {
            bencher.to_async(&bench.runtime).iter(async || {
                let log = bench.store.log_uncached(id, LogSlice::After(after), POLL).await.unwrap();
                assert_eq!(log.logs.len() as i64, POLL);
            });
        });
    }
    group.bench_function(BenchmarkId::new(name, "5000 rows"), |bencher| {
        bencher.to_async(&bench.runtime).iter(async || {
            bench.store.log_uncached(id, LogSlice::After(ROWS / 2), 5000).await.unwrap();
        });
    });
    group.finish();
    let mut group = criterion.benchmark_group("poll 100 rows of a log that has ended, cached");
    group.bench_function(BenchmarkId::new(name, "middle"), |bencher| {
        bencher.to_async(&bench.runtime).iter(async || {
            bench.store.log(id, LogSlice::After(ROWS / 2), POLL).await.unwrap();
        });
    });
    group.finish();
}

fn packing(criterion: &mut Criterion) {
    let bench = Bench::new();
    let id = bench.ended(ROWS);
    let before = bench.file_bytes();
    reading(criterion, &bench, id, "as rows");
    let began = Instant::now();
    let (mut chunks, mut longest) = (0, Duration::ZERO);
    loop {
        let chunk_began = Instant::now();
        if !bench.runtime.block_on(bench.store.pack_next(id)).unwrap() {
            break;
        }
        chunks += 1;
        longest = longest.max(chunk_began.elapsed());
    }
    let packed_in = began.elapsed();
    while bench.runtime.block_on(bench.store.give_back_space()).unwrap() {}
    let after = bench.file_bytes();
    println!(
        "{ROWS} rows: {before} bytes before, {after} after ({:.1} times smaller); {chunks} chunks in {packed_in:?}, the \
         longest {longest:?}",
        before as f64 / after as f64
    );
    reading(criterion, &bench, id, "packed");
}

criterion_group! {
    name = keeping;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = packing
}
criterion_main!(keeping);
