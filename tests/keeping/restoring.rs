//! A backup that was made under load is restored elsewhere, a server is started on it, and every row is compared.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::support::{Preparation, Server, eventually, git};
use super::{WRITING_AGENT, back_up, id, printed, restore};

/// A server with a card that is done and three whose agents write until they are released.
fn loaded(database_url: Option<&str>) -> (Server, Vec<String>) {
    let mut preparation = Server::prepare().agent("good", super::support::GOOD_AGENT).agent("writing", WRITING_AGENT);
    if let Some(url) = database_url {
        preparation = preparation.env("DATABASE_URL", url);
    }
    fs::write(preparation.home().join("hold"), "").unwrap();
    let server = preparation.start();
    let mut cards = vec![server.run_new_card("good")];
    server.wait_for_stage(&cards[0], "completed");
    for n in 0..3 {
        let project = server.add_project(&server.repository(&format!("repository-{n}")));
        let card = server.add_card(&project, &format!("Card {n}"), "writing");
        assert_eq!(server.post(&format!("/api/cards/{card}/run"), Value::Null).status, 202);
        cards.push(card);
    }
    for card in &cards[1..] {
        server.wait_for_card(card, "rows", |card| card["activeExecution"]["lastSequence"].as_i64() > Some(50));
    }
    (server, cards)
}

fn release(server: &Server) {
    fs::remove_file(server.home().join("hold")).unwrap();
}

/// A server to be, on a data directory that the backup was restored into.
fn restored(file: &Path, database_url: Option<&str>) -> Preparation {
    let preparation = Server::prepare().agent("good", super::support::GOOD_AGENT).agent("writing", WRITING_AGENT);
    let (done, said) = restore(file, &preparation.home().join("data"), database_url);
    assert!(done, "{said}");
    assert!(said.contains("3 had not ended"), "{said}");
    match database_url {
        Some(url) => preparation.env("DATABASE_URL", url),
        None => preparation,
    }
}

/// Each execution that had ended is equal in all; of each that ran, all that the backup could know is there.
fn compare(original: &Server, restored: &Server, cards: &[String], known: &[usize]) {
    assert_eq!(restored.get("/api/projects").json(), original.get("/api/projects").json());
    let (done, running) = cards.split_first().unwrap();
    let (theirs, ours) = (original.executions(done), restored.executions(done));
    assert_eq!((ours.len(), &ours), (4, &theirs));
    for execution in &ours {
        assert_eq!(restored.rows(id(execution), 777), original.rows(id(execution), 777));
    }
    for (card, known) in running.iter().zip(known) {
        let lost = restored.wait_for_stage(card, "error");
        assert_eq!(lost["activeExecution"]["status"], "lost", "{lost}");
        let worktrees = restored.data_dir().canonicalize().unwrap().join("worktrees");
        assert_eq!(lost["worktreePath"], worktrees.join(card).to_str().unwrap());
        let execution = lost["activeExecution"]["id"].as_str().unwrap();
        let (ours, theirs) = (restored.rows(execution, 777), original.rows(execution, 777));
        let (ours, theirs) = (printed(&ours), printed(&theirs));
        assert!(ours.len() >= *known, "{} rows of {known} that were there before the backup", ours.len());
        assert_eq!(ours, theirs[..ours.len()], "what was restored is no prefix");
    }
}

fn counts(server: &Server, cards: &[String]) -> Vec<usize> {
    cards[1..].iter().map(|card| printed(&server.rows(id(&server.executions(card)[0]), 777)).len()).collect()
}

fn a_backup_under_load_has_every_row(from: Option<&str>, to: Option<&str>) {
    let (server, cards) = loaded(from);
    let known = counts(&server, &cards);
    let file = back_up(&server, "backup.tar.zst", from);
    let pids = fs::read_to_string(server.home().join("pids")).unwrap();
    let restored = restored(&file, to).start();
    // The original's agents are not touched by a server that has the same executions elsewhere.
    compare(&server, &restored, &cards, &known);
    let alive = |pid: &str| Path::new("/proc").join(pid).exists();
    assert!(pids.lines().all(alive), "an agent of the original was ended");
    release(&server);
    for card in &cards[1..] {
        server.wait_for_stage(card, "completed");
    }
    assert_eq!(
        fs::read_to_string(server.home().join("pids")).unwrap().lines().count(),
        3 * 4,
        "an agent was started again"
    );
    // What is restored can be worked with: the first stage again, from the start, to the end.
    let card = &cards[1];
    assert_eq!(restored.post(&format!("/api/cards/{card}/retry"), Value::Null).status, 202);
    restored.wait_for_stage(card, "completed");
}

