//! Rows 19 and 20: agents that use git as they like, and what is on the card's branch afterwards.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::oracle;
use crate::rounds::Round;
use crate::scenes;
use crate::support::{Server, git};

crate::on_sqlite!(
    row_19_an_agent_leaves_its_branch,
    row_19_an_agent_changes_the_repository,
    row_20_what_is_unfinished_or_has_conflict_markers_is_not_done,
);

const BEGINNING: &str = r##"
cat > /dev/null
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@example.org
[ "$CARDUME_STAGE" = plan ] && mkdir -p specs && echo "# The plan" > specs/plan.md
[ "$CARDUME_STAGE" = implement ] || exit 0
echo 1 > one; git add one; branch=$(git symbolic-ref --short HEAD)
"##;

/// What an agent does while implementing, once it has written and added `one`; it says of `two` that it wrote it, too.
const STRAYS: [(&str, &str); 10] = [
    ("own-branch", "git checkout -q -b mine; git commit -q -m mine; echo 2 > two"),
    (
        "own-branch-of-main",
        "git stash -q; git checkout -q -b mine main; git stash pop -q; git commit -q -m mine; echo 2 > two",
    ),
    ("detached", "git checkout -q --detach; git commit -q -m mine; echo 2 > two"),
    ("reset", "echo 2 > two; git add two; git commit -q -m mine; git reset -q --hard HEAD~1"),
    ("reset-to-main", "echo 2 > two; git add two; git commit -q -m mine; git reset -q --hard main"),
    ("deleted", "git commit -q -m mine; git checkout -q --detach; git branch -q -D \"$branch\"; echo 2 > two"),
    ("deleted-while-on-it", "echo 2 > two; git update-ref -d \"refs/heads/$branch\""),
    ("own-repository", "rm .git; git init -q; git add .; git commit -q -m mine; echo 2 > two"),
    ("unlisted", "echo 2 > two; rm -rf \"$(git rev-parse --git-dir)\""),
    ("amended", "git commit -q --amend -m all; echo 2 > two"),
];

fn run(server: &Server, agents: &[(&str, &str)]) -> Vec<(String, Value)> {
    let mut cards = vec![];
    for (name, _) in agents {
        let project = server.add_project(&server.repository(&format!("repository-{name}")));
        let card = server.add_card(&project, name, name);
        scenes::run_card(server, &card);
        cards.push(((*name).to_owned(), card));
    }
    let ended = |card: &Value| matches!(scenes::workflow_stage(card), "completed" | "error");
    cards.into_iter().map(|(name, card)| (name, server.wait_for_card(&card, "its end", ended))).collect()
}

fn server(round: &Round, agents: &[(&str, &str)]) -> Server {
    let preparation = round.prepare();
    agents
        .iter()
        .fold(preparation, |preparation, (name, script)| {
            preparation.agent(name, &format!("{BEGINNING}{script}\nexit 0\n"))
        })
        .start()
}

/// Whether the file is at the branch's end, or reachable from a reference that the card names.
fn is_reachable(server: &Server, card: &Value, file: &str) -> bool {
    let id = card["id"].as_str().unwrap();
    let project = oracle::project_of(server, id);
    let named =
        server.executions(id).into_iter().filter_map(|execution| execution["workRef"].as_str().map(str::to_owned));
    let mut references: Vec<String> = named.collect();
    references.push(card["branch"].as_str().unwrap().to_owned());
    references.iter().any(|reference| {
        let listed = git(&project, &["log", "--format=", "--name-only", "-m", reference]);
        listed.lines().any(|line| line == file)
    })
}

