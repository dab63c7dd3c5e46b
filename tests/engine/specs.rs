//! A plan is a spec that says something new: neither blank, nor an old one with white space added.

use serde_json::{Value, json};

use super::support::{Server, git};

/// Runs a card in a repository that has `specs/old.md`, with an agent that plans by this script and otherwise does well;
/// answers the card once it stands still.
fn planned_by(script: &str) -> Value {
    let script = format!(
        "cat > /dev/null\ncase \"$CARDUME_STAGE\" in\nplan) mkdir -p specs\n{script}\n;;\nimplement) echo done > work.txt ;;\nesac"
    );
    let server = Server::prepare().agent("planner", &script).start();
    let repository = server.repository("repository");
    std::fs::create_dir(repository.join("specs")).unwrap();
    std::fs::write(repository.join("specs/old.md"), "# An old plan\n\nDo it.\n").unwrap();
    git(&repository, &["add", "."]);
    git(&repository, &["-c", "user.name=Test", "-c", "user.email=test@example.org", "commit", "-qm", "An old plan"]);
    let project = server.add_project(&repository);
    let card = server.add_card(&project, "A card", "planner");
    assert_eq!(server.post(&format!("/api/cards/{card}/run"), Value::Null).status, 202);
    server.wait_for_card(&card, "its end", |card| card["activeExecution"]["status"] != "running")
}

#[track_caller]
fn assert_no_plan(script: &str) {
    let card = planned_by(script);
    let active = &card["activeExecution"];
    assert_eq!((&active["command"], &active["status"]), (&json!("/plan"), &json!("error")), "{script}: {card:#}");
    assert_eq!((&card["columnId"], &card["specPath"]), (&json!("backlog"), &Value::Null), "{script}");
    assert!(active["workflowError"].as_str().unwrap().contains("specs/"), "{script}: {active}");
}

#[track_caller]
fn assert_plan(script: &str, spec: &str) {
    let card = planned_by(script);
    assert_eq!((&card["columnId"], &card["specPath"]), (&json!("done"), &json!(spec)), "{script}: {card:#}");
}

#[test]
fn a_blank_spec_is_no_plan() {
    assert_no_plan("printf ' \\n\\t\\n\\n' > specs/new.md");
    assert_no_plan("printf '\\xef\\xbb\\xbf\\r\\n' > specs/new.md");
    assert_no_plan("echo > specs/old.md");
}

#[test]
fn an_old_spec_with_white_space_added_is_no_plan() {
    assert_no_plan("echo >> specs/old.md");
    assert_no_plan("sed -i 's/$/  \\r/' specs/old.md");
    assert_no_plan("touch specs/old.md");
    assert_no_plan(
        "echo >> specs/old.md; git add specs; git -c user.name=T -c user.email=t@example.org commit -qm plan",
    );
}

#[test]
fn a_spec_that_says_something_new_is_a_plan() {
    assert_plan("echo 'And test it.' >> specs/old.md", "specs/old.md");
    assert_plan("echo > specs/blank.md; echo '# A plan' > specs/new.md; touch specs/blank.md", "specs/new.md");
}
