//! Row 18: the server crashes before and after every call of git that changes something. The calls are found in the
//! code: one that is added is tried too, or fails this test until a scene comes past it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rand::seq::SliceRandom;

use crate::oracle;
use crate::rounds::Round;
use crate::scenes::{self, glimpse};
use crate::scribe;
use crate::support::{Server, git};

crate::on_sqlite!(row_18_a_crash_before_and_after_each_git_call);

/// Does what makes Cardume come past as many calls as possible; `$HOME/way` says which.
const AGENT: &str = r##"
cat > /dev/null
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@example.org
read -r stat < "/proc/$$/stat"
set -- ${stat##*) }
echo "$CARDUME_CARD_ID $CARDUME_STAGE $CARDUME_EXECUTION_ID $$ ${20}" >> "$HOME/starts"
way=$(cat "$HOME/way")
case "$CARDUME_STAGE" in
    plan) mkdir -p specs && echo "# The plan" > specs/plan.md ;;
    implement)
        printf '*.log\nold\n' > .gitignore
        echo 1 > kept.log && git add -f kept.log
        case "$way" in
            apart)
                git add .gitignore && git rm -q --cached old && git commit -q -m ignored
                git switch -q -c mine HEAD~2 && echo mine > mine && git add mine && git commit -q -m mine ;;
            untracked) git rm -q --cached old ;;
            unindexed) rm "$(git rev-parse --git-dir)/index" ;;
            unlisted) rm -rf "$(git rev-parse --git-dir)" ;;
            sparse) git sparse-checkout set --no-cone '/*' '!/skipped' ;;
            sparse-unindexed)
                git sparse-checkout set --no-cone '/*' '!/skipped'
                rm "$(git rev-parse --git-dir)/index" ;;
            inner)
                git init -q inner && echo 1 > inner/one && git -C inner add one && git -C inner commit -q -m one
                git add inner && git commit -q -m inner ;;
        esac
        echo work > work ;;
esac
"##;

/// The calls that only some ways come past.
const WAYS: [(&str, &str); 13] = [
    ("merge-work", "apart"),
    ("forget-index", "apart"),
    ("refresh-files", "apart"),
    ("advance-files", "apart"),
    ("attach", "apart"),
    ("snapshot-untracked", "untracked"),
    ("snapshot-ignored", "untracked"),
    ("mend-index", "unindexed"),
    ("list-worktree", "unlisted"),
    ("snapshot-skip", "sparse"),
    ("mend-sparse-index", "sparse-unindexed"),
    ("snapshot-inner", "inner"),
    ("refresh-index", "plain"),
];

fn row_18_a_crash_before_and_after_each_git_call(round: &mut Round) {
    let mut points: Vec<String> =
        calls().into_iter().flat_map(|call| [format!("git::before-{call}"), format!("git::after-{call}")]).collect();
    assert!(points.len() >= 40, "{points:?}");
    points.shuffle(&mut round.rng);
    // One after the other they take their time; over many runs of the tests each has its turn.
    let count = if round.is_thorough { points.len() } else { 6 };
    let mut server = round.prepare().agent("gitter", AGENT).start();
    for (number, point) in points[..count].iter().enumerate() {
        let call = point.strip_prefix("git::before-").or(point.strip_prefix("git::after-")).unwrap();
        let way = WAYS.iter().find(|(of, _)| *of == call).map_or("plain", |(_, way)| way);
        fs::write(server.home().join("way"), way).unwrap();
        let repository = server.repository(&format!("repository-{number}"));
        for file in ["old", "skipped"] {
            fs::write(repository.join(file), file).unwrap();
        }
        git(&repository, &["add", "."]);
        git(&repository, &["-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", "files"]);
        let project = server.add_project(&repository);
        let card = server.add_card(&project, point, "gitter");
        let died = server.home().join(format!("died-{number}"));
        server.set_env("CRASH_AT", Some(&format!("{point} 0 {}", died.display())));
        server.restart();
        scenes::run_card(&server, &card);
        bring_through(&mut server, &card, point);
        assert!(died.exists(), "nothing died at {point}: no scene comes past it");
        let mut files = ["README.md", "specs/plan.md", "work", "skipped"].map(str::to_owned).to_vec();
        // An ignored file is known to the agent's index alone.
        if !["unindexed", "unlisted", "sparse-unindexed"].contains(&way) {
            files.push("kept.log".to_owned());
        }
        if way == "apart" {
            files.push("mine".to_owned());
        }
        let branch = server.card(&card)["branch"].as_str().unwrap().to_owned();
        let listed = git(&repository, &["ls-tree", "-r", "--name-only", &branch]);
        let missing: Vec<_> = files.iter().filter(|file| !listed.lines().any(|line| line == *file)).collect();
        assert!(missing.is_empty(), "at {point}, {way}: {branch} lacks {missing:?}: {listed}");
        let starts = scribe::starts(server.home()).into_iter().filter(|start| start.card == card).count();
        assert_eq!(starts, 4, "at {point}");
        oracle::assert_started_once_each(server.home());
        assert_eq!(git(&repository, &["status", "--porcelain"]), "", "at {point}");
    }
}

/// Starts the server again whenever it has died, until the workflow is through.
fn bring_through(server: &mut Server, card: &str, point: &str) {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        let seen = if server.is_running() { glimpse(server, card) } else { server.try_restart().ok().and(None) };
        match seen.as_ref().map(scenes::workflow_stage) {
            Some("completed") => return,
            Some("error") => panic!("at {point}: {:#}\n{}", seen.unwrap(), server.own_log()),
            _ => assert!(Instant::now() < deadline, "at {point}: {seen:#?}\n{}", server.own_log()),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The names of all calls of git that change something, out of the sources of the git room.
fn calls() -> Vec<String> {
    let mut calls = vec![];
    read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server/git"), &mut calls);
    calls.sort();
    calls.dedup();
    calls
}

fn read_folder(folder: &Path, calls: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            read_folder(&path, calls);
            continue;
        }
        if path.ends_with("tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("mod tests {").next().unwrap();
        for call in ["change(", "change_or_refuse("] {
            for rest in code.split(&format!(".{call}")).skip(1) {
                let name =
                    rest.split('"').nth(1).unwrap_or_else(|| panic!("{}: a call without a name", path.display()));
                calls.push(name.to_owned());
            }
        }
    }
}
