//! Row 16: cards and projects are deleted, and the server dies before it has cleaned up.
//!
//! What was deleted has to be gone from the database and the disk in the end, whatever the moment; everything else stays,
//! the branches of the deleted cards too.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rand::RngExt;
use rand::seq::IndexedRandom;
use sqlx::{AnyConnection, AssertSqlSafe, Connection};

use crate::oracle;
use crate::rounds::Round;
use crate::scenes::{self, Scripted};
use crate::scribe::{self, Part, Script};
use crate::support::{Server, eventually, git};

crate::on_both_databases!(
    row_16_cards_and_projects_are_deleted_and_the_server_dies,
    row_16_a_crash_at_each_step_of_a_clean_up,
);

/// Where the server is made to die, and how often at most it comes past there before.
const POINTS: [(&str, u32); 6] = [
    ("purge::begun", 0),
    ("purge::directory-removed", 3),
    ("purge::files-removed", 0),
    ("purge::log-uncommitted", 6),
    ("purge::logs-purged", 2),
    ("purge::card-uncommitted", 2),
];

/// Cards of one project that are about to be deleted, and what they have on disk.
struct Doomed {
    project: String,
    repository: PathBuf,
    cards: Vec<String>,
    executions: Vec<String>,
    branches: Vec<String>,
}

/// A project whose cards have each run, and failed in their first stage.
fn run_doomed(server: &Server, round: &mut Round, name: &str, cards: usize) -> Doomed {
    let repository = server.repository(name);
    let project = server.add_project(&repository);
    let cards: Vec<String> = (0..cards)
        .map(|number| {
            let card = server.add_card(&project, &format!("{name} {number}"), scribe::NAME);
            let part = Part::default().lines(&mut round.rng, 30, 0.0).exit(1);
            Script::default().with("plan", part).write(server.home(), &card);
            scenes::run_card(server, &card);
            card
        })
        .collect();
    let ended: Vec<_> = cards.iter().map(|card| server.wait_for_stage(card, "error")).collect();
    let executions = cards.iter().flat_map(|card| server.executions(card));
    let executions = executions.map(|execution| oracle::id(&execution).to_owned()).collect();
    let branches = ended.iter().map(|card| card["branch"].as_str().unwrap().to_owned()).collect();
    Doomed { project, repository, cards, executions, branches }
}

impl Doomed {
    fn delete_cards(&self, server: &Server) {
        for card in &self.cards {
            assert_eq!(server.delete(&format!("/api/cards/{card}")).status, 204);
        }
    }

    fn delete_project(&self, server: &Server) {
        assert_eq!(server.delete(&format!("/api/projects/{}", self.project)).status, 204);
    }

    /// Out of sight, however far the clean-up has come.
    #[track_caller]
    fn assert_out_of_sight(&self, server: &Server) {
        for card in &self.cards {
            assert_eq!(server.get(&format!("/api/cards/{card}")).status, 404, "{card}");
        }
        for execution in &self.executions {
            assert_eq!(server.get(&format!("/api/executions/{execution}/logs")).status, 404, "{execution}");
        }
        let board = server.get("/api/cards").text;
        assert!(self.cards.iter().all(|card| !board.contains(card.as_str())));
    }

    /// What of it lies in the data directory.
    fn left_on_disk(&self, server: &Server) -> Vec<String> {
        let names = ["worktrees", "executions"]
            .into_iter()
            .flat_map(|folder| fs::read_dir(server.data_dir().join(folder)).into_iter().flatten().flatten());
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let ids: Vec<&String> = self.cards.iter().chain(&self.executions).collect();
        names.filter(|name| ids.iter().any(|id| name.starts_with(id.as_str()))).collect()
    }

    /// How many rows of it are in the database.
    fn left_in_database(&self, server: &Server, round: &Round) -> i64 {
        let list = |ids: &[String]| format!("'{}'", ids.join("','"));
        let (cards, executions) = (list(&self.cards), list(&self.executions));
        let count = |what: &str| format!("(select count(*) from {what})");
        let query = [
            count(&format!("cards where id in ({cards})")),
            count(&format!("executions where card_id in ({cards})")),
            count(&format!("log_lines where execution_id in ({executions})")),
            count(&format!("log_chunks where execution_id in ({executions})")),
            count(&format!("search_pages where execution_id in ({executions})")),
        ]
        .join(" + ");
        ask(server, round, &format!("select {query}"))
    }

