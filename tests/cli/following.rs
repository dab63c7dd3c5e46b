//! `--follow`: to the end of the run, over all stages, over a restart of the server.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::server::{GOOD_AGENT, Server, git};
use crate::usage::ended;

#[test]
fn run_follow_prints_all_stages_and_ends_with_the_run() {
    let server = Server::start();
    let repository = server.repository("r");
    let mut command = server.cardume(&["run", "--project", "r", "--title", "T", "--agent", "good", "--follow"]);
    command.current_dir(server.home());
    let (status, stdout, stderr) = ended(command);
    assert_eq!((status, &*stderr), (0, ""), "{stdout}");
    let id = stdout.lines().next().unwrap();
    let said: Vec<_> = stdout.lines().filter_map(|line| line.rsplit_once("did ")).map(|(_, stage)| stage).collect();
    assert_eq!(said, ["plan", "implement", "test", "review"]);
    let card = server.card(id);
    assert_eq!((&card["columnId"], &card["specPath"]), (&"done".into(), &"specs/plan.md".into()));
    let branch = card["branch"].as_str().unwrap();
    let commits = git(&repository, &["log", "--oneline", &format!("main..{branch}")]);
    assert!(commits.lines().count() >= 2, "{commits}");
    assert_eq!(git(&repository, &["status", "--porcelain"]), "", "the checkout is untouched");

    // The same project again is no failure; without --follow it says the id and no more.
    let arguments = ["run", "--project", "r", "--title", "Again", "--description", "In full", "--agent", "good"];
    let mut command = server.cardume(&arguments);
    command.current_dir(server.home());
    let (status, stdout, _) = ended(command);
    assert_eq!((status, stdout.lines().count()), (0, 1));
    let card = server.wait_for_stage(stdout.trim(), "completed");
    assert_eq!(card["description"], "In full");
    assert_eq!(server.get("/api/projects").json()["projects"].as_array().unwrap().len(), 1);
}

#[test]
fn run_follow_of_a_run_that_fails_is_a_failure_that_says_why() {
    let script = format!("if [ $CARDUME_STAGE = test ]; then echo 'no luck' >&2; exit 7; fi\n{GOOD_AGENT}");
    let server = Server::prepare().agent("unlucky", &script).start();
    let repository = server.repository("r");
    let arguments =
        ["run", "--project", repository.to_str().unwrap(), "--title", "T", "--agent", "unlucky", "--follow"];
    let (status, stdout, stderr) = ended(server.cardume(&arguments));
    assert_eq!(status, 1);
    assert!(stdout.contains("did implement") && stdout.contains("no luck"), "{stdout}");
    assert!(stderr.starts_with("cardume: /test") && stderr.trim_end().lines().count() == 1, "{stderr}");
}

#[test]
fn run_follow_goes_on_where_the_server_was_killed_in_between() {
    let script = format!("echo \"begins $CARDUME_STAGE\"\nwhile [ ! -e \"$GATE\" ]; do sleep 0.05; done\n{GOOD_AGENT}");
    let preparation = Server::prepare().agent("gated", &script);
    let gate = preparation.home().join("gate");
    let mut server = preparation.env("GATE", &gate).start();
    let repository = server.repository("r");
    let arguments = ["run", "--project", repository.to_str().unwrap(), "--title", "T", "--agent", "gated", "--follow"];
    let mut child = server.cardume(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.ends_with("begins plan")));

    server.kill_9();
    // The client has noticed: it says so.
    let mut noticed = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut noticed).unwrap();
    assert!(noticed.contains("reconnecting"), "{noticed}");
    std::fs::write(&gate, "").unwrap();
    server.restart();

    let rest: Vec<_> = lines.collect();
    assert!(child.wait().unwrap().success(), "{rest:#?}");
    let told = rest.iter().filter_map(|line| line.split_once("  text    ")).map(|(_, text)| text).collect::<Vec<_>>();
    let expected =
        ["did plan", "begins implement", "did implement", "begins test", "did test", "begins review", "did review"];
    assert_eq!(told, expected, "nothing is lost and nothing told twice");
}

#[test]
fn logs_follow_waits_for_the_end_of_the_run() {
    let script = format!("echo begins\nwhile [ ! -e \"$GATE\" ]; do sleep 0.05; done\n{GOOD_AGENT}");
    let preparation = Server::prepare().agent("gated", &script);
    let gate = preparation.home().join("gate");
    let server = preparation.env("GATE", &gate).start();
    let id = server.run_new_card("gated");
    let mut child = server.cardume(&["logs", &id, "--follow"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.ends_with("begins")));
    assert!(child.try_wait().unwrap().is_none());
    std::fs::write(&gate, "").unwrap();
    assert!(lines.any(|line| line.ends_with("did review")));
    lines.for_each(drop);
    assert!(child.wait().unwrap().success());
    assert_eq!(server.card(&id)["columnId"], "done");
}
