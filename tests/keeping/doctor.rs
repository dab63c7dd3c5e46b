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
