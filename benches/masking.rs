//! What masking costs: ordinary lines of 300 bytes and lines with a secret, against the same without it, in one run:
//! `make bench`, or `cargo bench --bench masking`.
//!
//! The bar: ingest takes in far more than 100,000 lines/s, so that a line may cost a few microseconds at most.

use std::hint::black_box;
use std::time::Duration;

use cardume::server::secrets;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const LINES: usize = 1000;

/// What agents print: code, paths, hashes, JSON.
fn ordinary() -> Vec<String> {
    let samples = [
        "    let task = self.store.running(id).await?; // the keys are asked for as they say, disk or not ",
        "commit 9ae0daaf1f0c3b1d2e4f5a6b7c8d9e0f1a2b3c4d src/server/engine/intake.rs | 34 +++++++++-------- ",
        r#"{"type":"assistant","message":{"content":[{"type":"text","text":"I write the plan."}]},"id":"msg_01"} "#,
        "test engine::recovery::a_restart_of_the_server_during_a_test_stage_recovers_the_whole_state ... ok ",
    ];
    (0..LINES).map(|n| format!("{n:06} {}", samples[n % samples.len()].repeat(4)).chars().take(300).collect()).collect()
}

fn masking(criterion: &mut Criterion) {
    let token = ["gh", "p_98NcxrvkQfBCLgYuNlZW28qOte81VQqwQ4vz"].concat();
    let lines = ordinary();
    let secret: Vec<String> = lines.iter().map(|line| format!("{} {token}", &line[..250])).collect();
    assert!(lines.iter().all(|line| secrets::mask(line) == *line));
    let mut group = criterion.benchmark_group("lines of 300 bytes");
    group.throughput(Throughput::Elements(LINES as u64));
    group.bench_function("not masked", |bencher| {
        bencher.iter(|| lines.iter().map(|line| black_box(line).clone()).collect::<Vec<_>>());
    });
    group.bench_function("masked, without a secret", |bencher| {
        bencher.iter(|| lines.iter().map(|line| secrets::mask(black_box(line)).into_owned()).collect::<Vec<_>>());
    });
    group.bench_function("masked, each with a secret", |bencher| {
        bencher.iter(|| secret.iter().map(|line| secrets::mask(black_box(line)).into_owned()).collect::<Vec<_>>());
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = masking
}
criterion_main!(benches);
