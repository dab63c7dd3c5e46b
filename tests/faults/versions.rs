//! Row 12: a supervisor and a server that are not of the same version.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};

use crate::oracle::{self, Extent};
use crate::rounds::{Database, Round};
use crate::scenes;
use crate::scribe::{Part, Script};
use crate::support::{Server, eventually};

crate::on_both_databases!(
    row_12_another_minor_version_is_read,
    row_12_another_major_version_is_refused_and_nothing_is_lost,
    row_12_an_older_supervisor_lives_on,
);

/// A card whose first stage has ended while the server was down, with nothing of its journal taken in yet.
fn ended_unseen(round: &mut Round) -> (Server, String, String, Script) {
    let mut server = round.prepare().start();
    let script = Script::seeded(&mut round.rng, 30, 0.0);
    let plan = Part::default().wait_for("down").lines(&mut round.rng, 100, 0.0);
    let script = script.with("plan", plan);
    let card = scenes::run_one(&server, script.clone()).card;
    let execution = scenes::active(&scenes::wait_for_rows(&server, &card, 1));
    let place = oracle::place(&server, &execution);
    assert!(eventually(|| place.join("started").exists()));
    server.kill_9();
    fs::write(server.home().join("down"), "").unwrap();
    assert!(eventually(|| place.join("exit.json").exists()));
    // The header may have been read before the first line came.
    let forget = format!("update executions set journal_offset = 0, digest = null where id = '{execution}'");
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        sqlx::any::install_default_drivers();
        let url = match round.database {
            Database::Sqlite => format!("sqlite:{}?mode=rw", server.data_dir().join("cardume.db").display()),
            Database::Postgres => round.postgres_url.clone().unwrap(),
        };
        let mut connection = AnyConnection::connect(&url).await.unwrap();
        connection.execute(AssertSqlSafe(forget)).await.unwrap();
        connection.close().await.unwrap();
    });
    (server, card, execution, script)
}

/// In one step: a server that reads on must not find a journal without anything in it.
fn replace_header(journal: &Path, header: &str) {
    let bytes = fs::read(journal).unwrap();
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    let other = journal.with_extension("other");
    fs::write(&other, [header.as_bytes(), &bytes[end..]].concat()).unwrap();
    fs::rename(other, journal).unwrap();
}

fn row_12_another_minor_version_is_read(round: &mut Round) {
    let (mut server, card, execution, script) = ended_unseen(round);
    let place = oracle::place(&server, &execution);
    replace_header(&place.join("journal"), "cardume-journal 1.7");
    let mut exit: Value = serde_json::from_slice(&fs::read(place.join("exit.json")).unwrap()).unwrap();
    // Two more bytes of header, and members that this Cardume knows nothing of.
    exit["journal_bytes"] = (exit["journal_bytes"].as_u64().unwrap() + 2).into();
    exit["cpu_seconds"] = json!(1.5);
    exit["signals"] = json!({ "seen": ["WINCH"] });
    fs::write(place.join("exit.json"), exit.to_string()).unwrap();
    server.restart();
    server.wait_for_stage(&card, "completed");
    oracle::assert_card_ok(&server, &card, &script);
}

fn row_12_another_major_version_is_refused_and_nothing_is_lost(round: &mut Round) {
    let (mut server, card, execution, script) = ended_unseen(round);
    let journal = oracle::place(&server, &execution).join("journal");
    replace_header(&journal, "cardume-journal 2");
    let bytes = fs::read(&journal).unwrap();
    for _ in 0..2 {
        server.restart();
        let mut told = vec![];
        assert!(
            eventually(|| {
                let log = oracle::log_after(&server, &execution, 0);
                told = log["logs"].as_array().unwrap().iter().filter(|row| row["type"] == "error").cloned().collect();
                !told.is_empty()
            }),
            "{}",
            server.own_log()
        );
        assert_eq!(told.len(), 1, "told more than once: {told:#?}");
        assert!(told[0]["content"].as_str().unwrap().contains("version 2"), "{told:#?}");
        let waiting = server.card(&card);
        assert_eq!(waiting["activeExecution"]["status"], "running", "{waiting:#}");
        assert_eq!(fs::read(&journal).unwrap(), bytes, "the journal was touched");
    }
    // A Cardume that knows the version comes; here, the version becomes one that this Cardume knows.
    replace_header(&journal, "cardume-journal 1");
    server.wait_for_stage(&card, "completed");
    oracle::assert_card_ok(&server, &card, &script);
}

/// Its `started` is a bare number, and its exit status knows of no digest.
fn row_12_an_older_supervisor_lives_on(round: &mut Round) {
    let mut server = round.prepare().start();
    let part = Part::default().lines(&mut round.rng, 50, 0.2).wait_for("go").lines(&mut round.rng, 50, 0.0);
    let script = Script::seeded(&mut round.rng, 20, 0.0).with("plan", part.clone());
    let card = scenes::run_one(&server, script.clone()).card;
    let execution = scenes::active(&scenes::wait_for_rows(&server, &card, 40));
    let place = oracle::place(&server, &execution);
    server.kill_9();
    let supervisor = oracle::supervisor(&server, &execution).unwrap();
    fs::write(place.join("started"), format!("{supervisor}\n")).unwrap();
    server.restart();
    scenes::wait_for_rows(&server, &card, 51);
    assert_eq!(server.card(&card)["activeExecution"]["status"], "running");
    server.kill_9();
    fs::write(server.home().join("go"), "").unwrap();
    assert!(eventually(|| place.join("exit.json").exists()));
    let mut exit: Value = serde_json::from_slice(&fs::read(place.join("exit.json")).unwrap()).unwrap();
    exit.as_object_mut().unwrap().remove("digest");
    fs::write(place.join("exit.json"), exit.to_string()).unwrap();
    server.restart();
    server.wait_for_stage(&card, "completed");
    let executions = server.executions(&card);
    assert_eq!(executions[0]["verified"], Value::Null, "nobody said what the supervisor saw");
    oracle::assert_execution_ok(&server, &executions[0], &part, Extent::AsFarAsItCame);
    let (kept, printed) = (oracle::all_rows(&server, &execution), part.stdout.len() + part.stderr.len());
    let lines = oracle::whole_lines(&kept, "text").len() + oracle::whole_lines(&kept, "stderr").len();
    assert_eq!(lines, printed);
    for execution in &executions[1..] {
        oracle::assert_execution_ok(&server, execution, script.part(oracle::stage(execution)), Extent::Whole);
    }
    oracle::assert_started_once_each(server.home());
}
