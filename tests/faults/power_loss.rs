//! Row 9: the power goes. What the disk has then is the database file, and so much of its write-ahead log as had reached
//! the disk.
//!
//! The server is stopped (SIGSTOP) while both are copied, because a loss of power is one moment too. The log is then cut
//! anywhere behind what a checkpoint had already put into the file: SQLite makes the log durable before it copies from
//! it, so no loss of power cuts there.

use std::fs;
use std::path::{Path, PathBuf};

use rand::RngExt;
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Row};

use crate::oracle;
use crate::rounds::Round;
use crate::scenes::{self, Scripted};
use crate::scribe::{self, Script};
use crate::support::{Server, eventually};

crate::on_sqlite!(row_9_the_power_goes_under_load);

fn row_9_the_power_goes_under_load(round: &mut Round) {
    let cuts = if round.is_thorough { 40 } else { 8 };
    let mut server = round.prepare().start();
    let scripts = (0..3).map(|_| Script::seeded(&mut round.rng, 150, 1.0)).collect();
    let running = scenes::run_cards(&server, scripts);
    scenes::wait_for_rows(&server, &running[0].card, 2);
    std::thread::sleep(std::time::Duration::from_millis(round.rng.random_range(0..2500)));

    let acknowledged: Vec<_> = running.iter().map(|scripted| acknowledged(&server, scripted)).collect();
    let copies = tempfile::tempdir().unwrap();
    let database = server.data_dir().join("cardume.db");
    signal(&server, Signal::STOP);
    let disk = copies.path().join("disk.db");
    copy(&database, &disk);
    signal(&server, Signal::CONT);

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let whole = wal_length(&disk);
    let checkpointed = checkpointed(&disk);
    println!("    a log of {whole} bytes, {checkpointed} of them in the file");
    // What was acknowledged is in what had been written: a transaction is durable before anybody is told of it.
    let uncut = copies.path().join("uncut.db");
    copy(&disk, &uncut);
    for (execution, rows) in acknowledged {
        let kept = runtime.block_on(assert_sound(&uncut, &server, Some(&execution)));
        assert!(kept >= rows, "{execution}: {rows} rows were acknowledged, {kept} are kept");
    }
    let cut = |length: u64, name: &str| {
        let copied = copies.path().join(name);
        copy(&disk, &copied);
        fs::File::options().write(true).open(wal(&copied)).unwrap().set_len(length).unwrap();
        // A machine that starts has no shared memory of before.
        let _ = fs::remove_file(beside(&copied, "-shm"));
        copied
    };
    for number in 0..cuts {
        let length = round.rng.random_range(checkpointed..=whole);
        let copied = cut(length, &format!("cut-{number}.db"));
        runtime.block_on(assert_sound(&copied, &server, None));
    }

    // And now this one in place of the real one, with the journals as they are.
    server.kill_9();
    let lost = cut(round.rng.random_range(checkpointed..=whole), "lost.db");
    let at_work = scribe::starts(server.home());
    for start in &at_work {
        let exit = oracle::place(&server, &start.execution).join("exit.json");
        assert!(eventually(|| exit.exists()), "{start:?} did not end");
    }
    copy(&lost, &database);
    let _ = fs::remove_file(beside(&database, "-shm"));
    server.restart();
    for scripted in &running {
        bring_through(&server, scripted);
    }
}

/// The card goes on by itself from what the database knows; where it was cut off before the card ran, it is run again.
fn bring_through(server: &Server, scripted: &Scripted) {
    let answer = server.get(&format!("/api/cards/{}", scripted.card));
    if answer.status == 404 {
        return;
    }
    if answer.json()["activeExecution"].is_null() {
        scenes::run_card(server, &scripted.card);
    }
    server.wait_for_stage(&scripted.card, "completed");
    // A stage whose begin was lost is begun anew; the execution that was lost is none any more.
    oracle::assert_card_ok(server, &scripted.card, &scripted.script);
}

/// The active execution, and how many rows of it a reader was told of.
fn acknowledged(server: &Server, scripted: &Scripted) -> (String, i64) {
    let card = server.card(&scripted.card);
    let log = oracle::log_after(server, &scenes::active(&card), 0);
    (scenes::active(&card), log["lastSequence"].as_i64().unwrap())
}

/// Integrity holds; rows and offset belong together. Answers how many rows `execution` has.
async fn assert_sound(database: &Path, server: &Server, execution: Option<&str>) -> i64 {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(&format!("sqlite:{}?mode=rw", database.display())).await.unwrap();
    let check: Vec<String> = sqlx::query_scalar("pragma integrity_check").fetch_all(&mut connection).await.unwrap();
    assert_eq!(check, ["ok"], "{}", database.display());
    let tables = sqlx::query("select name from sqlite_master where name = 'executions'");
    if tables.fetch_optional(&mut connection).await.unwrap().is_none() {
        return 0;
    }
    let rows = sqlx::query("select id, last_sequence, journal_offset from executions");
    let mut found = 0;
    for row in rows.fetch_all(&mut connection).await.unwrap() {
        let (id, last, offset): (String, i64, i64) = (row.get(0), row.get(1), row.get(2));
        let query = format!(
            "select count(*), coalesce(max(sequence), 0), coalesce(sum(kind in ('text', 'stderr')), 0)
             from log_lines where execution_id = '{id}'"
        );
        let counts = sqlx::query(AssertSqlSafe(query)).fetch_one(&mut connection).await.unwrap();
        let (count, highest, printed): (i64, i64, i64) = (counts.get(0), counts.get(1), counts.get(2));
        assert_eq!((count, highest), (last, last), "{id}: rows and their last number");
        if offset > 0 {
            let journal = fs::read(oracle::place(server, &id).join("journal")).unwrap();
            let records = journal[..offset as usize].iter().filter(|byte| **byte == b'\n').count() as i64 - 1;
            assert_eq!(printed, records, "{id}: rows, and records up to byte {offset}");
        }
        if execution == Some(id.as_str()) {
            found = count;
        }
    }
    connection.close().await.unwrap();
    found
}

fn signal(server: &Server, signal: Signal) {
    kill_process(Pid::from_raw(server.pid() as i32).unwrap(), signal).unwrap();
    let state = || fs::read_to_string(format!("/proc/{}/stat", server.pid())).unwrap();
    let is_stopped = |stat: &str| stat.rsplit(") ").next().unwrap().starts_with(['T', 't']);
    assert!(eventually(|| is_stopped(&state()) == (signal == Signal::STOP)));
}

fn copy(from: &Path, to: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        if beside(from, suffix).exists() {
            fs::copy(beside(from, suffix), beside(to, suffix)).unwrap();
        }
    }
}

fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn wal(database: &Path) -> PathBuf {
    beside(database, "-wal")
}

fn wal_length(database: &Path) -> u64 {
    fs::metadata(wal(database)).unwrap().len()
}

/// How many bytes of the write-ahead log a checkpoint has put into the file. The log's index in shared memory has the
/// number of frames (`nBackfill`, https://www.sqlite.org/walformat.html#the_wal_index_file_format).
fn checkpointed(database: &Path) -> u64 {
    let index = fs::read(beside(database, "-shm")).unwrap();
    let frames = u32::from_ne_bytes(index[96..100].try_into().unwrap());
    let header = fs::read(wal(database)).unwrap();
    let page = u32::from_be_bytes(header[8..12].try_into().unwrap());
    32 + u64::from(frames) * (24 + u64::from(page))
}
