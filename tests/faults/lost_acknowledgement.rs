//! Row 17: a change is committed, and the database's answer is lost on its way.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use crate::oracle;
use crate::rounds::Round;
use crate::scribe::{self, Script};
use crate::support::{Answer, Server};

crate::on_postgres!(row_17_the_databases_acknowledgement_is_lost);

const SOCKET: &str = ".s.PGSQL.5432";
/// How a client ends a transaction: PostgreSQL's simple query, without its length.
const COMMIT: &[u8] = b"COMMIT\0";

fn row_17_the_databases_acknowledgement_is_lost(round: &mut Round) {
    let home = tempfile::tempdir().unwrap();
    let proxy = Proxy::before(round.postgres_url.as_mut().unwrap(), home.path());
    let server = round.prepare().start();
    let project = server.add_project(&server.repository("repository"));
    let cards = if round.is_thorough { 20 } else { 4 };
    for number in 0..cards {
        let title = format!("The card of which nobody heard {number}");
        let new = json!({ "projectId": project, "title": title, "agent": scribe::NAME });
        let key = format!("create-{number}");
        proxy.swallow_answer_to_commit_of(&title);
        assert_unknown(&post(&server, "/api/cards", &key, &new));
        proxy.assert_swallowed();
        let there: Vec<Value> = titled(&server, &title);
        assert_eq!(there.len(), 1, "it was saved all the same");
        let again = post(&server, "/api/cards", &key, &new);
        assert_eq!((again.status, again.json()), (201, there[0].clone()));
        assert_eq!(titled(&server, &title).len(), 1, "once");

        let card = there[0]["id"].as_str().unwrap();
        let script = Script::seeded(&mut round.rng, 5, 0.0);
        script.write(server.home(), card);
        let (path, key) = (format!("/api/cards/{card}/run"), format!("run-{number}"));
        proxy.swallow_answer_to_commit_of(&key);
        assert_unknown(&post(&server, &path, &key, &Value::Null));
        proxy.assert_swallowed();
        let again = post(&server, &path, &key, &Value::Null);
        assert_eq!(again.status, 202, "{again:?}");
        server.wait_for_stage(card, "completed");
        // Each stage once, by one agent.
        assert_eq!(server.executions(card).len(), 4);
        oracle::assert_card_ok(&server, card, &script);
    }
}

fn post(server: &Server, path: &str, key: &str, body: &Value) -> Answer {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    server.send("POST", path, &headers, &body.to_string())
}

#[track_caller]
fn assert_unknown(answer: &Answer) {
    let detail = answer.problem(503);
    assert!(detail.contains("unknown") && !detail.contains("Nothing was changed"), "{detail}");
}

fn titled(server: &Server, title: &str) -> Vec<Value> {
    let mut answer = server.get("/api/cards").json();
    let cards = std::mem::take(answer["cards"].as_array_mut().unwrap());
    cards.into_iter().filter(|card| card["title"] == title).collect()
}

/// Stands between the server and its database, and passes everything on, but for one answer.
struct Proxy {
    /// The transaction that hears no answer to its commit is the one that sends this.
    victim: Arc<Mutex<Option<Vec<u8>>>>,
}

impl Proxy {
    /// `url` then leads through the proxy, whose socket is in `folder`.
    fn before(url: &mut String, folder: &Path) -> Self {
        let (_, host) = url.split_once("host=").expect("a socket's folder");
        let database = Path::new(host).join(SOCKET);
        *url = url.replace(host, &folder.display().to_string());
        let listener = UnixListener::bind(folder.join(SOCKET)).unwrap();
        let proxy = Self { victim: Arc::default() };
        let victim = proxy.victim.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let database = UnixStream::connect(&database).unwrap();
                Wire { client, database, victim: victim.clone(), is_muted: Arc::default() }.start();
            }
        });
        proxy
    }

    fn swallow_answer_to_commit_of(&self, text: &str) {
        *self.victim.lock().unwrap() = Some(text.into());
    }

    #[track_caller]
    fn assert_swallowed(&self) {
        assert!(self.victim.lock().unwrap().is_none(), "the commit went another way");
    }
}

/// One connection.
struct Wire {
    client: UnixStream,
    database: UnixStream,
    victim: Arc<Mutex<Option<Vec<u8>>>>,
    /// The next answer is not to arrive.
    is_muted: Arc<AtomicBool>,
}

impl Wire {
    fn start(self) {
        let other = Self {
            client: self.client.try_clone().unwrap(),
            database: self.database.try_clone().unwrap(),
            victim: self.victim.clone(),
            is_muted: self.is_muted.clone(),
        };
        thread::spawn(move || {
            let _ = self.pass_on_questions();
            self.cut();
        });
        thread::spawn(move || {
            let _ = other.pass_on_answers();
            other.cut();
        });
    }

    fn cut(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.database.shutdown(Shutdown::Both);
    }

    fn pass_on_questions(&self) -> io::Result<()> {
        let mut buffer = vec![0; 64 * 1024];
        let mut transaction = vec![];
        loop {
            let count = (&self.client).read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            transaction.extend_from_slice(&buffer[..count]);
            if contains(&transaction, COMMIT) {
                let victim = self.victim.lock().unwrap();
                if victim.as_ref().is_some_and(|text| contains(&transaction, text)) {
                    self.is_muted.store(true, Ordering::SeqCst);
                }
                transaction.clear();
            }
            (&self.database).write_all(&buffer[..count])?;
        }
    }

    /// Only once the database has answered the commit is the connection cut: so it was carried out.
    fn pass_on_answers(&self) -> io::Result<()> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = (&self.database).read(&mut buffer)?;
            if self.is_muted.load(Ordering::SeqCst) {
                *self.victim.lock().unwrap() = None;
                return Ok(());
            }
            if count == 0 {
                return Ok(());
            }
            (&self.client).write_all(&buffer[..count])?;
        }
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