#[test]
fn a_backup_of_sqlite_under_load_has_every_row() {
    a_backup_under_load_has_every_row(None, None);
}

fn postgres() -> String {
    tokio::runtime::Runtime::new().unwrap().block_on(super::postgres::database())
}

#[test]
fn a_backup_of_postgres_under_load_has_every_row() {
    a_backup_under_load_has_every_row(Some(&postgres()), Some(&postgres()));
}

#[test]
fn a_backup_goes_from_sqlite_to_postgres() {
    a_backup_under_load_has_every_row(None, Some(&postgres()));
}

#[test]
fn a_backup_goes_from_postgres_to_sqlite() {
    a_backup_under_load_has_every_row(Some(&postgres()), None);
}

/// What is only in the journal at the moment of the snapshot comes in after the restore.
#[test]
fn journal_rows_that_were_not_in_the_database_yet_come_in() {
    let (server, cards) = loaded(None);
    let stop =
        |signal| rustix::process::kill_process(rustix::process::Pid::from_raw(server.pid() as i32).unwrap(), signal);
    stop(rustix::process::Signal::STOP).unwrap();
    let journals: Vec<_> = fs::read_dir(server.data_dir().join("executions"))
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| !path.join("exit.json").exists())
        .collect();
    assert_eq!(journals.len(), 3);
    let lines = |dir: &Path| {
        let journal = fs::read_to_string(dir.join("journal")).unwrap();
        journal.lines().filter(|line| line.starts_with("o ")).count()
    };
    let before: Vec<usize> = journals.iter().map(|dir| lines(dir)).collect();
    assert!(eventually(|| journals.iter().zip(&before).all(|(dir, before)| lines(dir) > before + 100)));
    let least: Vec<usize> = journals.iter().map(|dir| lines(dir)).collect();
    let file = back_up(&server, "backup.tar.zst", None);
    stop(rustix::process::Signal::CONT).unwrap();
    let restored = restored(&file, None).start();
    for card in &cards[1..] {
        let lost = restored.wait_for_stage(card, "error");
        let execution = lost["activeExecution"]["id"].as_str().unwrap();
        let index = journals.iter().position(|dir| dir.ends_with(execution)).unwrap();
        let (ours, theirs) = (restored.rows(execution, 777), server.rows(execution, 777));
        assert!(printed(&ours).len() >= least[index], "{} of {}", printed(&ours).len(), least[index]);
        assert_eq!(printed(&ours), printed(&theirs)[..printed(&ours).len()]);
        assert!(ours.iter().all(|row| !row["content"].as_str().unwrap().contains("damaged")), "{ours:?}");
    }
    release(&server);
}

#[test]
fn branches_come_back_where_the_repository_lacks_them() {
    let (server, cards) = loaded(None);
    release(&server);
    for card in &cards {
        server.wait_for_stage(card, "completed");
    }
    let branch = server.card(&cards[0])["branch"].as_str().unwrap().to_owned();
    let repository = server.home().join("repository");
    let tip = git(&repository, &["rev-parse", &branch]);
    let file = back_up(&server, "backup.tar.zst", None);
    git(&repository, &["worktree", "remove", "--force", server.card(&cards[0])["worktreePath"].as_str().unwrap()]);
    git(&repository, &["branch", "-D", &branch]);
    git(&repository, &["reflog", "expire", "--expire=now", "--all"]);
    git(&repository, &["gc", "--quiet", "--prune=now"]);
    // Another project's repository is away; its branches stay as a bundle, and what to do is said.
    fs::rename(server.home().join("repository-1"), server.home().join("away")).unwrap();

    let target = server.home().join("restored");
    let (done, said) = restore(&file, &target, None);
    assert!(done, "{said}");
    assert_eq!(git(&repository, &["rev-parse", &branch]), tip);
    let bundles: Vec<_> = fs::read_dir(target.join("bundles")).unwrap().flatten().collect();
    assert_eq!(bundles.len(), 1, "{said}");
    let line = said.lines().find(|line| line.contains("repository-1")).unwrap();
    assert!(line.contains(bundles[0].path().to_str().unwrap()) && line.contains("git -C"), "{line}");
    // What it says to do works.
    fs::rename(server.home().join("away"), server.home().join("repository-1")).unwrap();
    let branch = server.card(&cards[2])["branch"].as_str().unwrap().to_owned();
    let repository = server.home().join("repository-1");
    git(&repository, &["worktree", "remove", "--force", server.card(&cards[2])["worktreePath"].as_str().unwrap()]);
    git(&repository, &["branch", "-D", &branch]);
    git(&repository, &["fetch", bundles[0].path().to_str().unwrap(), "refs/heads/cardume/*:refs/heads/cardume/*"]);
    git(&repository, &["rev-parse", &branch]);
}
