//! A PostgreSQL server for tests: one a test process, one database a test.
//!
//! Needs PostgreSQL on the machine; where there is none the test fails and says what to install.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// The URL of an empty database of the caller's own.
pub async fn database() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let server = server();
    let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut connection = PgConnection::connect(server).await.expect("the throwaway server takes connections");
    sqlx::raw_sql(AssertSqlSafe(format!("create database {name}"))).execute(&mut connection).await.expect("a database");
    connection.close().await.expect("the connection closes");
    server.replace("/postgres?", &format!("/{name}?"))
}

/// The server's URL. It is started by the first who asks, and stops when this process ends: its stdin ends then.
fn server() -> &'static str {
    static SERVER: OnceLock<(String, Child)> = OnceLock::new();
    &SERVER.get_or_init(start).0
}

/// Starts a server; answers its URL. It stops when the standard input of the process ends.
pub fn start() -> (String, Child) {
    let mut child = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/throwaway-postgres"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("scripts/throwaway-postgres can be started");
    let mut url = String::new();
    let stdout = child.stdout.as_mut().expect("a pipe");
    BufReader::new(stdout).read_line(&mut url).expect("its output is text");
    assert!(
        url.starts_with("postgres://"),
        "no PostgreSQL for the tests: install it (Debian: apt-get install postgresql), or see above for why it did not start"
    );
    (url.trim().to_owned(), child)
}
