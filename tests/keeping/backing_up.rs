//! Making backups: by hand beside a server, by the server itself, and what is kept of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::back_up;
use super::support::{GOOD_AGENT, Server, eventually};

fn files_in(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

fn backups_in(dir: &Path) -> Vec<PathBuf> {
    let is_ours = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("cardume-2");
    files_in(dir).into_iter().filter(is_ours).collect()
}

#[test]
fn a_backup_is_a_file_that_others_can_list_and_that_takes_nobodys_place() {
    let server = Server::start();
    let card = server.run_new_card("good");
    server.wait_for_stage(&card, "completed");
    let file = back_up(&server, "one.tar.zst", None);
    let listed = Command::new("tar").arg("--list").arg("--file").arg(&file).output().unwrap();
    let names = String::from_utf8_lossy(&listed.stdout);
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    for part in ["database/", "-log_lines.jsonl", "bundles/", "manifest.json"] {
        assert!(names.contains(part), "{names}");
    }

    let whole = fs::read(&file).unwrap();
    let again = server.cardume(&["backup"]).arg(&file).arg("--data-dir").arg(server.data_dir()).output().unwrap();
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("is there already"));
    assert_eq!(fs::read(&file).unwrap(), whole);
    assert_eq!(server.get("/health").status, 200, "the server goes on");
    assert!(files_in(server.home()).iter().all(|path| !path.to_string_lossy().contains("unfinished")));
}

#[test]
fn a_backup_is_made_without_a_server_too() {
    let mut server = Server::start();
    let card = server.run_new_card("good");
    server.wait_for_stage(&card, "completed");
    server.kill_9();
    back_up(&server, "one.tar.zst", None);
    server.restart();
    assert_eq!(server.card(&card)["columnId"], "done");
}

#[test]
fn the_server_makes_backups_by_itself_and_keeps_the_newest() {
    let preparation = Server::prepare()
        .agent("good", GOOD_AGENT)
        .config("[backup]\nevery_hours = 0.0003\nkeep = 2\ndir = \"kept\"\n");
    let dir = preparation.home().join("data/kept");
    fs::create_dir_all(&dir).unwrap();
    let others = ["notes.txt", "cardume-of-mine.tar.zst", "cardume-20200101T000000Z-before-update.tar.zst"];
    for other in others {
        fs::write(dir.join(other), "mine").unwrap();
    }
    // Of a server that was killed in the middle of one.
    fs::write(dir.join(".cardume-20200101T000000Z.tar.zst.unfinished"), "half").unwrap();
    let server = preparation.start();
    let first = {
        assert!(eventually(|| !backups_in(&dir).iter().all(|path| path.to_string_lossy().contains("before"))));
        backups_in(&dir).pop().unwrap()
    };
    assert!(eventually(|| !first.exists()), "the first one has to go when two newer are there");
    let scheduled = || backups_in(&dir).into_iter().filter(|path| !path.to_string_lossy().contains("before")).count();
    assert!(eventually(|| scheduled() == 2), "{:?}", files_in(&dir));
    for other in others {
        assert_eq!(fs::read(dir.join(other)).unwrap(), b"mine", "{other}");
    }
    assert!(!dir.join(".cardume-20200101T000000Z.tar.zst.unfinished").exists());
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn what_a_killed_backup_leaves_is_removed_by_the_next_one_and_by_the_server() {
    let mut server = Server::start();
    let dir = server.data_dir().join("backups");
    fs::create_dir_all(&dir).unwrap();
    let leftovers = || {
        let names = files_in(server.home()).into_iter().chain(files_in(&server.data_dir().join("backups")));
        names.filter(|path| path.to_string_lossy().contains("unfinished")).count()
    };
    let kill_one = |file: PathBuf| {
        let died = server.home().join(format!("died-{}", file.display().to_string().len()));
        let mut command = server.cardume(&["backup"]);
        command.arg(file).arg("--data-dir").arg(server.data_dir());
        let status = command.env("CRASH_AT", format!("backup::written 0 {}", died.display())).status().unwrap();
        assert!(!status.success() && died.exists());
    };
    kill_one(server.home().join("one.tar.zst"));
    assert_eq!(leftovers(), 1);
    back_up(&server, "two.tar.zst", None);
    assert_eq!(leftovers(), 0);
    assert!(!server.home().join("one.tar.zst").exists());

    kill_one(dir.join("mine.tar.zst"));
    assert_eq!(leftovers(), 1);
    server.restart();
    let unfinished = || files_in(&dir).into_iter().any(|path| path.to_string_lossy().contains("unfinished"));
    assert!(eventually(|| !unfinished()), "{:?}", files_in(&dir));
}

#[test]
fn a_backup_with_another_data_directory_says_which_journals_are_missing() {
    let server = Server::prepare().agent("stuck", "cat > /dev/null; echo one; sleep 600").start();
    let card = server.run_new_card("stuck");
    server.wait_for_card(&card, "rows", |card| card["activeExecution"]["lastSequence"].as_i64() > Some(1));
    let database = format!("sqlite:{}", server.data_dir().join("cardume.db").display());
    let other = server.home().join("other");
    fs::create_dir(&other).unwrap();
    let run = |data_dir: &Path, name: &str| {
        let mut command = server.cardume(&["backup"]);
        command.arg(server.home().join(name)).args(["--database-url", &database, "--data-dir"]).arg(data_dir);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (status, said) = run(&other, "one.tar.zst");
    assert_eq!(status, Some(0), "{said}");
    for words in ["checked", "not in it: the journal of 1 unfinished run", "other/executions", "--data-dir"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let (status, said) = run(&server.data_dir(), "two.tar.zst");
    assert!(status == Some(0) && !said.contains("not in it"), "{said}");
}

#[test]
fn a_scheduled_backup_that_fails_is_told_and_tried_again() {
    let preparation = Server::prepare().config("[backup]\nevery_hours = 0.0003\ndir = \"elsewhere\"\n");
    let dir = preparation.home().join("data/elsewhere");
    fs::create_dir_all(preparation.home().join("data")).unwrap();
    fs::write(&dir, "a file where the directory should be").unwrap();
    let server = preparation.start();
    assert!(eventually(|| server.own_log().contains("the scheduled backup failed")));
    assert_eq!(server.get("/health").status, 200);
    fs::remove_file(&dir).unwrap();
    assert!(eventually(|| !backups_in(&dir).is_empty()));
}

#[test]
fn a_project_whose_repository_is_gone_does_not_keep_the_rest_from_being_kept() {
    let server = Server::start();
    let card = server.run_new_card("good");
    server.wait_for_stage(&card, "completed");
    fs::rename(server.home().join("repository"), server.home().join("moved")).unwrap();
    let file = server.home().join("one.tar.zst");
    let output = server.cardume(&["backup"]).arg(&file).arg("--data-dir").arg(server.data_dir()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("not in it") && said.contains("repository"), "{said}");
}
