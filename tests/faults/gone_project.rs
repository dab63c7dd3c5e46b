//! Row 21: a card's project is moved while its agent works, and its repository forgets the card's worktree
//! and branch.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::oracle::{self, Extent};
use crate::rounds::{Round, busy};
use crate::scenes;
use crate::scribe::{self, Part, Script};
use crate::support::{Server, git};

crate::on_both_databases!(row_21_a_run_whose_project_is_gone_ends_and_goes_on);

fn row_21_a_run_whose_project_is_gone_ends_and_goes_on(round: &mut Round) {
    let server = round.prepare().start();
    let repository = server.repository("repository");
    let project = server.add_project(&repository);
    let card = server.add_card(&project, "A card", scribe::NAME);
    let implement = Part::default().lines(&mut round.rng, 30, 0.1).wait_for("go").lines(&mut round.rng, 30, 0.1);
    let script = Script::seeded(&mut round.rng, 30, 0.1).with("implement", implement.clone());
    // It leaves nothing to commit: its own git would fail, too, once the project is gone.
    script.clone().with("implement", implement.exit(0)).write(server.home(), &card);
    scenes::run_card(&server, &card);
    server.wait_for_card(&card, "the implementing agent's rows", |card| {
        scenes::workflow_stage(card) == "implementing" && card["activeExecution"]["lastSequence"].as_i64() > Some(30)
    });

    let moved = server.home().join("moved");
    fs::rename(&repository, &moved).unwrap();
    fs::write(server.home().join("go"), "").unwrap();
    ends_with(&server, &card, "Tell Cardume where the project is now");
    scenes::retry(&server, &card);
    ends_with(&server, &card, "Tell Cardume where the project is now");
    let answer = server.patch(&format!("/api/projects/{project}"), json!({ "path": moved }));
    assert_eq!(answer.status, 200, "{answer:?}");

    let (before, branch) = (server.card(&card), server.card(&card)["branch"].as_str().unwrap().to_owned());
    let worktree = Path::new(before["worktreePath"].as_str().unwrap());
    fs::write(worktree.join("uncommitted"), "precious").unwrap();
    fs::remove_dir_all(moved.join(".git/worktrees").join(&card)).unwrap();
    git(&moved, &["branch", "--quiet", "-D", &branch]);
    scenes::retry(&server, &card);
    ends_with(&server, &card, "Retry in a new worktree");
    script.write(server.home(), &card);
    let answer = server.post(&format!("/api/cards/{card}/retry"), json!({ "newWorktree": true }));
    assert_eq!(answer.status, 202, "{answer:?}");
    server.wait_for_stage(&card, "completed");

    let ran: Vec<String> = scribe::starts(server.home()).into_iter().map(|start| start.execution).collect();
    for execution in server.executions(&card).iter().filter(|one| ran.iter().any(|ran| ran == oracle::id(one))) {
        oracle::assert_execution_ok(&server, execution, script.part(oracle::stage(execution)), Extent::Whole);
    }
    oracle::assert_started_once_each(server.home());
    assert_eq!(ran.len(), 5, "no agent starts where it can't work: {ran:?}");
    // Every file that the agents wrote is on the card's branch, or in the folder that was kept.
    assert_eq!(git(&moved, &["show", &format!("{branch}:work.txt")]), "a line\n");
    let beside = fs::read_dir(worktree.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let old: Vec<_> = beside.filter(|path| path.to_string_lossy().contains(".old-")).collect();
    assert_eq!(old.len(), 1, "{old:?}");
    assert_eq!(fs::read_to_string(old[0].join("uncommitted")).unwrap(), "precious", "what was not committed is kept");
    assert_eq!(fs::read_to_string(old[0].join("specs/plan.md")).unwrap(), "# The plan\n");
}

#[track_caller]
fn ends_with(server: &Server, card: &str, remedy: &str) {
    let since = Instant::now();
    let card: Value = server.wait_for_stage(card, "error");
    println!("    an error after {:.1?}", since.elapsed());
    assert!(since.elapsed() < busy(Duration::from_secs(20)), "{:?}", since.elapsed());
    let why = card["activeExecution"]["workflowError"].as_str().unwrap();
    assert!(why.contains(remedy), "{why}");
}
