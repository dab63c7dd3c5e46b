//! Row 15: a second server comes to the same database, or the first one loses what makes it the only one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use tokio::runtime::Runtime;

use crate::oracle;
use crate::rounds::{Database, Round, busy};
use crate::scenes::{self, Scripted};
use crate::scribe::{self, Part, Script};
use crate::support::{Preparation, Server, eventually, git};

crate::on_both_databases!(
    row_15_a_second_server_on_the_same_database,
    row_15_the_lock_is_lost_under_load,
    row_15_a_start_with_a_fresh_data_directory,
    row_15_the_data_directory_has_moved,
);

const REFUSED_WITHIN: Duration = Duration::from_secs(5);
const UP_WITHIN: Duration = Duration::from_secs(10);
/// Of the lock's own connection to Postgres.
const LOCK_CONNECTION: &str = "application_name = 'cardume lock' and datname = current_database()";

/// A server whose SQLite database, if it has one, is beside the data directory.
fn prepare(round: &Round) -> Preparation {
    let preparation = round.prepare();
    match round.database {
        Database::Postgres => preparation,
        Database::Sqlite => {
            let url = format!("sqlite:{}", sqlite_file(preparation.home()).display());
            preparation.env("DATABASE_URL", url)
        }
    }
}

fn sqlite_file(home: &Path) -> PathBuf {
    home.join("board.db")
}

fn row_15_a_second_server_on_the_same_database(round: &mut Round) {
    let mut server = prepare(round).start();
    let scripts = (0..3).map(|_| Script::seeded(&mut round.rng, 150, 2.5)).collect();
    let running = scenes::run_cards(&server, scripts);
    scenes::wait_for_rows(&server, &running[0].card, 3);
    let generation = generation(round, &server);
    let home = server.home().to_owned();
    let url = round.postgres_url.clone().unwrap_or_else(|| format!("sqlite:{}", sqlite_file(&home).display()));
    let mut seconds = vec![(server.data_dir(), url.clone()), (home.join("other"), url)];
    if round.database == Database::Sqlite {
        std::os::unix::fs::symlink(sqlite_file(&home), home.join("link.db")).unwrap();
        let names = [home.join("link.db"), home.join("data/../board.db")];
        seconds.extend(names.map(|name| (home.join("other"), format!("sqlite:{}", name.display()))));
    }
    for (data_dir, url) in &seconds {
        let since = Instant::now();
        let output = serve(&server, data_dir, url);
        let took = since.elapsed();
        println!("    refused after {took:.2?}");
        assert!(took < busy(REFUSED_WITHIN), "{took:?}");
        refused(
            &output,
            &["another Cardume", &server.url(), "nothing was changed", &format!("process {}", server.pid())],
        );
    }
    assert_eq!(self::generation(round, &server), generation, "the second server took the database over");
    finish_well(&server, &running);

    server.kill_9();
    let since = Instant::now();
    server.restart();
    println!("    up {:.2?} after kill -9", since.elapsed());
    assert!(since.elapsed() < busy(UP_WITHIN));
    assert_eq!(server.get("/health").status, 200);
}

/// A server that is expected to end by itself.
fn serve(server: &Server, data_dir: &Path, url: &str) -> Output {
    // Whatever is asked for: a living server is never taken over.
    let arguments = ["serve", "--take-over", "--addr", "127.0.0.1:0", "--database-url", url, "--data-dir"];
    let mut command = server.cardume(&arguments);
    command.arg(data_dir).output().unwrap()
}

#[track_caller]
fn refused(output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!((said.lines().count(), output.stdout.len()), (1, 0), "one message: {said}");
    for word in words {
        assert!(said.contains(word), "“{word}” is not in: {said}");
    }
}

#[track_caller]
fn finish_well(server: &Server, running: &[Scripted]) {
    for scripted in running {
        server.wait_for_stage(&scripted.card, "completed");
        oracle::assert_card_ok(server, &scripted.card, &scripted.script);
    }
    assert_eq!(scribe::starts(server.home()).len(), running.len() * 4);
}

/// The number under which the database is written.
fn generation(round: &Round, server: &Server) -> i64 {
    sqlx::any::install_default_drivers();
    let sqlite = || format!("sqlite:{}?mode=ro", sqlite_file(server.home()).display());
    let url = round.postgres_url.clone().unwrap_or_else(sqlite);
    Runtime::new().unwrap().block_on(async {
        let mut connection = sqlx::AnyConnection::connect(&url).await.unwrap();
        sqlx::query_scalar("select generation from server_owner").fetch_one(&mut connection).await.unwrap()
    })
}

