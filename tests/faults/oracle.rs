//! What is asked after every fault: are the rows exactly what the agent printed, and was it started once?

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::scribe::{self, Part, Script};
use crate::support::{Server, git};

/// How much of what the agent was to print must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    Whole,
    /// All that is in the journal, which is a beginning of what was to be printed: the agent was ended on the way.
    AsFarAsItCame,
}

/// OK for every stage of a card that was run through to its end, each stage once.
#[track_caller]
pub fn assert_card_ok(server: &Server, card: &str, script: &Script) {
    let executions = server.executions(card);
    let stages: Vec<_> = executions.iter().map(stage).collect();
    assert_eq!(stages, scribe::STAGES, "{executions:#?}");
    for execution in &executions {
        assert_eq!(execution["status"], "success", "{execution:#}");
        assert_execution_ok(server, execution, script.part(stage(execution)), Extent::Whole);
    }
    assert_started_once_each(server.home());
    let mut files: Vec<String> = (1..=50).map(|number| format!("many/{number}")).collect();
    files.extend(["README.md", "specs/plan.md", "work.txt", "side.txt"].map(str::to_owned));
    assert_on_branch(server, card, &files);
}

/// Every one of these files is at the end of the card's branch, and no other of the project's was deleted there.
#[track_caller]
pub fn assert_on_branch(server: &Server, card: &str, files: &[String]) {
    let (card, project) = (server.card(card), project_of(server, card));
    let branch = card["branch"].as_str().unwrap();
    let listed = git(&project, &["ls-tree", "-r", "-z", "--name-only", branch]);
    let there: Vec<&str> = listed.split('\0').collect();
    let missing: Vec<&String> = files.iter().filter(|file| !there.contains(&file.as_str())).collect();
    assert!(missing.is_empty(), "{branch} lacks {missing:?}; the card: {card:#}\n{}", server.own_log());
    let deleted = git(&project, &["diff", "--name-only", "--diff-filter=D", "--merge-base", "HEAD", branch]);
    assert_eq!(deleted, "", "{branch} deletes files");
}

/// The repository that a card's project is.
pub fn project_of(server: &Server, card: &str) -> PathBuf {
    let id = server.card(card)["projectId"].clone();
    let projects = server.get("/api/projects").json();
    let projects = projects["projects"].as_array().unwrap();
    projects.iter().find(|project| project["id"] == id).unwrap()["path"].as_str().unwrap().into()
}

/// OK for one execution.
#[track_caller]
pub fn assert_execution_ok(server: &Server, execution: &Value, part: &Part, extent: Extent) {
    let id = id(execution);
    let rows = all_rows(server, id);
    for (kind, printed) in [("text", &part.stdout), ("stderr", &part.stderr)] {
        let (kept, begun) = lines(&rows, kind);
        let difference = kept.iter().zip(printed).position(|(kept, printed)| kept != printed);
        if let Some(at) = difference {
            panic!("{id}: line {at} of {kind} is {:.200?}, and was printed as {:.200?}", kept[at], printed[at]);
        }
        match extent {
            Extent::Whole => assert_eq!((kept.len(), &*begun), (printed.len(), ""), "{id}: lines of {kind}"),
            Extent::AsFarAsItCame => {
                let next = printed.get(kept.len()).map_or("", String::as_str);
                assert!(kept.len() <= printed.len() && next.starts_with(&begun), "{id}: more {kind} than printed");
            }
        }
    }
    let of_rows = digest_of_rows(&rows);
    let place = place(server, id);
    if let Ok(journal) = fs::read(place.join("journal")) {
        assert_eq!(of_rows, digest_of_journal(&journal), "{id}: the rows are not what the journal has");
    }
    assert_eq!(execution["digest"], of_rows, "{id}: the digest in the database is not that of its rows");
    if extent == Extent::Whole {
        // Where the directory is removed already, `verified` tells what the comparison had come to.
        if place.exists() {
            let exit: Value = serde_json::from_slice(&fs::read(place.join("exit.json")).unwrap()).unwrap();
            assert_eq!(exit["digest"], of_rows, "{id}: the rows are not what the supervisor saw");
        }
        assert_eq!(execution["verified"], true, "{id}: {execution:#}");
    }
}

