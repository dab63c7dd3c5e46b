//! Runs that can't go on end, with a remedy that works; and whoever cancels is heard in every state.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::support::{GOOD_AGENT, Preparation, Server, eventually, git};
use super::{contents, id};

/// A card that is done, in a project whose folder is about to suffer; and that folder.
fn done(server: &Server) -> (String, PathBuf) {
    let card = server.run_new_card("good");
    server.wait_for_stage(&card, "completed");
    (card, server.home().join("repository"))
}

#[track_caller]
fn retry(server: &Server, card: &str, body: Value) {
    let answer = server.post(&format!("/api/cards/{card}/retry"), body);
    assert_eq!(answer.status, 202, "{answer:?}");
}

/// Waits for the run's error; answers it.
#[track_caller]
fn error_of(server: &Server, card: &str) -> String {
    let since = Instant::now();
    let card = server.wait_for_stage(card, "error");
    assert_eq!(card["activeExecution"]["status"], "error", "{card:#}");
    println!("an error after {:.1?}", since.elapsed());
    assert!(since.elapsed() < Duration::from_secs(30), "{:?}", since.elapsed());
    let execution = card["activeExecution"]["id"].as_str().unwrap();
    let error = card["activeExecution"]["workflowError"].as_str().unwrap().to_owned();
    let rows = contents(&server.rows(execution, 100), "error");
    assert!(rows.last().is_some_and(|row| row.ends_with(&error)), "the log does not tell: {rows:?}");
    error
}

#[track_caller]
fn cancel(server: &Server, card: &str) {
    let since = Instant::now();
    let answer = server.post(&format!("/api/cards/{card}/cancel"), Value::Null);
    assert_eq!(answer.status, 202, "{answer:?}");
    let card = server.wait_for_stage(card, "error");
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}\n{}", since.elapsed(), server.own_log());
    assert_eq!(card["activeExecution"]["status"], "cancelled", "{card:#}");
}

