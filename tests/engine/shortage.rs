//! A machine that is short of open files makes agents wait, and fails no card.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use serde_json::{Value, json};

use super::support::{CARDUME, GOOD_AGENT, Server, clean_command, eventually};
use super::{contents, id};

fn limit_open_files(pid: u32, soft: u64) {
    let pid = Pid::from_raw(pid as i32);
    let maximum = getrlimit(Resource::Nofile).maximum;
    prlimit(pid, Resource::Nofile, Rlimit { current: Some(soft), maximum }).unwrap();
}

/// The limit with which the process can open `count` more files. The kernel gives out the lowest free numbers below it.
fn limit_that_leaves(pid: u32, count: usize) -> u64 {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let open: Vec<u64> = files.filter_map(|file| file.file_name().to_str()?.parse().ok()).collect();
    (0..).filter(|number| !open.contains(number)).nth(count).unwrap()
}

#[test]
fn a_server_without_files_to_open_waits_and_goes_on() {
    let server = Server::start();
    // Opens what it opens only once.
    let first = server.run_new_card("good");
    server.wait_for_stage(&first, "completed");
    let project = server.card(&first)["projectId"].as_str().unwrap().to_owned();
    let card = server.add_card(&project, "Another card", "good");
    assert!(eventually(|| server.get("/health").status == 200));

    // A request can still come in; git can't be started.
    limit_open_files(server.pid(), limit_that_leaves(server.pid(), 2));
    assert_eq!(server.post(&format!("/api/cards/{card}/run"), Value::Null).status, 202);
    // Longer than anything else that repeats is borne with.
    let waits = || server.own_log().matches("an execution cannot be followed now").count() > 10;
    assert!(eventually(waits), "nothing was in its way:\n{}", server.own_log());
    limit_open_files(server.pid(), 4096);
    server.wait_for_stage(&card, "completed");
    let executions = server.executions(&card);
    assert!(executions.iter().all(|one| one["status"] == "success"), "{executions:#?}\n{}", server.own_log());
}

#[test]
fn a_supervisor_without_files_to_open_waits_and_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let ran = home.path().join("ran");
    let dir = home.path().join("execution");
    fs::create_dir(&dir).unwrap();
    let order = json!({"version": 1, "argv": ["touch", ran], "worktree": home.path(), "env": []});
    fs::write(dir.join("order.json"), order.to_string()).unwrap();
    fs::write(dir.join("prompt.md"), "").unwrap();
    let template = clean_command(home.path());
    let mut command = Command::new("bash");
    command.args(["-c", "ulimit -Sn 8; exec \"$0\" supervise \"$1\"", CARDUME]).arg(&dir).stdin(Stdio::null());
    command.envs(template.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut supervisor = command.spawn().unwrap();
    assert!(eventually(|| dir.join("started").exists()));
    std::thread::sleep(Duration::from_secs(2));
    assert!(
        supervisor.try_wait().unwrap().is_none(),
        "it did not wait: {:?}",
        fs::read_to_string(dir.join("exit.json"))
    );
    assert!(!dir.join("exit.json").exists() && !ran.exists());
    limit_open_files(supervisor.id(), 256);
    assert!(supervisor.wait().unwrap().success());
    let exit: Value = serde_json::from_slice(&fs::read(dir.join("exit.json")).unwrap()).unwrap();
    assert_eq!((&exit["exit_code"], &exit["error"], ran.exists()), (&json!(0), &Value::Null, true), "{exit}");
}

#[test]
fn a_server_may_open_more_files_than_its_agents() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let soft = current.map_or(1000, |current| current.min(1000));
    let agent = format!("echo \"files $(ulimit -Sn)\"\n{GOOD_AGENT}");
    let preparation = Server::prepare().agent("counting", &agent);
    // The server inherits it. No test of this binary needs more.
    setrlimit(Resource::Nofile, Rlimit { current: Some(soft), maximum }).unwrap();
    let server = preparation.start();
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let files: Vec<&str> =
        limits.lines().find(|line| line.starts_with("Max open files")).unwrap().split_whitespace().collect();
    assert_eq!(files[3], files[4], "{limits}");
    let card = server.run_new_card("counting");
    server.wait_for_stage(&card, "completed");
    let rows = server.rows(id(&server.executions(&card)[0]), 100);
    assert!(contents(&rows, "text").contains(&format!("files {soft}")), "{rows:#?}");
}
