//! The doctor names each trouble, with what to do, and changes nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use cardume::server::store::{CacheLimits, Database, Store};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::migrate::Migrator;

use super::support::{Server, clean_command, eventually, processes_under};
use super::{back_up, id};

/// Whether all is well, and what the doctor says.
fn doctor(server: &Server) -> (bool, String) {
    let output = server.cardume(&["doctor", "--data-dir"]).arg(server.data_dir()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[track_caller]
fn says(server: &Server, is_well: bool, words: &[&str]) {
    let (well, said) = doctor(server);
    assert_eq!(well, is_well, "{said}");
    let line = said.lines().find(|line| words.iter().all(|word| line.contains(word)));
    assert!(line.is_some(), "no line has {words:?}: {said}");
}

#[test]
fn the_doctor_looks_at_backups_modes_and_space() {
    let server = Server::start();
    says(&server, true, &["· backup", "none", "cardume backup FILE"]);
    says(&server, true, &["disk space", "MB are free"]);
    let dir = server.data_dir().join("backups");
    fs::create_dir_all(&dir).unwrap();
    let file = back_up(&server, "one.tar.zst", None);
    fs::copy(&file, dir.join("cardume-20200101T000000Z.tar.zst")).unwrap();
    says(&server, true, &["· backup", "hours old", "older than it should be"]);
    let now = cardume::server::now().to_string().replace([':', '-'], "");
    fs::copy(&file, dir.join(format!("cardume-{}Z.tar.zst", &now[..15]))).unwrap();
    says(&server, true, &["✓ backup", "0 hours old"]);
    let database = server.data_dir().join("cardume.db");
    fs::set_permissions(&database, fs::Permissions::from_mode(0o644)).unwrap();
    says(&server, true, &["· file modes", "cardume.db", "chmod 600"]);
    assert_eq!(database.metadata().unwrap().permissions().mode() & 0o777, 0o644, "it only looks");
}

#[test]
fn the_doctor_names_folders_in_the_place_of_locks() {
    let mut server = Server::start();
    let card = server.run_new_card("good");
    server.wait_for_stage(&card, "completed");
    server.terminate();
    let execution = server.data_dir().join("executions").read_dir().unwrap().next().unwrap().unwrap().path();
    fs::remove_file(execution.join("lock")).unwrap();
    fs::create_dir(execution.join("lock")).unwrap();
    says(&server, true, &["· lock", "a folder and should be a file", "has ended"]);
    fs::remove_file(execution.join("exit.json")).unwrap();
    says(&server, false, &["✗ lock", "a folder and should be a file", "Move it away"]);
    fs::remove_dir(execution.join("lock")).unwrap();
    fs::remove_file(server.data_dir().join("server.lock")).unwrap();
    fs::create_dir(server.data_dir().join("server.lock")).unwrap();
    says(&server, false, &["✗ lock", "server.lock", "no server can start"]);
}

#[test]
fn the_doctor_finds_damage_and_pending_migrations() {
    let mut server = Server::start();
    let card = server.run_new_card("good");
    server.wait_for_stage(&card, "completed");
    says(&server, true, &["✓ runs", "0 under way"]);
    server.terminate();
    let path = server.data_dir().join("cardume.db");
    let whole = fs::read(&path).unwrap();
    let middle = whole.len() / 4096 / 2 * 4096;
    let mut torn = whole.clone();
    torn[middle..middle + 4096].fill(0xa5);
    fs::write(&path, &torn).unwrap();
    says(&server, false, &["✗ database", "damaged", "cardume restore"]);
    fs::remove_file(&path).unwrap();
    says(&server, false, &["✗ database", "missing", "executions", "cardume restore"]);
    assert!(!path.exists(), "it only looks");
    fs::write(&path, &whole).unwrap();
    says(&server, true, &["✓ database"]);

    static OURS: Migrator = sqlx::migrate!("migrations/sqlite");
    let old = tempfile::tempdir().unwrap();
    let database = Database::Sqlite(old.path().join("cardume.db"));
    let pending = OURS.iter().count() - 1;
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = Store::connect(&database, CacheLimits::default()).await.unwrap();
        store.migrate_by(&Migrator::with_migrations(OURS.iter().take(1).cloned().collect())).await.unwrap();
        store.close().await;
    });
    for _ in 0..2 {
        let output = clean_command(old.path()).args(["doctor", "--data-dir"]).arg(old.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains(&format!("{pending} migrations are pending")), "{said}");
    }
}

