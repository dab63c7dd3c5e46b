//! Row 18: a server or a supervisor ends in the middle of git's work.
//!
//! A filter of the user's own (`~/.gitconfig`) holds git up for real: in the middle of a checkout, or of an `add`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

use crate::oracle;
use crate::rounds::Round;
use crate::scenes;
use crate::scribe;
use crate::support::{Server, eventually, git, processes_under};

crate::on_both_databases!(
    row_18_the_server_ends_while_a_worktree_is_made,
    row_18_the_server_ends_while_work_is_committed,
    row_18_the_supervisor_is_killed_while_the_agent_runs_git,
);

const FILES: usize = 30;

/// Writes many files, commits some, and works with git for as long as the filter holds it up.
const AGENT: &str = r##"
cat > /dev/null
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@example.org
read -r stat < "/proc/$$/stat"
set -- ${stat##*) }
echo "$CARDUME_CARD_ID $CARDUME_STAGE $CARDUME_EXECUTION_ID $$ ${20}" >> "$HOME/starts"
ls > "$HOME/seen-$CARDUME_STAGE"
case "$CARDUME_STAGE" in
    plan) mkdir -p specs && echo "# The plan" > specs/plan.md ;;
    implement)
        for n in $(seq 30); do echo "new $n" > "new-$n"; done
        if [ -e "$HOME/use-git" ]; then
            : > "$(git rev-parse --git-dir)/HEAD.lock"
            git add .
        fi ;;
esac
echo "did $CARDUME_STAGE"
"##;

/// A server whose git is held up by the filter `direction` (`smudge`: checkouts, `clean`: adds) at one file in the
/// middle, while `$HOME/hold` is there, or the agents' own gits while `$HOME/hold-agents` is; and a card.
fn scene(round: &Round, direction: &str) -> (Server, String) {
    let preparation = round.prepare().agent("gitter", AGENT);
    let home = preparation.home().to_owned();
    let filter = home.join("filter.sh");
    let script = format!(
        "#!/bin/sh\ncat\ncase \"$1\" in {1}) ;; *) exit 0 ;; esac\n[ -e {0}/hold ] || {{ [ -e {0}/hold-agents ] && [ -n \"$CARDUME_EXECUTION_ID\" ]; }} || exit 0\n\
         : > {0}/held\nuntil [ -e {0}/go ]; do sleep 0.05; done\n",
        home.display(),
        if direction == "smudge" { "file-15" } else { "new-15" }
    );
    fs::write(&filter, script).unwrap();
    fs::set_permissions(&filter, fs::Permissions::from_mode(0o755)).unwrap();
    let other = if direction == "smudge" { "clean" } else { "smudge" };
    let config = format!("[filter \"slow\"]\n\t{direction} = {} %f\n\t{other} = cat\n", filter.display());
    fs::write(home.join(".gitconfig"), config).unwrap();
    let server = preparation.start();
    let repository = server.repository("repository");
    for number in 0..FILES {
        fs::write(repository.join(format!("file-{number}")), format!("{number}\n")).unwrap();
    }
    fs::write(repository.join(".gitattributes"), "* filter=slow\n").unwrap();
    git(&repository, &["add", "."]);
    git(&repository, &["-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", "files"]);
    let project = server.add_project(&repository);
    let card = server.add_card(&project, "A card", "gitter");
    (server, card)
}

fn expected() -> Vec<String> {
    let mut files: Vec<String> = (0..FILES).map(|number| format!("file-{number}")).collect();
    files.extend((1..=FILES).map(|number| format!("new-{number}")));
    files.extend(["README.md", "specs/plan.md"].map(str::to_owned));
    files
}

/// Ends the server as somebody does: with SIGTERM in every second round, else with `kill -9`.
fn end(server: &mut Server, gently: bool) {
    if gently {
        server.terminate();
    } else {
        server.kill_9();
    }
}

fn let_go(home: &Path) {
    fs::remove_file(home.join("hold")).unwrap();
    fs::write(home.join("go"), "").unwrap();
}

fn row_18_the_server_ends_while_a_worktree_is_made(round: &mut Round) {
    for gently in [true, false] {
        let (mut server, card) = scene(round, "smudge");
        let home = server.home().to_owned();
        fs::write(home.join("hold"), "").unwrap();
        scenes::run_card(&server, &card);
        assert!(eventually(|| home.join("held").exists()), "no checkout began");
        end(&mut server, gently);
        assert!(gits(&home) > 0, "the checkout ended with the server");
        server.restart();
        // As long as the earlier git is at work nobody else is.
        for _ in 0..3 {
            assert_eq!(server.get("/health").status, 200);
            assert_eq!(scribe::starts(&home), [], "the agent began in half a worktree");
        }
        let_go(&home);
        server.wait_for_stage(&card, "completed");
        let seen = fs::read_to_string(home.join("seen-plan")).unwrap();
        assert!((0..FILES).all(|number| seen.lines().any(|file| file == format!("file-{number}"))), "{seen}");
        assert_ok(&server, &card, 4);
    }
}

fn row_18_the_server_ends_while_work_is_committed(round: &mut Round) {
    for gently in [true, false] {
        let (mut server, card) = scene(round, "clean");
        let home = server.home().to_owned();
        fs::write(home.join("hold"), "").unwrap();
        scenes::run_card(&server, &card);
        assert!(eventually(|| home.join("held").exists()), "no file was added");
        end(&mut server, gently);
        server.restart();
        assert_eq!(server.get("/health").status, 200);
        let_go(&home);
        // Nobody does anything: no Retry, no Resume.
        server.wait_for_stage(&card, "completed");
        assert_ok(&server, &card, 4);
    }
}

fn row_18_the_supervisor_is_killed_while_the_agent_runs_git(round: &mut Round) {
    let (server, card) = scene(round, "clean");
    let home = server.home().to_owned();
    for file in ["use-git", "hold-agents"] {
        fs::write(home.join(file), "").unwrap();
    }
    scenes::run_card(&server, &card);
    assert!(eventually(|| home.join("held").exists()), "the agent added nothing");
    let execution = scenes::active(&server.card(&card));
    let supervisor = oracle::supervisor(&server, &execution).expect("the supervisor has noted itself");
    kill_process(Pid::from_raw(supervisor).unwrap(), Signal::KILL).unwrap();
    let lost = server.wait_for_stage(&card, "error");
    assert_eq!(lost["activeExecution"]["status"], "lost", "{lost:#}");
    for file in ["use-git", "hold-agents"] {
        fs::remove_file(home.join(file)).unwrap();
    }
    scenes::retry(&server, &card);
    server.wait_for_stage(&card, "completed");
    assert_ok(&server, &card, 5);
}

/// The work is on the branch, the checkout was left alone, and each stage was started as often as it should.
fn assert_ok(server: &Server, card: &str, starts: usize) {
    oracle::assert_on_branch(server, card, &expected());
    oracle::assert_started_once_each(server.home());
    assert_eq!(scribe::starts(server.home()).len(), starts);
    for execution in server.executions(card) {
        assert!(execution["workRef"].is_string(), "{execution:#}");
    }
    assert_eq!(git(&oracle::project_of(server, card), &["status", "--porcelain"]), "");
}

/// How many gits run for this test.
fn gits(home: &Path) -> usize {
    let name = |pid: i32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    processes_under(home).into_iter().filter(|pid| name(*pid).trim() == "git").count()
}