fn doctor(server: &Server) -> (bool, String) {
    let output = server.cardume(&["doctor", "--data-dir"]).arg(server.data_dir()).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_moved_project_is_told_and_goes_on_in_its_new_place() {
    let server = Server::start();
    let (card, repository) = done(&server);
    let project = server.card(&card)["projectId"].as_str().unwrap().to_owned();
    let moved = server.home().join("moved");
    fs::rename(&repository, &moved).unwrap();

    retry(&server, &card, json!({ "stage": "implement" }));
    let error = error_of(&server, &card);
    assert!(error.contains("Tell Cardume where the project is now") && error.contains("is gone"), "{error}");
    assert!(error.contains(repository.to_str().unwrap()), "{error}");
    let (is_well, said) = doctor(&server);
    assert!(!is_well && said.contains("✗ project repository") && said.contains("Change path"), "{said}");
    assert!(said.contains("✗ runs") && said.contains(&card), "{said}");

    let answer = server.patch(&format!("/api/projects/{project}"), json!({ "path": moved }));
    assert_eq!((answer.status, &answer.json()["path"]), (200, &json!(moved)), "{answer:?}");
    let (is_well, said) = doctor(&server);
    assert!(is_well, "{said}");
    retry(&server, &card, json!({}));
    server.wait_for_stage(&card, "completed");
    let branch = server.card(&card)["branch"].as_str().unwrap().to_owned();
    assert_eq!(git(&moved, &["show", &format!("{branch}:work.txt")]), "a line\na line\n", "the work is on the branch");
}

#[test]
fn a_project_that_is_moved_while_its_agent_works_costs_no_work() {
    let script = format!("while [ -e \"$HOME/hold\" ]; do sleep 0.05; done\n{GOOD_AGENT}");
    let preparation = Server::prepare().agent("good", GOOD_AGENT).agent("holding", &script);
    let server = preparation.start();
    let (card, repository) = done(&server);
    assert_eq!(server.patch(&format!("/api/cards/{card}"), json!({ "agent": "holding" })).status, 200);
    fs::write(server.home().join("hold"), "").unwrap();
    retry(&server, &card, json!({ "stage": "implement" }));
    assert!(eventually(|| !server.agents().is_empty()));

    let project = server.card(&card)["projectId"].as_str().unwrap().to_owned();
    let elsewhere = server.repository("elsewhere");
    let why = server.patch(&format!("/api/projects/{project}"), json!({ "path": elsewhere })).problem(409);
    assert!(why.contains("A card") && why.contains("cancel"), "{why}");

    let moved = server.home().join("moved");
    fs::rename(&repository, &moved).unwrap();
    fs::remove_file(server.home().join("hold")).unwrap();
    let error = error_of(&server, &card);
    assert!(error.contains("Tell Cardume where the project is now"), "{error}");
    assert_eq!(server.patch(&format!("/api/projects/{project}"), json!({ "path": moved })).status, 200);
    retry(&server, &card, json!({}));
    server.wait_for_stage(&card, "completed");
    // What the first attempt wrote was kept, and the second wrote its own line.
    let branch = server.card(&card)["branch"].as_str().unwrap().to_owned();
    assert_eq!(git(&moved, &["show", &format!("{branch}:work.txt")]).lines().count(), 3);
}

#[test]
fn a_deleted_project_is_told_and_its_cards_can_be_cancelled_and_deleted() {
    let server = Server::start();
    let (card, repository) = done(&server);
    let worktree = PathBuf::from(server.card(&card)["worktreePath"].as_str().unwrap());
    fs::remove_dir_all(&repository).unwrap();
    retry(&server, &card, json!({ "stage": "implement" }));
    assert_eq!(server.card(&card)["activeExecution"]["status"], "running");
    cancel(&server, &card);
    retry(&server, &card, json!({}));
    let error = error_of(&server, &card);
    assert!(error.contains("Tell Cardume where the project is now"), "{error}");
    assert_eq!(server.patch(&format!("/api/cards/{card}"), json!({ "archived": true })).status, 200);
    assert_eq!(server.delete(&format!("/api/cards/{card}")).status, 204);
    assert!(eventually(|| !worktree.exists()), "the worktree of a deleted card is still there");
}

#[test]
fn a_worktree_that_the_repository_forgot_is_put_aside_and_made_anew() {
    let server = Server::start();
    let (card, repository) = done(&server);
    let worktree = PathBuf::from(server.card(&card)["worktreePath"].as_str().unwrap());
    fs::write(worktree.join("uncommitted"), "precious").unwrap();
    let branch = server.card(&card)["branch"].as_str().unwrap().to_owned();
    fs::remove_dir_all(repository.join(".git/worktrees").join(&card)).unwrap();
    git(&repository, &["branch", "-D", &branch]);
    retry(&server, &card, json!({ "stage": "implement" }));
    let error = error_of(&server, &card);
    assert!(error.contains("Retry in a new worktree"), "{error}");
    let page = server.get(&format!("/cards/{card}")).text;
    assert!(page.contains("name=\"new_worktree\""), "the page does not offer the remedy");
    let (is_well, said) = doctor(&server);
    assert!(!is_well && said.contains("✗ runs") && said.contains("--new-worktree"), "{said}");

    let output = server.cardume(&["retry", &card, "--new-worktree"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    server.wait_for_stage(&card, "completed");
    assert!(!server.get(&format!("/cards/{card}")).text.contains("name=\"new_worktree\""));
    let execution = server.executions(&card).into_iter().rev().find(|one| one["command"] == "/implement").unwrap();
    let rows = contents(&server.rows(id(&execution), 100), "info");
    let told = rows.iter().find(|row| row.contains("The old worktree is in")).unwrap_or_else(|| panic!("{rows:?}"));
    let old = told.split("The old worktree is in ").nth(1).unwrap().split(',').next().unwrap();
    assert_eq!(fs::read_to_string(Path::new(old).join("uncommitted")).unwrap(), "precious");
    assert!(!worktree.join("uncommitted").exists());
    assert!(told.contains("is gone"), "it does not say that the branch was gone: {told}");
    assert_eq!(
        fs::read_to_string(worktree.join("work.txt")).unwrap(),
        "a line\n",
        "made from the project's own commit"
    );

    assert_eq!(server.delete(&format!("/api/cards/{card}")).status, 204);
    assert!(
        eventually(|| !worktree.exists() && !Path::new(old).exists()),
        "something of a deleted card is still there"
    );
}

#[test]
fn a_new_worktree_survives_a_crash_between_its_steps() {
    let mut server = Server::start();
    let (card, repository) = done(&server);
    let branch = server.card(&card)["branch"].as_str().unwrap().to_owned();
    let worktree = PathBuf::from(server.card(&card)["worktreePath"].as_str().unwrap());
    fs::write(worktree.join("uncommitted"), "precious").unwrap();
    let died = server.home().join("died");
    server.set_env("CRASH_AT", Some(&format!("aside::renamed 0 {}", died.display())));
    server.restart();
    // As the page's form does it where no program has arrived.
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = server.send("POST", "/fn/retry_card", &form, &format!("id={card}&stage=implement&new_worktree=true"));
    assert!(answer.status < 400, "{answer:?}");
    assert!(eventually(|| died.exists()) && eventually(|| !server.is_running()));
    fs::remove_dir_all(repository.join(".git/worktrees").join(&card)).unwrap();
    server.restart();
    server.wait_for_stage(&card, "completed");
    let beside = fs::read_dir(worktree.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let asides: Vec<PathBuf> = beside.filter(|path| path.to_string_lossy().contains(".old-")).collect();
    assert_eq!(asides.len(), 1, "{asides:?}");
    let old = &asides[0];
    assert_eq!(fs::read_to_string(old.join("uncommitted")).unwrap(), "precious");
    assert_eq!(fs::read_to_string(worktree.join("work.txt")).unwrap(), "a line\na line\n", "made from the branch");
    let execution = server.executions(&card).into_iter().rev().find(|one| one["command"] == "/implement").unwrap();
    let rows = contents(&server.rows(id(&execution), 100), "info");
    assert!(rows.iter().any(|row| row.contains(&branch) && row.contains(old.to_str().unwrap())), "{rows:?}");
}

/// A git that hangs for as long as `$HOME/hang` is there.
fn with_hanging_git(preparation: Preparation) -> Server {
    let bin = preparation.home().join("bin");
    fs::create_dir(&bin).unwrap();
    let real =
        std::env::split_paths(&std::env::var_os("PATH").unwrap()).map(|dir| dir.join("git")).find(|git| git.exists());
    let script = format!(
        "#!/bin/sh\nif [ -e \"$HOME/hang\" ]; then exec sleep 1000; fi\nexec {} \"$@\"\n",
        real.unwrap().display()
    );
    fs::write(bin.join("git"), script).unwrap();
    fs::set_permissions(bin.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    preparation.env("PATH", path).start()
}

#[test]
fn a_cancel_is_heard_while_the_stage_gets_ready_and_while_its_work_is_committed() {
    let script = format!("{GOOD_AGENT}\n[ ! -e \"$HOME/hang-at-end\" ] || touch \"$HOME/hang\"");
    let server = with_hanging_git(Server::prepare().agent("good", &script));
    let project = server.add_project(&server.repository("repository"));
    let card = server.add_card(&project, "A card", "good");
    let hang = server.home().join("hang");
    fs::write(&hang, "").unwrap();
    assert_eq!(server.post(&format!("/api/cards/{card}/run"), Value::Null).status, 202);
    cancel(&server, &card);

    fs::remove_file(&hang).unwrap();
    fs::write(server.home().join("hang-at-end"), "").unwrap();
    retry(&server, &card, json!({}));
    assert!(eventually(|| hang.exists()));
    cancel(&server, &card);

    fs::remove_file(server.home().join("hang-at-end")).unwrap();
    fs::remove_file(&hang).unwrap();
    retry(&server, &card, json!({}));
    server.wait_for_stage(&card, "completed");
}

#[test]
fn the_limit_of_a_stage_holds_before_its_agent_starts() {
    let preparation = Server::prepare().agent("good", GOOD_AGENT).config("[stages]\ntimeout_minutes = 0.05\n");
    let server = with_hanging_git(preparation);
    let project = server.add_project(&server.repository("repository"));
    let card = server.add_card(&project, "A card", "good");
    fs::write(server.home().join("hang"), "").unwrap();
    assert_eq!(server.post(&format!("/api/cards/{card}/run"), Value::Null).status, 202);
    let error = error_of(&server, &card);
    assert!(error.contains("took longer") && error.contains("timeout_minutes"), "{error}");
}
