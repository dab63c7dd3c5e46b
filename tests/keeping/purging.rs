//! What was deleted is cleaned up; what nothing in the database knows is reported and left alone.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::support::{GOOD_AGENT, Server, eventually, git};
use super::{back_up, id, restore};

/// Whether all is well, and what the doctor says.
fn doctor(server: &Server) -> (bool, String) {
    let output = server.cardume(&["doctor", "--data-dir"]).arg(server.data_dir()).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn names_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    // A repository's lock belongs to no card.
    names.filter(|name| !name.starts_with("repository-")).collect()
}

fn line<'a>(said: &'a str, subject: &str) -> &'a str {
    said.lines().find(|line| line.contains(subject)).unwrap_or_else(|| panic!("no {subject}: {said}"))
}

#[test]
fn what_no_card_knows_is_reported_once_and_stays() {
    let mut server = Server::start();
    let card = server.run_new_card("good");
    server.wait_for_stage(&card, "completed");
    let (well, said) = doctor(&server);
    assert!(well && line(&said, "clean-up").starts_with('✓'), "{said}");
    let unknown = "0190a1b2-0000-7000-8000-00000000beef";
    let (worktrees, executions) = (server.data_dir().join("worktrees"), server.data_dir().join("executions"));
    let known = names_in(&worktrees).len();
    fs::create_dir(worktrees.join(unknown)).unwrap();
    fs::write(worktrees.join(unknown).join("work.txt"), vec![b'x'; 3 << 20]).unwrap();
    fs::write(worktrees.join(format!("{unknown}.lock")), "").unwrap();
    fs::create_dir(executions.join(unknown)).unwrap();
    // Not Cardume's.
    fs::create_dir(worktrees.join("mine")).unwrap();
    server.restart();
    let told = "1 worktree and 1 execution directory";
    assert!(eventually(|| server.own_log().contains(told)), "{}", server.own_log());
    assert_eq!(server.own_log().matches(told).count(), 1);

    let (well, said) = doctor(&server);
    assert!(!well, "{said}");
    let leaks = line(&said, "✗ leaks");
    assert!(leaks.contains(told) && leaks.contains("(3.0 MB)"), "{leaks}");
    assert_eq!((names_in(&worktrees).len(), names_in(&executions).len()), (known + 3, 5), "it only looks");
    let command = &leaks[leaks.find("rm -rf").unwrap()..];
    assert!(Command::new("sh").args(["-c", command]).status().unwrap().success());
    assert_eq!((names_in(&worktrees).len(), names_in(&executions).len()), (known + 1, 4), "{command}");
    let (well, said) = doctor(&server);
    assert!(well, "{said}");
}

#[test]
fn a_clean_up_that_fails_is_told_and_tried_again() {
    let server = Server::start();
    let card = server.run_new_card("good");
    server.wait_for_stage(&card, "completed");
    let execution = id(&server.executions(&card)[1]).to_owned();
    let dir = server.data_dir().join("executions").join(&execution);
    // As a supervisor that lives and does not end.
    let lock = fs::File::open(dir.join("lock")).unwrap();
    lock.lock().unwrap();
    fs::remove_file(dir.join("exit.json")).unwrap();
    assert_eq!(server.delete(&format!("/api/cards/{card}")).status, 204);
    assert!(eventually(|| doctor(&server).1.contains("✗ clean-up")), "{}\n{}", doctor(&server).1, server.own_log());
    let (well, said) = doctor(&server);
    let told = line(&said, "✗ clean-up");
    assert!(!well && told.contains(&card) && told.contains(&execution) && told.contains("still runs"), "{said}");
    assert!(dir.join("cancel").exists(), "it was asked to end");
    // All the rest has gone.
    assert_eq!(names_in(&server.data_dir().join("executions")), [execution]);
    assert!(!server.data_dir().join("worktrees").join(&card).exists());
    assert_eq!(server.get(&format!("/api/cards/{card}")).status, 404);

    drop(lock);
    assert!(eventually(|| !dir.exists()));
    assert!(eventually(|| doctor(&server).1.contains("✓ clean-up")), "{}", doctor(&server).1);
}

#[test]
fn a_project_whose_folder_is_gone_is_cleaned_up() {
    let server = Server::start();
    let card = server.run_new_card("good");
    server.wait_for_stage(&card, "completed");
    let project = server.card(&card)["projectId"].as_str().unwrap().to_owned();
    // An agent's module cache is closed to its own user.
    let worktree = server.data_dir().join("worktrees").join(&card);
    fs::create_dir_all(worktree.join("cache/module")).unwrap();
    fs::write(worktree.join("cache/module/file"), "").unwrap();
    let closed = std::os::unix::fs::PermissionsExt::from_mode(0o500);
    fs::set_permissions(worktree.join("cache/module"), closed).unwrap();
    fs::rename(server.home().join("repository"), server.home().join("moved")).unwrap();
    assert_eq!(server.delete(&format!("/api/projects/{project}")).status, 204);
    let is_empty = |folder: &str| names_in(&server.data_dir().join(folder)).is_empty();
    assert!(eventually(|| is_empty("worktrees") && is_empty("executions")), "{}", server.own_log());
    assert!(git(&server.home().join("moved"), &["branch"]).contains("cardume/"));
    assert!(eventually(|| doctor(&server).1.contains("✓ clean-up")), "{}", doctor(&server).1);
}

#[test]
fn a_backup_made_in_the_middle_of_a_clean_up_is_restored_and_carries_it_on() {
    let mut server = Server::prepare().agent("good", GOOD_AGENT).start();
    let kept = server.run_new_card("good");
    let project = server.add_project(&server.repository("another"));
    let deleted = server.add_card(&project, "Deleted", "good");
    assert_eq!(server.post(&format!("/api/cards/{deleted}/run"), Value::Null).status, 202);
    for card in [&kept, &deleted] {
        server.wait_for_stage(card, "completed");
    }
    let died = server.home().join("died");
    server.set_env("CRASH_AT", Some(&format!("purge::logs-purged 0 {}", died.display())));
    server.restart();
    assert_eq!(server.delete(&format!("/api/projects/{project}")).status, 204);
    assert!(eventually(|| !server.is_running()));
    let file = back_up(&server, "one.tar.zst", None);

    let preparation = Server::prepare().agent("good", GOOD_AGENT);
    let (done, said) = restore(&file, &preparation.home().join("data"), None);
    assert!(done, "{said}");
    let restored = preparation.start();
    assert_eq!(restored.get(&format!("/api/cards/{deleted}")).status, 404);
    assert_eq!(restored.executions(&kept).len(), 4);
    assert_eq!(restored.get("/api/projects").json()["projects"].as_array().unwrap().len(), 1);
    assert!(eventually(|| doctor(&restored).1.contains("✓ clean-up")), "{}", doctor(&restored).1);
    // And the original goes on as well.
    server.restart();
    let left = || names_in(&server.data_dir().join("worktrees"));
    assert!(eventually(|| left().iter().all(|name| name.starts_with(&kept))), "{:?}", left());
}