#[test]
fn the_doctor_finds_supervisors_that_hang_or_are_gone_and_damaged_journals() {
    let preparation = Server::prepare().agent("stuck", "cat > /dev/null; echo one; sleep 600");
    let mut server = preparation.start();
    let card = server.run_new_card("stuck");
    server.wait_for_card(&card, "rows", |card| card["activeExecution"]["lastSequence"].as_i64() > Some(1));
    let execution = id(&server.executions(&card)[0]).to_owned();
    let dir = server.data_dir().join("executions").join(&execution);
    says(&server, true, &["✓ runs", "1 under way"]);
    server.kill_9();

    let started: serde_json::Value = serde_json::from_slice(&fs::read(dir.join("started")).unwrap()).unwrap();
    let supervisor = Pid::from_raw(started["pid"].as_i64().unwrap() as i32).unwrap();
    kill_process(supervisor, Signal::STOP).unwrap();
    let pid = started["pid"].to_string();
    assert!(eventually(|| doctor(&server).1.contains("SIGSTOP")));
    says(&server, false, &["✗ runs", &card, "kill -CONT", &pid, "cardume cancel"]);
    kill_process(supervisor, Signal::CONT).unwrap();
    assert!(eventually(|| doctor(&server).0));

    for pid in processes_under(&dir) {
        let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
    }
    assert!(eventually(|| doctor(&server).1.contains("is gone")));
    says(&server, true, &["· runs", &card, "is gone", "resume"]);

    let journal = fs::read(dir.join("journal")).unwrap();
    fs::write(dir.join("journal"), [&journal[..], b"o 1 00000000 a record whose checksum is not its own\n"].concat())
        .unwrap();
    says(&server, true, &["· journal", &card, "are damaged"]);
    fs::write(dir.join("journal"), &journal[..20]).unwrap();
    says(&server, true, &["· journal", &card, "were taken in before"]);
    fs::write(dir.join("journal"), "cardume-journal 9\n").unwrap();
    says(&server, false, &["✗ journal", &card, "version"]);

    fs::write(dir.join("journal"), &journal).unwrap();
    server.restart();
    server.wait_for_stage(&card, "error");
    says(&server, true, &["· runs", &card, "was lost", "cardume retry"]);
}

#[test]
fn the_doctor_says_who_has_the_database_and_where_it_belongs() {
    let mut server = Server::prepare().agent("stuck", "cat > /dev/null; echo one; sleep 600").start();
    let url = server.url();
    says(&server, true, &["✓ server", &url, "process", "data directory"]);
    let database = format!("sqlite:{}", server.data_dir().join("cardume.db").display());
    let elsewhere = |server: &Server| {
        let mut command = server.cardume(&["doctor", "--database-url", &database, "--data-dir"]);
        let output = command.arg(server.home().join("elsewhere")).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = elsewhere(&server);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.lines().any(|line| line.starts_with("✗ server") && line.contains(&url)), "{said}");
    let is_misplaced = |said: &str, words: &[&str]| {
        said.lines().any(|line| line.starts_with("✗ data directory") && words.iter().all(|word| line.contains(word)))
    };
    assert!(is_misplaced(&said, &["belongs to", "--data-dir"]), "{said}");

    let card = server.run_new_card("stuck");
    server.wait_for_card(&card, "rows", |card| card["activeExecution"]["lastSequence"].as_i64() > Some(1));
    server.kill_9();
    says(&server, true, &["✓ server", "none works"]);
    let (code, said) = elsewhere(&server);
    assert_eq!(code, Some(1), "{said}");
    assert!(is_misplaced(&said, &["1 run has not ended", "--take-over"]), "{said}");
}

#[test]
fn a_directory_where_a_lock_should_be_is_named() {
    let mut server = Server::start();
    server.terminate();
    for name in ["server.lock", "cardume.db.server-lock"] {
        let path = server.data_dir().join(name);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let shown = path.canonicalize().unwrap().display().to_string();
        says(&server, false, &["✗ server", name, "Move away"]);
        let said = server.try_restart().unwrap_err();
        assert!(said.contains(&shown) && said.contains("Move away"), "{said}");
        fs::remove_dir(&path).unwrap();
    }
    server.restart();
}

#[test]
fn a_database_that_cannot_hold_every_text_is_refused() {
    let url = tokio::runtime::Runtime::new().unwrap().block_on(async {
        use sqlx::{Connection, Executor, PgConnection};
        let url = super::postgres::database().await;
        let mut connection = PgConnection::connect(&url).await.unwrap();
        let make = "create database latin encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0";
        connection.execute(make).await.unwrap();
        let (server, parameters) = url.rsplit_once('?').unwrap();
        format!("{}/latin?{parameters}", server.rsplit_once('/').unwrap().0)
    });
    let home = tempfile::tempdir().unwrap();
    let run = |command: &str| {
        let mut cardume = clean_command(home.path());
        cardume.args([command, "--addr", "127.0.0.1:0", "--database-url", &url, "--data-dir"]);
        cardume.arg(home.path().join("data")).output().unwrap()
    };
    let (served, examined) = (run("serve"), run("doctor"));
    assert_eq!((served.status.code(), examined.status.code()), (Some(1), Some(1)));
    let (served, examined) = (String::from_utf8_lossy(&served.stderr), String::from_utf8_lossy(&examined.stdout));
    let words = "the Postgres database has the encoding LATIN1, and Cardume needs UTF8";
    assert!(served.contains(words) && served.contains("createdb --encoding=UTF8 --template=template0"), "{served}");
    assert!(examined.contains(&format!("✗ database: {words}")), "{examined}");
}
