//! Row 15: Postgres stops answering, or can't be reached, and comes back.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use sqlx::{Connection, Executor, PgConnection};

use crate::oracle;
use crate::postgres;
use crate::rounds::{Round, busy};
use crate::scenes::{self, Scripted};
use crate::scribe::Script;
use crate::support::{Server, eventually};

mod postgres_only {
    #[test]
    fn row_15_postgres_is_away() {
        let row = "row_15_postgres_is_away";
        crate::rounds::run(row, crate::rounds::Database::Postgres, super::row_15_postgres_is_away);
    }
}

const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

/// A Postgres of this test's own, as it is stopped.
struct Cluster {
    url: String,
    child: Child,
}

impl Cluster {
    fn start() -> Self {
        let (url, child) = postgres::start();
        Self { url, child }
    }

    fn directory(&self) -> &Path {
        Path::new(self.url.split("host=").nth(1).unwrap())
    }

    /// To the postmaster and all its children.
    fn signal(&self, signal: Signal) {
        let file = fs::read_to_string(self.directory().join("data/postmaster.pid")).unwrap();
        let postmaster: i32 = file.lines().next().unwrap().parse().unwrap();
        // A postmaster that is stopped makes no more children.
        let _ = kill_process(Pid::from_raw(postmaster).unwrap(), signal);
        for child in children_of(postmaster) {
            let _ = kill_process(Pid::from_raw(child).unwrap(), signal);
        }
    }

    fn socket(&self, is_there: bool) {
        let (there, away) = (self.directory().join(".s.PGSQL.5432"), self.directory().join("socket"));
        let (from, to) = if is_there { (away, there) } else { (there, away) };
        fs::rename(from, to).unwrap();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.signal(Signal::CONT);
        // Its script stops it once its standard input ends.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn children_of(parent: i32) -> Vec<i32> {
    let parent_of = |pid: i32| -> Option<i32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
    };
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

fn row_15_postgres_is_away(round: &mut Round) {
    let cluster = Cluster::start();
    let server = round.prepare().env("DATABASE_URL", &cluster.url).start();
    let scripts = (0..3).map(|_| Script::seeded(&mut round.rng, 150, 6.0)).collect();
    let running = scenes::run_cards(&server, scripts);
    scenes::wait_for_rows(&server, &running[0].card, 3);

    cluster.signal(Signal::STOP);
    answers_soon(&server, &running);
    cluster.signal(Signal::CONT);
    comes_back(&server);

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut admin = runtime.block_on(PgConnection::connect(&cluster.url)).unwrap();
    cluster.socket(false);
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'";
    runtime.block_on(admin.execute(cut)).unwrap();
    answers_soon(&server, &running);
    cluster.socket(true);
    comes_back(&server);
    for scripted in &running {
        server.wait_for_stage(&scripted.card, "completed");
        oracle::assert_card_ok(&server, &scripted.card, &scripted.script);
    }
}

/// From the first moment on, every page and every call is answered soon, and says what is wrong.
fn answers_soon(server: &Server, running: &[Scripted]) {
    let card = &running[0].card;
    let timed = |method: &str, path: &str, body: &str| {
        let since = Instant::now();
        let answer = server.send(method, path, &[("content-type", "application/json")], body);
        let took = since.elapsed();
        println!("    {method} {path}: {} after {took:.2?}", answer.status);
        assert!(took < busy(ANSWERED_WITHIN), "{method} {path} took {took:?}");
        assert_eq!(answer.status, 503, "{answer:?}");
        answer
    };
    std::thread::scope(|scope| {
        // At once, so that each of them finds the database as it has just gone away.
        scope.spawn(|| timed("GET", "/api/cards", "").problem(503));
        scope.spawn(|| timed("PATCH", &format!("/api/cards/{card}"), r#"{"description":"x"}"#).problem(503));
        scope.spawn(|| assert!(timed("GET", "/", "").text.contains("database")));
        scope.spawn(|| assert_eq!(timed("GET", "/health", "").json()["status"], "degraded"));
    });
    for _ in 0..3 {
        let page = timed("GET", &format!("/cards/{card}"), "");
        assert!(page.header("content-type").starts_with("text/html") && page.text.contains("database"), "{page:?}");
        timed("GET", &format!("/api/logs/{card}"), "").problem(503);
        let said = timed("POST", &format!("/api/cards/{card}/cancel"), "").problem(503);
        assert!(said.contains("database"), "{said}");
    }
}

fn comes_back(server: &Server) {
    let since = Instant::now();
    assert!(eventually(|| server.get("/health").status == 200), "{}", server.own_log());
    println!("    back {:.2?} after", since.elapsed());
    assert!(eventually(|| server.get("/").status == 200));
    assert_eq!(server.get("/api/cards").status, 200);
    let project = server.get("/api/projects").json()["projects"][0]["id"].clone();
    let made = server.post("/api/cards", json!({ "projectId": project, "title": "Made after" }));
    assert_eq!(made.status, 201, "{made:?}");
}