fn row_19_an_agent_leaves_its_branch(round: &mut Round) {
    let server = server(round, &STRAYS);
    for (name, card) in run(&server, &STRAYS) {
        assert_eq!(card["columnId"], "done", "{name}: {card:#}\n{}", server.own_log());
        let is_dropped = name.starts_with("reset");
        for file in ["one", "two"] {
            assert!(is_reachable(&server, &card, file), "{name}: {file} can't be reached: {card:#}");
        }
        // Its predecessor's work is on the branch in any case.
        let kept = if is_dropped { vec!["specs/plan.md"] } else { vec!["specs/plan.md", "one", "two"] };
        let kept: Vec<String> = kept.into_iter().map(str::to_owned).collect();
        oracle::assert_on_branch(&server, card["id"].as_str().unwrap(), &kept);
        assert_eq!(
            card["warning"].is_string(),
            is_dropped || ["own-branch", "own-branch-of-main", "own-repository"].contains(&&*name),
            "{name}: {card:#}"
        );

        // What became of it is still there once the card is deleted.
        let (id, project) = (card["id"].as_str().unwrap(), oracle::project_of(&server, card["id"].as_str().unwrap()));
        assert_eq!(server.delete(&format!("/api/cards/{id}")).status, 204);
        let refs = git(&project, &["for-each-ref", &format!("refs/cardume/{id}")]);
        assert_eq!(refs.lines().count(), 4, "{name}: {refs}");
    }
}

fn row_19_an_agent_changes_the_repository(round: &mut Round) {
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("secret"), "secret").unwrap();
    let shared = "project=$(dirname \"$(git rev-parse --path-format=absolute --git-common-dir)\")";
    let moved = format!("{shared}; git commit -q -m mine; git update-ref refs/heads/main HEAD; git tag mine");
    let set = format!(
        "{shared}; mkdir hooks; printf '#!/bin/sh\\ntouch \"$HOME/hooked\"\\n' > hooks/post-checkout; chmod +x hooks/*
         git config core.hooksPath \"$PWD/hooks\"; git config core.worktree {0}; git config filter.evil.clean \"touch $HOME/filtered\"
         echo '* filter=evil' > .gitattributes; git config extensions.worktreeConfig true
         git --work-tree=. config --worktree core.worktree {0}; echo 2 > two",
        elsewhere.path().display()
    );
    let agents = [("mover", &*moved), ("setter", &*set)];
    let server = server(round, &agents);
    let cards = run(&server, &agents);
    for (name, card) in &cards {
        let warning = card["warning"].as_str().unwrap_or_else(|| panic!("{name}: no warning: {card:#}"));
        let what: &[&str] = match name.as_str() {
            "mover" => &["refs/heads/main moved", "refs/tags/mine was made"],
            _ => &["core.hookspath", "core.worktree", "filter.evil.clean"],
        };
        assert!(what.iter().all(|what| warning.contains(what)), "{name}: {warning}");
        assert_eq!(card["columnId"], "done", "{name}: {card:#}");
    }
    let project = oracle::project_of(&server, cards[1].1["id"].as_str().unwrap());
    let branch = cards[1].1["branch"].as_str().unwrap();
    let mut list = Command::new("git");
    list.arg("--git-dir").arg(project.join(".git")).args(["ls-tree", "-r", "--name-only", branch]);
    let listed = String::from_utf8(out(&mut list)).unwrap();
    assert!(listed.contains("two") && listed.contains("README.md") && !listed.contains("secret"), "{listed}");
    for trap in ["hooked", "filtered"] {
        assert!(!Path::new(server.home()).join(trap).exists(), "{trap}");
    }
}

fn out(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn row_20_what_is_unfinished_or_has_conflict_markers_is_not_done(round: &mut Round) {
    const CONFLICT: &str = "git commit -q -m mine; git checkout -q -b other HEAD~1; echo other > one; git add one
        git commit -q -m other; git checkout -q \"$branch\"; ";
    let begun = ["merge", "rebase", "cherry-pick"].map(|operation| format!("{CONFLICT} git {operation} other || true"));
    let committed = format!("{CONFLICT} git merge other || git commit -q -a -m merged");
    let agents = [("merge", &*begun[0]), ("rebase", &*begun[1]), ("cherry-pick", &*begun[2]), ("markers", &*committed)];
    let server = server(round, &agents);
    for (name, card) in run(&server, &agents) {
        assert_eq!(
            (&card["columnId"], scenes::workflow_stage(&card)),
            (&"implement".into(), "error"),
            "{name}: {card:#}"
        );
        let why = card["activeExecution"]["workflowError"].as_str().unwrap();
        let what = if name == "markers" { "conflict markers" } else { &*name };
        assert!(why.contains(what) && why.contains("one"), "{name}: {why}");
        assert!(is_reachable(&server, &card, "one"), "{name}");
    }
}
