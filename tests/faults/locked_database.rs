//! Row 8: another process holds the database's write lock.

use std::time::{Duration, Instant};

use sqlx::{AnyConnection, Connection, Executor};

use crate::oracle;
use crate::rounds::{Database, Round};
use crate::scenes;
use crate::scribe::Script;
use crate::support::{Server, eventually};

crate::on_both_databases!(row_8_another_process_holds_the_write_lock);

/// How long `/health` may take to tell of it.
const TOLD_WITHIN: Duration = Duration::from_secs(3);

fn row_8_another_process_holds_the_write_lock(round: &mut Round) {
    let (held, cards) = if round.is_thorough { (30, 12) } else { (5, 4) };
    let server = round.prepare().start();
    let scripts = (0..cards).map(|_| Script::seeded(&mut round.rng, 80, 0.8)).collect();
    let running = scenes::run_cards(&server, scripts);
    for scripted in &running {
        scenes::wait_for_rows(&server, &scripted.card, 2);
    }
    let before = read_times(&server, &running[0].card, Duration::from_secs(2));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let lock = runtime.block_on(hold_write_lock(round, &server));

    let since = Instant::now();
    let health = server.get("/health");
    assert!(since.elapsed() < TOLD_WITHIN, "/health took {:?}", since.elapsed());
    assert_eq!((health.status, &health.json()["status"]), (503, &"degraded".into()), "{health:?}");
    assert!(health.json()["reason"].as_str().is_some_and(|reason| reason.contains("database")), "{health:?}");
    let during = read_times(&server, &running[0].card, Duration::from_secs(held));
    println!("    reads, 99th of 100: {before:.1?} free, {during:.1?} locked");
    // Where both are a few milliseconds, their ratio says nothing; a read that waited for the lock would take seconds.
    assert!(during < before * 4 + Duration::from_millis(500), "{during:?} while locked, {before:?} before");
    let edited = server.patch(&format!("/api/cards/{}", running[0].card), serde_json::json!({ "title": "Another" }));
    assert_eq!(edited.status, 503, "{edited:?}");

    drop(runtime.block_on(lock.close()));
    let since = Instant::now();
    assert!(eventually(|| server.get("/health").status == 200));
    println!("    well again {:.1?} after", since.elapsed());
    for scripted in &running {
        server.wait_for_stage(&scripted.card, "completed");
        oracle::assert_card_ok(&server, &scripted.card, &scripted.script);
    }
}

async fn hold_write_lock(round: &Round, server: &Server) -> AnyConnection {
    sqlx::any::install_default_drivers();
    match round.database {
        Database::Sqlite => {
            let path = server.data_dir().join("cardume.db");
            let mut connection = AnyConnection::connect(&format!("sqlite:{}?mode=rw", path.display())).await.unwrap();
            connection.execute("pragma busy_timeout = 20000").await.unwrap();
            connection.execute("begin immediate").await.unwrap();
            connection
        }
        Database::Postgres => {
            let mut connection = AnyConnection::connect(round.postgres_url.as_ref().unwrap()).await.unwrap();
            let lock = "lock table projects, cards, executions, log_lines, heartbeats in exclusive mode";
            // The tables are locked one after the other. Where the server holds a later one and wants an earlier one,
            // Postgres may choose this process to give way.
            loop {
                connection.execute("begin").await.unwrap();
                match connection.execute(lock).await {
                    Ok(_) => return connection,
                    Err(error) if is_deadlock(&error) => connection.execute("rollback").await.unwrap(),
                    Err(error) => panic!("{error}"),
                };
            }
        }
    }
}

fn is_deadlock(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).as_deref() == Some("40P01")
}

/// What 99 of 100 reads of the board, of a card and of a log took at most, over so long a time.
fn read_times(server: &Server, card: &str, window: Duration) -> Duration {
    let deadline = Instant::now() + window;
    let mut times = vec![];
    while Instant::now() < deadline {
        for path in
            ["/api/cards".to_owned(), format!("/api/cards/{card}"), format!("/api/logs/{card}?after=0&limit=50")]
        {
            let since = Instant::now();
            let answer = server.get(&path);
            times.push(since.elapsed());
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    times.sort();
    times[times.len() * 99 / 100]
}
