//! Titles, descriptions, names and paths are data, from the form to the commit.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use super::{assert_none, markers};
use crate::server::{GOOD_AGENT, Server, git, git_repository};

/// Words that some program on the way might take for something else. Whatever they start makes a marker.
fn hostile(markers: &Path) -> Vec<String> {
    let mark = |name: &str| markers.join(name).display().to_string();
    vec![
        format!("$(touch {})", mark("dollar")),
        format!("`touch {}`", mark("backticks")),
        format!("x; touch {} #", mark("semicolon")),
        format!("x' ; touch {} ; '", mark("single")),
        format!("x\" && touch {} && \"", mark("double")),
        format!("x\ntouch {}\n", mark("newline")),
        format!("x | touch {}", mark("pipe")),
        format!("--upload-pack=touch {}", mark("upload-pack")),
        format!("--exec=touch {} --template={}", mark("exec"), mark("template")),
        "-rf / --no-preserve-root".into(),
        format!("../../../../../../{}", mark("dots")),
        "%s%n%x %(trailers) @{u} HEAD~1 refs/heads/main..".into(),
        "{{description}} {{spec_path}} ${HOME} $HOME ~root".into(),
        "\u{202e}gnp.exe \u{200b}\u{feff} 🐟\u{0301} \u{1b}]0;title\u{7} \r".into(),
        "'; drop table cards; --".into(),
        "<script>alert(1)</script><!-- ]]> </script>".into(),
        "x".repeat(300),
    ]
}

#[test]
fn titles_and_descriptions_do_nothing_but_stand_there() {
    let preparation = Server::prepare();
    let prompts = preparation.home().join("prompts");
    fs::create_dir(&prompts).unwrap();
    let markers = markers(preparation.home());
    let agent = format!("cat > \"$PROMPTS/$CARDUME_CARD_ID-$CARDUME_STAGE\"\nexec < /dev/null\n{GOOD_AGENT}");
    let server = preparation.env("PROMPTS", &prompts).agent("good", &agent).start();
    let repository = server.repository("repository");
    let project = server.add_project(&repository);
    let cards: Vec<(String, String)> = hostile(&markers)
        .into_iter()
        .map(|words| {
            let new = json!({ "projectId": project, "title": words, "description": words, "agent": "good" });
            let answer = server.post("/api/cards", new);
            assert_eq!(answer.status, 201, "{answer:?}");
            let id = answer.json()["id"].as_str().unwrap().to_owned();
            assert_eq!(server.post(&format!("/api/cards/{id}/run"), Value::Null).status, 202);
            (id, words)
        })
        .collect();
    for (id, words) in &cards {
        let card = server.wait_for_card(id, "its end", |card| card["activeExecution"]["status"] != "running");
        assert_eq!((&card["columnId"], &card["title"]), (&json!("done"), &json!(words.trim())), "{card:#}");
        assert_eq!(card["description"], **words);
        let prompt = fs::read_to_string(prompts.join(format!("{id}-plan"))).unwrap();
        assert!(prompt.contains(words.trim()), "{words:?} is not in {prompt:?}");
        let branch = card["branch"].as_str().unwrap();
        let slug = branch.strip_prefix("cardume/").unwrap();
        assert!(slug.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{branch}");
        assert_eq!(server.get(&format!("/cards/{id}")).status, 200);
    }
    assert_none(&markers);
    assert_eq!(git(&repository, &["status", "--porcelain"]), "");
    assert_eq!(git(&repository, &["log", "--format=%s"]).trim(), "The first commit");
    assert!(repository.join("README.md").exists());
}

#[test]
fn paths_of_projects_do_nothing_but_lead_there() {
    let server = Server::start();
    let markers = markers(server.home());
    let mut names: Vec<String> = hostile(Path::new("."))
        .into_iter()
        .map(|words| words.replace('/', "_").trim().chars().take(60).collect())
        .filter(|name: &String| !name.is_empty())
        .collect();
    names.push("two\nlines".into());
    names.push("-C".into());
    let mut cards = vec![];
    for name in &names {
        let repository = git_repository(&server.home().join("projects").join(name));
        let answer = server.post("/api/projects", json!({ "path": repository, "name": format!("{name:.90}") }));
        assert_eq!(answer.status, 201, "{name:?}: {answer:?}");
        assert_eq!(answer.json()["path"], json!(repository));
        let card = server.add_card(answer.json()["id"].as_str().unwrap(), "A card", "good");
        assert_eq!(server.post(&format!("/api/cards/{card}/run"), Value::Null).status, 202);
        cards.push(card);
    }
    for card in cards {
        let card = server.wait_for_card(&card, "its end", |card| card["activeExecution"]["status"] != "running");
        assert_eq!(card["columnId"], "done", "{card:#}");
    }
    assert_none(&markers);
    // What a shell would have made of `touch ./dollar` and the like.
    for name in ["dollar", "backticks", "semicolon", "exec", "upload-pack"] {
        assert!(!server.home().join(name).exists() && !Path::new(name).exists(), "{name}");
    }
    assert_eq!(server.get("/").status, 200);
}

#[test]
fn what_is_no_project_is_refused_whatever_it_is_called() {
    let server = Server::start();
    let markers = markers(server.home());
    let repository = server.repository("real");
    let (pipe, link) = (server.home().join("pipe"), server.home().join("link"));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    symlink(&repository, &link).unwrap();
    symlink("/etc", server.home().join("outside")).unwrap();
    let mut paths = hostile(&markers);
    paths.extend(
        [
            "",
            ".",
            "..",
            "relative/path",
            "~",
            "--version",
            "/",
            "/dev/null",
            "/dev/zero",
            "/etc/passwd",
            "/proc/self/fd",
        ]
        .map(str::to_owned),
    );
    paths.extend([pipe.display().to_string(), server.home().join("outside").display().to_string()]);
    paths.extend([
        "/".repeat(5000),
        format!("/{}", "x/".repeat(100_000)),
        "file:///etc".into(),
        "ext::sh -c true".into(),
    ]);
    for path in paths {
        server.post("/api/projects", json!({ "path": path })).problem(422);
    }
    server.post("/api/projects", json!({ "path": "/tmp\0/x" })).problem(422);
    assert_eq!(server.get("/api/projects").json(), json!({ "projects": [] }));
    // A link to a repository is that repository, by its own name.
    let answer = server.post("/api/projects", json!({ "path": link }));
    assert_eq!(answer.json()["path"], json!(repository), "{answer:?}");
    assert_none(&markers);
}

#[test]
fn a_nul_is_refused_everywhere() {
    let server = Server::start();
    let project = server.add_project(&server.repository("repository"));
    let card = server.add_card(&project, "A card", "good");
    for (title, description, agent) in [("a\0b", "", "good"), ("a", "b\0", "good"), ("a", "", "good\0")] {
        let new = json!({ "projectId": project, "title": title, "description": description, "agent": agent });
        server.post("/api/cards", new).problem(422);
        let edit = json!({ "title": title, "description": description, "agent": agent });
        server.patch(&format!("/api/cards/{card}"), edit).problem(422);
    }
    let error = json!({ "stage": "error", "error": "a\0" });
    server.patch(&format!("/api/cards/{card}/workflow-state"), error).problem(422);
    server.post("/api/projects", json!({ "path": "/tmp", "name": "a\0" })).problem(422);
    assert_eq!(server.card(&card)["title"], "A card");
}