/// No execution's agent was ever started twice.
#[track_caller]
pub fn assert_started_once_each(home: &Path) {
    let mut executions: Vec<_> = scribe::starts(home).into_iter().map(|start| start.execution).collect();
    let all = executions.len();
    executions.sort();
    executions.dedup();
    assert_eq!(executions.len(), all, "an agent was started twice: {:#?}", scribe::starts(home));
}

/// All rows of an ended execution, read in pages: sequences 1, 2, 3, … and complete.
#[track_caller]
pub fn all_rows(server: &Server, execution: &str) -> Vec<Value> {
    let rows = server.rows(execution, 2000);
    assert_eq!(log_after(server, execution, rows.len())["complete"], true, "{execution}");
    rows
}

/// A page of an execution's log.
#[track_caller]
pub fn log_after(server: &Server, execution: &str, after: usize) -> Value {
    let answer = server.get(&format!("/api/executions/{execution}/logs?after={after}&limit=2000"));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["execution"].clone()
}

/// The lines of one type, with the pieces of long ones put together again, and the beginning of one without an end.
fn lines(rows: &[Value], kind: &str) -> (Vec<String>, String) {
    let mut lines = vec![];
    let mut begun = String::new();
    for row in rows.iter().filter(|row| row["type"] == kind) {
        begun.push_str(row["content"].as_str().unwrap());
        if row["partial"] != true {
            lines.push(std::mem::take(&mut begun));
        }
    }
    (lines, begun)
}

/// The lines of one type, each with its end.
pub fn whole_lines(rows: &[Value], kind: &str) -> Vec<String> {
    let (lines, begun) = lines(rows, kind);
    assert!(begun.is_empty(), "the last line of {kind} has no end");
    lines
}

/// The digest of a log by its rows. What Cardume itself says is not in it.
fn digest_of_rows(rows: &[Value]) -> String {
    let mut digest = LogDigest::default();
    for row in rows {
        let letter = match (row["type"].as_str().unwrap(), row["partial"] == true) {
            ("text", false) => b'o',
            ("text", true) => b'O',
            ("stderr", false) => b'e',
            ("stderr", true) => b'E',
            _ => continue,
        };
        digest.add(letter, row["content"].as_str().unwrap().as_bytes());
    }
    digest.hex()
}

/// The digest of a log by its journal, as far as its records are whole.
fn digest_of_journal(journal: &[u8]) -> String {
    let mut digest = LogDigest::default();
    let whole = journal.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    for record in journal[..whole].split_inclusive(|byte| *byte == b'\n').skip(1) {
        let parts: Vec<_> = record[..record.len() - 1].splitn(4, |byte| *byte == b' ').collect();
        digest.add(parts[0][0], parts[3]);
    }
    digest.hex()
}

/// d = SHA-256(d ‖ letter ‖ length ‖ payload), from 32 zero bytes.
#[derive(Default)]
struct LogDigest([u8; 32]);

impl LogDigest {
    fn add(&mut self, letter: u8, payload: &[u8]) {
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        hasher.update([letter]);
        hasher.update((payload.len() as u64).to_le_bytes());
        hasher.update(payload);
        self.0 = hasher.finalize().into();
    }

    fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

pub fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

/// `plan` of `/plan`.
pub fn stage(execution: &Value) -> &str {
    execution["command"].as_str().unwrap().trim_start_matches('/')
}

/// An execution's directory.
pub fn place(server: &Server, execution: &str) -> PathBuf {
    server.data_dir().join("executions").join(execution)
}

/// The supervisor that a `started` names, in its present form or the old one (a bare number).
pub fn supervisor(server: &Server, execution: &str) -> Option<i32> {
    let started = fs::read_to_string(place(server, execution).join("started")).ok()?;
    let value: Value = serde_json::from_str(started.trim()).ok()?;
    let pid = value.get("pid").unwrap_or(&value).as_i64()?;
    i32::try_from(pid).ok()
}