fn row_15_the_lock_is_lost_under_load(round: &mut Round) {
    let server = prepare(round).start();
    let scripts = (0..4).map(|_| Script::seeded(&mut round.rng, 200, 3.0)).collect();
    let running = scenes::run_cards(&server, scripts);
    scenes::wait_for_rows(&server, &running[0].card, 3);
    let runtime = Runtime::new().unwrap();
    let before = generation(round, &server);
    // Nobody takes it: the server has it back at once.
    break_lock(round, &server, &runtime);
    assert!(eventually(|| generation(round, &server) > before), "the server did not notice, or did not take it back");
    assert!(eventually(|| server.get("/health").status == 200));

    let held = steal_lock(round, &server, &runtime);
    let mut health = server.get("/health");
    assert!(
        eventually(|| {
            health = server.get("/health");
            health.status == 503 && health.json()["reason"].as_str().unwrap().contains("Another server")
        }),
        "{health:?}"
    );
    assert_eq!(health.json()["status"], "degraded");
    let paths = health.json().to_string();
    assert!(!paths.contains(&server.home().display().to_string()), "{paths}");
    let card = &running[0].card;
    let generation_then = generation(round, &server);
    // What was launched just before may take a moment to show itself.
    std::thread::sleep(Duration::from_secs(2));
    let (starts, seen) = (scribe::starts(server.home()), rows(&server, &running));
    for _ in 0..10 {
        assert_eq!(server.get("/api/cards").status, 200, "reading goes on");
        server.patch(&format!("/api/cards/{card}"), json!({ "title": "Written" })).problem(503);
        let project = server.card(card)["projectId"].clone();
        server.post("/api/cards", json!({ "projectId": project, "title": "Another" })).problem(503);
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(rows(&server, &running), seen, "rows were written without the lock");
    assert_eq!(scribe::starts(server.home()), starts, "an agent was started without the lock");
    assert_ne!(server.card(card)["title"], "Written");
    assert_eq!(generation(round, &server), generation_then);

    drop(held);
    let since = Instant::now();
    assert!(eventually(|| server.get("/health").status == 200));
    println!("    well again {:.2?} after", since.elapsed());
    assert_eq!(server.get("/api/cards").json()["cards"].as_array().unwrap().len(), running.len());
    finish_well(&server, &running);
}

/// How many rows each card has.
fn rows(server: &Server, running: &[Scripted]) -> Vec<i64> {
    let last = |scripted: &Scripted| server.card(&scripted.card)["activeExecution"]["lastSequence"].as_i64().unwrap();
    running.iter().map(last).collect()
}

fn break_lock(round: &Round, server: &Server, runtime: &Runtime) {
    match &round.postgres_url {
        None => fs::remove_file(lock_file(server)).unwrap(),
        Some(url) => runtime.block_on(async {
            let mut admin = PgConnection::connect(url).await.unwrap();
            let cut = format!("select pg_terminate_backend(pid) from pg_stat_activity where {LOCK_CONNECTION}");
            assert_eq!(admin.fetch_all(AssertSqlSafe(cut)).await.unwrap().len(), 1);
        }),
    }
}

fn lock_file(server: &Server) -> PathBuf {
    sqlite_file(server.home()).with_file_name("board.db.server-lock")
}

/// What keeps the lock from the server until it is dropped.
enum Stolen {
    File(#[allow(dead_code)] File),
    Session(#[allow(dead_code)] PgConnection),
}

fn steal_lock(round: &Round, server: &Server, runtime: &Runtime) -> Stolen {
    let Some(url) = &round.postgres_url else {
        let path = lock_file(server);
        let mut stolen = None;
        assert!(eventually(|| {
            // The server may be quicker to make a new one.
            let _ = fs::remove_file(&path);
            let file = File::options().create_new(true).write(true).open(&path);
            stolen = file.ok().filter(|file| file.try_lock().is_ok());
            stolen.is_some()
        }));
        return Stolen::File(stolen.unwrap());
    };
    runtime.block_on(async {
        let mut thief = PgConnection::connect(url).await.unwrap();
        let find = format!(
            "select l.classid::bigint, l.objid::bigint, l.pid from pg_locks l
             join pg_stat_activity a using (pid) where l.locktype = 'advisory' and a.{LOCK_CONNECTION}"
        );
        loop {
            let Ok(Some(lock)) = thief.fetch_optional(AssertSqlSafe(find.clone())).await else { continue };
            let (class, object, pid): (i64, i64, i32) = (lock.get(0), lock.get(1), lock.get(2));
            // Waits in the queue for it, so nobody else gets it in between.
            let cut = format!(
                "do $$ begin perform pg_terminate_backend({pid}); perform pg_advisory_lock({class}, {object}); end $$"
            );
            thief.execute("set lock_timeout = '5s'").await.unwrap();
            if thief.execute(AssertSqlSafe(cut)).await.is_ok() {
                return Stolen::Session(thief);
            }
        }
    })
}

fn row_15_a_start_with_a_fresh_data_directory(round: &mut Round) {
    let mut server = prepare(round).start();
    let plan = Part::default().lines(&mut round.rng, 20, 0.1).wait_for("go").out("the end");
    let scripted = scenes::run_one(&server, Script::seeded(&mut round.rng, 10, 0.1).with("plan", plan));
    let card = scenes::wait_for_rows(&server, &scripted.card, 10);
    let lost = scenes::active(&card);
    server.kill_9();
    server.kill_agents();
    // As a container does whose volume is a new one.
    let old = swap_data_dir(&server, "old");
    let generation = generation(round, &server);
    let said = server.try_restart().unwrap_err();
    for word in ["1 run has not ended", "--data-dir", "--take-over", "volume"] {
        assert!(said.contains(word), "“{word}” is not in: {said}");
    }
    assert!(eventually(|| !server.is_running()));
    assert_eq!(self::generation(round, &server), generation, "the refused server took the database over");
    assert!(!server.data_dir().join("executions").join(&lost).exists());

    server.set_arguments(&["--take-over"]);
    server.restart();
    let failed = server.wait_for_stage(&scripted.card, "error");
    assert_eq!(failed["activeExecution"]["status"], "lost", "{failed:#}");
    let error = failed["activeExecution"]["workflowError"].as_str().unwrap();
    assert!(error.contains("--take-over") && error.contains("Resume"), "{error}");
    let last = oracle::all_rows(&server, &lost).pop().unwrap();
    assert_eq!((&last["type"], &last["content"]), (&json!("error"), &json!(error)));
    // It is said once, and the database is the new directory's from now on.
    server.set_arguments(&[]);
    server.restart();
    fs::write(server.home().join("go"), "").unwrap();
    scenes::retry(&server, &scripted.card);
    let done = server.wait_for_stage(&scripted.card, "completed");
    let worktree = PathBuf::from(done["worktreePath"].as_str().unwrap());
    assert!(worktree.starts_with(server.data_dir().canonicalize().unwrap()) && worktree.join("work.txt").exists());
    for execution in &server.executions(&scripted.card)[1..] {
        let part = scripted.script.part(oracle::stage(execution));
        oracle::assert_execution_ok(&server, execution, part, oracle::Extent::Whole);
    }
    oracle::assert_started_once_each(server.home());

    // Where nothing runs, a fresh one needs no words, and neither does the old one.
    server.terminate();
    let second = swap_data_dir(&server, "second");
    server.restart();
    server.terminate();
    fs::remove_dir_all(server.data_dir()).unwrap();
    fs::rename(old, server.data_dir()).unwrap();
    server.restart();
    assert_eq!(server.get("/api/cards").json()["cards"][0]["columnId"], "done");
    drop(second);
}

/// Puts an empty data directory, but for the configuration, in the place of the present one; answers where that is now.
fn swap_data_dir(server: &Server, name: &str) -> PathBuf {
    let old = server.home().join(name);
    fs::rename(server.data_dir(), &old).unwrap();
    fs::create_dir(server.data_dir()).unwrap();
    fs::copy(old.join("cardume.toml"), server.data_dir().join("cardume.toml")).unwrap();
    old
}

fn row_15_the_data_directory_has_moved(round: &mut Round) {
    let mut server = prepare(round).start();
    let plan = Part::default().lines(&mut round.rng, 20, 0.1).wait_for("go");
    let scripted = scenes::run_one(&server, Script::seeded(&mut round.rng, 10, 0.1).with("plan", plan));
    scenes::wait_for_rows(&server, &scripted.card, 10);
    server.kill_9();
    server.kill_agents();
    let moved = server.home().join("moved");
    fs::rename(server.data_dir(), &moved).unwrap();
    std::os::unix::fs::symlink(&moved, server.data_dir()).unwrap();
    server.restart();
    let lost = server.wait_for_stage(&scripted.card, "error");
    assert_eq!(lost["activeExecution"]["status"], "lost", "{lost:#}");
    fs::write(server.home().join("go"), "").unwrap();
    scenes::retry(&server, &scripted.card);
    let done = server.wait_for_stage(&scripted.card, "completed");
    let worktree = PathBuf::from(done["worktreePath"].as_str().unwrap());
    assert!(worktree.starts_with(moved.canonicalize().unwrap()), "{}", worktree.display());
    // Git may know it by the old path, which leads to the same place.
    let known = git(&server.home().join("repository"), &["worktree", "list", "--porcelain"]);
    let mut places = known.lines().filter_map(|line| Path::new(line.strip_prefix("worktree ")?).canonicalize().ok());
    assert!(places.any(|place| place == worktree), "git does not know where it is now: {known}");
    oracle::assert_started_once_each(server.home());
}
