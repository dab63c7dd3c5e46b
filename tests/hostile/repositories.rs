//! Repositories whose own configuration, or whose agent, would have the server run or read what it should not.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{assert_none, markers};
use crate::server::{GOOD_AGENT, Server, git};

/// Every way that git knows to have a repository's configuration start a program, each with a marker of its own.
fn poison(repository: &Path, markers: &Path) {
    let mark = |name: &str| format!("touch {}", markers.join(name).display());
    fs::write(repository.join(".gitattributes"), "* filter=evil diff=evil merge=evil\nx filter=a=b\n").unwrap();
    git(repository, &["add", "."]);
    git(repository, &["-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", "attributes"]);
    for folder in [".git/hooks", "own-hooks"] {
        fs::create_dir_all(repository.join(folder)).unwrap();
        for hook in [
            "post-checkout",
            "pre-commit",
            "prepare-commit-msg",
            "commit-msg",
            "post-commit",
            "post-index-change",
            "reference-transaction",
            "fsmonitor-watchman",
            "pre-auto-gc",
            "post-rewrite",
            "post-merge",
        ] {
            let path = repository.join(folder).join(hook);
            fs::write(&path, format!("#!/bin/sh\n{}\n", mark(&format!("hook-{hook}")))).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    fs::write(repository.join(".git/included"), format!("[filter \"evil\"]\n\tsmudge = {}\n", mark("included")))
        .unwrap();
    for (key, value) in [
        ("core.hooksPath", repository.join("own-hooks").display().to_string()),
        ("core.fsmonitor", mark("fsmonitor")),
        ("core.sshCommand", mark("ssh")),
        ("core.askPass", mark("askpass")),
        ("core.pager", mark("pager")),
        ("pager.diff", mark("pager-diff")),
        ("core.editor", mark("editor")),
        ("sequence.editor", mark("sequence-editor")),
        ("core.gitProxy", mark("proxy")),
        ("core.alternateRefsCommand", mark("alternates")),
        ("filter.evil.clean", mark("clean")),
        ("filter.evil.smudge", mark("smudge")),
        ("filter.evil.process", mark("process")),
        ("filter.evil.required", "true".into()),
        ("filter.a=b.clean", mark("clean-with-equals")),
        ("diff.external", mark("diff-external")),
        ("diff.evil.command", mark("diff-command")),
        ("diff.evil.textconv", mark("textconv")),
        ("merge.evil.driver", mark("merge")),
        ("gpg.program", mark("gpg")),
        ("commit.gpgSign", "true".into()),
        ("credential.helper", format!("!{}", mark("credential"))),
        ("alias.add", format!("!{}", mark("alias"))),
        ("hook.evil.command", mark("configured-hook")),
        ("hook.evil.event", "post-commit".into()),
        ("submodule.recurse", "true".into()),
        ("submodule.evil.update", format!("!{}", mark("submodule"))),
        ("remote.origin.url", format!("ext::sh -c '{}'", mark("ext"))),
        ("remote.origin.uploadpack", mark("uploadpack")),
        ("remote.origin.promisor", "true".into()),
        ("extensions.partialClone", "origin".into()),
        ("core.repositoryFormatVersion", "1".into()),
        ("protocol.ext.allow", "always".into()),
        ("trailer.evil.command", mark("trailer")),
        ("include.path", "included".into()),
    ] {
        git(repository, &["config", key, &value]);
    }
}

#[test]
fn a_repositorys_own_configuration_starts_nothing() {
    let server = Server::start();
    let markers = markers(server.home());
    let repository = server.repository("repository");
    poison(&repository, &markers);
    assert_none(&markers);

    let project = server.add_project(&repository);
    let card = server.add_card(&project, "A card", "good");
    assert_eq!(server.post(&format!("/api/cards/{card}/run"), Value::Null).status, 202);
    let card = server.wait_for_card(&card, "its end", |card| card["activeExecution"]["status"] != "running");
    assert_none(&markers);
    assert_eq!(card["columnId"], "done", "{card:#}");
    assert_eq!(server.delete(&format!("/api/cards/{}", card["id"].as_str().unwrap())).status, 204);
    assert_none(&markers);

    // The trap was a real one: git by itself falls into it.
    let _ = Command::new("git").arg("-C").arg(&repository).args(["add", "--all", "--renormalize"]).output();
    let _ =
        Command::new("git").arg("-C").arg(&repository).args(["worktree", "add", "-b", "x", "../elsewhere"]).output();
    for marker in ["fsmonitor", "process"] {
        assert!(markers.join(marker).exists(), "{marker}");
    }
}

/// An agent may make a repository in its worktree, and say in its configuration what it likes.
#[test]
fn a_repository_within_the_worktree_starts_nothing() {
    let preparation = Server::prepare();
    let markers = markers(preparation.home());
    let agent = format!(
        "{GOOD_AGENT}
        [ \"$CARDUME_STAGE\" = plan ] || [ \"$CARDUME_STAGE\" = implement ] || exit 0
        if [ ! -e inner ]; then
            git init --quiet inner && cd inner && echo '* filter=evil' > .gitattributes && echo one > file
            git add . && git -c user.name=T -c user.email=t@example.org commit --quiet -m one
        else
            cd inner
        fi
        echo \"$CARDUME_STAGE\" >> file
        for key in core.fsmonitor filter.evil.clean filter.evil.process diff.external; do
            git config $key \"touch $MARKERS/inner-$key\"
        done
        for hook in post-checkout pre-commit post-index-change; do
            printf '#!/bin/sh\\ntouch %s/inner-hook\\n' \"$MARKERS\" > .git/hooks/$hook; chmod +x .git/hooks/$hook
        done
        rm -f \"$MARKERS\"/*
        "
    );
    let server = preparation.env("MARKERS", &markers).agent("good", &agent).start();
    let card = server.run_new_card("good");
    let card = server.wait_for_card(&card, "its end", |card| card["activeExecution"]["status"] != "running");
    assert_none(&markers);
    assert_eq!(card["columnId"], "done", "{card:#}");
}

#[test]
fn a_repository_that_points_elsewhere_is_no_project() {
    let server = Server::start();
    let (repository, elsewhere) = (server.repository("repository"), server.repository("elsewhere"));
    git(&repository, &["config", "core.worktree", elsewhere.to_str().unwrap()]);
    let detail = server.post("/api/projects", json!({ "path": repository })).problem(422);
    assert!(detail.contains("core.worktree"), "{detail}");
}

#[test]
fn a_folder_whose_name_ends_in_a_line_feed_is_a_project_like_any_other() {
    let server = Server::start();
    let repository = server.repository("repository\n");
    let project = server.add_project(&repository);
    let card = server.add_card(&project, "A card", "good");
    assert_eq!(server.post(&format!("/api/cards/{card}/run"), Value::Null).status, 202);
    let card = server.wait_for_card(&card, "its end", |card| card["activeExecution"]["status"] != "running");
    assert_eq!(card["columnId"], "done", "{card:#}");
    // A path that was pasted with one is found without it.
    let pasted = format!("{}\n", server.repository("other").display());
    assert_eq!(server.post("/api/projects", json!({ "path": pasted })).status, 201);
}

/// What a planning stage leaves is looked at with care: none of these is a plan, and none is waited for.
#[test]
fn a_plan_that_is_no_file_of_the_worktree_is_no_plan() {
    let cases = [
        ("link", "mkdir -p specs; ln -s /etc/passwd specs/plan.md"),
        ("folder-link", "mkdir -p \"$OUTSIDE\"; echo secret > \"$OUTSIDE/plan.md\"; ln -s \"$OUTSIDE\" specs"),
        ("pipe", "mkdir -p specs; mkfifo specs/plan.md"),
        ("folder", "mkdir -p specs/plan.md; echo x > specs/plan.md/x"),
        ("device", "mkdir -p specs; ln -s /dev/zero specs/plan.md"),
        ("loop", "mkdir -p specs; ln -s plan.md specs/plan.md"),
    ];
    let preparation = Server::prepare();
    let outside = preparation.home().join("outside");
    let preparation = preparation.env("OUTSIDE", &outside);
    let preparation = cases.iter().fold(preparation, |preparation, (name, script)| {
        preparation.agent(name, &format!("cat > /dev/null\n{script}\necho done"))
    });
    let server = preparation.start();
    let project = server.add_project(&server.repository("repository"));
    let cards: Vec<_> = cases.iter().map(|(name, _)| (name, server.add_card(&project, name, name))).collect();
    for (_, card) in &cards {
        assert_eq!(server.post(&format!("/api/cards/{card}/run"), Value::Null).status, 202);
    }
    for (name, card) in &cards {
        let card = server.wait_for_stage(card, "error");
        assert_eq!((&card["columnId"], &card["specPath"]), (&json!("backlog"), &Value::Null), "{name}: {card:#}");
        assert!(card["activeExecution"]["workflowError"].as_str().unwrap().contains("specs/"), "{name}: {card:#}");
    }
}

/// A project's own prompts are read from the project, and from nowhere else.
#[test]
fn a_prompt_that_lies_elsewhere_is_not_read() {
    let preparation = Server::prepare();
    let seen = preparation.home().join("seen");
    let agent = format!("cat > \"$SEEN-$CARDUME_STAGE\"\nexec < /dev/null\n{GOOD_AGENT}");
    let server = preparation.env("SEEN", &seen).agent("good", &agent).start();
    let repository = server.repository("repository");
    let prompts = repository.join(".cardume/prompts");
    fs::create_dir_all(&prompts).unwrap();
    symlink("/etc/passwd", prompts.join("plan.md")).unwrap();
    assert!(Command::new("mkfifo").arg(prompts.join("implement.md")).status().unwrap().success());
    symlink("/dev/zero", prompts.join("test.md")).unwrap();
    fs::write(prompts.join("review.md"), "x".repeat(10 << 20)).unwrap();
    let project = server.add_project(&repository);
    let card = server.add_card(&project, "The title", "good");
    assert_eq!(server.post(&format!("/api/cards/{card}/run"), Value::Null).status, 202);
    server.wait_for_stage(&card, "completed");
    for stage in ["plan", "implement", "test", "review"] {
        let prompt = fs::read_to_string(format!("{}-{stage}", seen.display())).unwrap();
        assert!(prompt.contains("The title") && !prompt.contains("root:") && prompt.len() < 100_000, "{stage}");
    }
}

/// An agent that leaves what git cannot commit fails its stage, and holds nobody up.
#[test]
fn what_git_cannot_commit_ends_the_stage_and_nothing_else() {
    let preparation = Server::prepare();
    let odd = format!(
        "{GOOD_AGENT}
        [ \"$CARDUME_STAGE\" = implement ] || exit 0
        rm README.md; mkfifo README.md; ln -s /etc/shadow outside; ln -s / everything; mkfifo another
        "
    );
    let server = preparation.agent("odd", &odd).start();
    let card = server.run_new_card("odd");
    let card = server.wait_for_card(&card, "its end", |card| card["activeExecution"]["status"] != "running");
    let branch = card["branch"].as_str().unwrap();
    // Links are kept as links.
    let links = git(&server.home().join("repository"), &["ls-tree", "-r", branch]);
    assert!(!links.contains("root:"), "{links}");
    for line in links.lines().filter(|line| line.ends_with("outside") || line.ends_with("everything")) {
        assert!(line.starts_with("120000"), "{line}");
    }
    assert_eq!(server.get("/health").status, 200);
}