    #[track_caller]
    fn assert_gone(&self, server: &Server, round: &Round) {
        let is_gone = eventually(|| self.left_on_disk(server).is_empty() && self.left_in_database(server, round) == 0);
        assert!(
            is_gone,
            "left on disk: {:?}, rows left: {}\n{}",
            self.left_on_disk(server),
            self.left_in_database(server, round),
            server.own_log()
        );
        let branches = git(&self.repository, &["branch", "--format=%(refname:short)"]);
        for branch in &self.branches {
            assert!(branches.lines().any(|line| line == branch), "{branch} is gone: {branches}");
        }
        let worktrees = git(&self.repository, &["worktree", "list", "--porcelain"]);
        assert!(self.cards.iter().all(|card| !worktrees.contains(card.as_str())), "{worktrees}");
    }
}

fn ask(server: &Server, round: &Round, query: &str) -> i64 {
    sqlx::any::install_default_drivers();
    let sqlite = || format!("sqlite:{}?mode=rw", server.data_dir().join("cardume.db").display());
    let url = round.postgres_url.clone().unwrap_or_else(sqlite);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut connection = AnyConnection::connect(&url).await.unwrap();
        let answer = sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        answer
    })
}

/// A card that nobody deletes.
fn run_kept(server: &Server, round: &mut Round) -> Scripted {
    let kept = scenes::run_one(server, Script::seeded(&mut round.rng, 40, 0.1));
    server.wait_for_stage(&kept.card, "completed");
    kept
}

#[track_caller]
fn assert_kept(server: &Server, kept: &Scripted) {
    assert_eq!(server.card(&kept.card)["columnId"], "done");
    assert!(server.data_dir().join("worktrees").join(&kept.card).join(".git").exists());
    oracle::assert_card_ok(server, &kept.card, &kept.script);
    let doctor = server.cardume(&["doctor", "--data-dir"]).arg(server.data_dir()).output().unwrap();
    let said = String::from_utf8_lossy(&doctor.stdout);
    assert!(!said.contains("leaks"), "{said}");
}

fn row_16_cards_and_projects_are_deleted_and_the_server_dies(round: &mut Round) {
    let (many, more) = if round.is_thorough { (15, 20) } else { (5, 6) };
    let mut server = round.prepare().start();
    let kept = run_kept(&server, round);
    for end in ["SIGTERM", "kill -9"] {
        let cards = run_doomed(&server, round, &format!("cards {end}"), many);
        let project = run_doomed(&server, round, &format!("project {end}"), more);
        cards.delete_cards(&server);
        project.delete_project(&server);
        project.assert_out_of_sight(&server);
        if end == "SIGTERM" {
            assert!(server.terminate().success());
        } else {
            std::thread::sleep(Duration::from_millis(round.rng.random_range(0..150)));
            server.kill_9();
        }
        let left = cards.left_on_disk(&server).len() + project.left_on_disk(&server).len();
        println!("    {end}: {left} files and folders were left");
        server.restart();
        for deleted in [&cards, &project] {
            deleted.assert_out_of_sight(&server);
            deleted.assert_gone(&server, round);
        }
        assert_eq!(ask(&server, round, "select count(*) from projects where purging_path is not null"), 0);
        assert!(!server.get("/api/projects").text.contains(&project.project));
        let again = server.add_project(&project.repository);
        assert_ne!(again, project.project, "the same repository is a new project");
    }
    assert_kept(&server, &kept);
}

fn row_16_a_crash_at_each_step_of_a_clean_up(round: &mut Round) {
    let mut server = round.prepare().start();
    let kept = run_kept(&server, round);
    // Over many runs of the tests each has its turn.
    let count = if round.is_thorough { POINTS.len() } else { 3 };
    let points: Vec<_> = POINTS.sample(&mut round.rng, count).copied().collect();
    for (number, (point, passes)) in points.into_iter().enumerate() {
        let doomed = run_doomed(&server, round, &format!("repository {number}"), 4);
        let died = server.home().join(format!("died-{number}"));
        let passes = round.rng.random_range(0..=passes);
        server.set_env("CRASH_AT", Some(&format!("{point} {passes} {}", died.display())));
        server.restart();
        if round.rng.random_bool(0.5) {
            // Together, as a project. One by one, the server may die in between.
            doomed.delete_project(&server);
        } else {
            for card in &doomed.cards {
                let _ = server.try_send("DELETE", &format!("/api/cards/{card}"), &[], "");
            }
        }
        assert!(eventually(|| died.exists()), "nothing died at {point} after {passes} passes");
        assert!(eventually(|| !server.is_running()));
        server.restart();
        for card in &doomed.cards {
            let answer = server.delete(&format!("/api/cards/{card}"));
            assert!(matches!(answer.status, 204 | 404), "{answer:?}");
        }
        doomed.assert_out_of_sight(&server);
        doomed.assert_gone(&server, round);
    }
    assert_kept(&server, &kept);
}
