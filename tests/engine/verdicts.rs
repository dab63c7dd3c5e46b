//! Tests and reviews are done only with a verdict that says so, and a failed one reaches the agent that must put it right.

use serde_json::{Value, json};

use super::id;
use super::support::{GOOD_AGENT, Server};

/// What an agent does in the test stage; in all others it does well.
struct Ending {
    format: &'static str,
    /// A line of its configuration.
    setting: &'static str,
    /// A plain command: shell that prints. Claude: its result.
    says: &'static str,
    exit_status: i32,
}

const TEXT: Ending = Ending { format: "text", setting: "", says: "", exit_status: 0 };
const CLAUDE: Ending = Ending { format: "claude", ..TEXT };
const BY_WORDS: Ending = Ending { setting: "verdict = \"words\"", ..TEXT };

impl Ending {
    fn script(&self) -> String {
        let result = |says: &str| {
            let result = json!({ "type": "result", "subtype": "success", "is_error": false, "result": says });
            format!("cat <<'RESULT'\n{result}\nRESULT")
        };
        let (test, other) = match self.format {
            "text" => (self.says.to_owned(), "echo 'CARDUME: pass'".to_owned()),
            _ => (result(self.says), result("All is well.\nCARDUME: pass")),
        };
        format!(
            "{GOOD_AGENT}\nif [ \"$CARDUME_STAGE\" = test ]; then\n{test}\nexit {}\nfi\n{other}\n",
            self.exit_status
        )
    }
}

/// Runs a card with each ending, all at once; answers for each the stage that failed and why, or that the card is done.
fn run(endings: &[Ending]) -> Vec<Result<(), (String, String)>> {
    let mut preparation = Server::prepare();
    for (index, ending) in endings.iter().enumerate() {
        let name = format!("agent-{index}");
        preparation = preparation.agent_of_format(&name, &ending.script(), ending.format);
        preparation = preparation.agent_line(&name, ending.setting);
    }
    let server = preparation.start();
    let project = server.add_project(&server.repository("repository"));
    let start = |index| {
        let card = server.add_card(&project, "A card", &format!("agent-{index}"));
        assert_eq!(server.post(&format!("/api/cards/{card}/run"), Value::Null).status, 202);
        card
    };
    let cards: Vec<String> = (0..endings.len()).map(start).collect();
    let end_of = |card: &String| {
        let card = server.wait_for_card(card, "its end", |card| card["activeExecution"]["status"] != "running");
        let active = &card["activeExecution"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match active["workflowStage"].as_str() {
            Some("completed") => Ok(()),
            _ => Err((text(&active["command"]), text(&active["workflowError"]))),
        }
    };
    cards.iter().map(end_of).collect()
}

#[track_caller]
fn assert_done(endings: Vec<Ending>) {
    for (ended, ending) in run(&endings).into_iter().zip(endings) {
        assert_eq!(ended, Ok(()), "{}: {:?}", ending.format, ending.says);
    }
}

/// Checks that each ends in the test stage with an error that has these words.
#[track_caller]
fn assert_failed(endings: Vec<(Ending, &[&str])>) {
    let (endings, words): (Vec<_>, Vec<_>) = endings.into_iter().unzip();
    for ((ended, ending), words) in run(&endings).into_iter().zip(endings).zip(words) {
        let (command, error) = ended.expect_err(&format!("{}: {:?}", ending.format, ending.says));
        assert_eq!(command, "/test", "{error}");
        assert!(words.iter().all(|word| error.contains(word)), "{:?}: {error}", ending.says);
    }
}

#[test]
fn an_agent_with_a_message_format_must_give_a_verdict() {
    assert_done(vec![
        Ending { says: "Looks good.\n\n**CARDUME:** pass", ..CLAUDE },
        Ending { says: "CARDUME: fail not yet\nMended it.\n> - cardume: PASS.", ..CLAUDE },
    ]);
    assert_failed(vec![
        (Ending { says: "All tests are green.", ..CLAUDE }, &["gave no verdict", "CARDUME: pass", "CARDUME: fail"]),
        (Ending { says: "", ..CLAUDE }, &["gave no verdict"]),
        (Ending { says: "CARDUME: blocked", ..CLAUDE }, &["gave no verdict", "CARDUME: blocked"]),
        (Ending { says: "CARDUME: failure-free run", ..CLAUDE }, &["gave no verdict", "failure-free run"]),
        (Ending { says: "CARDUME: pass with reservations", ..CLAUDE }, &["gave no verdict"]),
        (Ending { says: "CARDUME: pass\nCARDUME: blocked", ..CLAUDE }, &["gave no verdict"]),
        (Ending { says: "**CARDUME:** fail", ..CLAUDE }, &["fail"]),
        (Ending { says: "CARDUME: FAIL two tests are red", ..CLAUDE }, &["two tests are red"]),
        (Ending { says: "> CARDUME: fail two tests are red", ..CLAUDE }, &["two tests are red"]),
        (Ending { says: "- CARDUME: fail two tests are red", ..CLAUDE }, &["two tests are red"]),
        (Ending { says: "CARDUME: pass", exit_status: 3, ..CLAUDE }, &["exit status 3"]),
    ]);
}

#[test]
fn a_plain_command_is_judged_by_its_words_and_without_any_by_its_exit_status() {
    assert_done(vec![
        Ending { says: "echo 'all green'", ..TEXT },
        Ending { says: "echo 'CARDUME: fail' >&2", ..TEXT },
        Ending { says: "echo 'CARDUME: fail'; echo mended; echo '**CARDUME:** pass'; echo bye", ..TEXT },
        // The line is cut into rows of 256 KiB, and a row that goes on with a line begins none.
        Ending { says: "head -c 262144 /dev/zero | tr '\\0' x; echo 'CARDUME: fail'", ..TEXT },
        Ending { says: "echo 'CARDUME: pass'", ..BY_WORDS },
    ]);
    assert_failed(vec![
        (Ending { says: "echo 'CARDUME: fail two tests are red'", ..TEXT }, &["two tests are red"]),
        (Ending { says: "echo '> **CARDUME:** Fail red'; echo; echo bye; echo bye >&2", ..TEXT }, &["red"]),
        (Ending { says: "echo 'CARDUME: fail early'; seq 1 12000; seq 1 3000 >&2", ..TEXT }, &["early"]),
        (Ending { says: "echo 'CARDUME: fail red'; exit 4", ..TEXT }, &["red"]),
        (Ending { says: "echo 'CARDUME: blocked'", ..TEXT }, &["gave no verdict", "CARDUME: blocked"]),
        (Ending { says: "echo 'CARDUME: pass'; echo oh", exit_status: 3, ..TEXT }, &["exit status 3", "oh"]),
        (Ending { says: "echo 'all green'", ..BY_WORDS }, &["gave no verdict"]),
        (Ending { says: "echo 'CARDUME: pass' >&2", ..BY_WORDS }, &["gave no verdict"]),
    ]);
}

#[test]
fn an_agent_that_says_it_failed_is_believed_in_every_stage() {
    let script =
        format!("{GOOD_AGENT}\n[ \"$CARDUME_STAGE\" = implement ] && echo 'CARDUME: fail no way to do it'\nexit 0");
    let server = Server::prepare().agent("honest", &script).start();
    let card = server.run_new_card("honest");
    let active = server.wait_for_stage(&card, "error")["activeExecution"].take();
    assert_eq!((&active["command"], &active["workflowError"]), (&json!("/implement"), &json!("no way to do it")));
}

#[test]
fn a_stage_that_is_retried_is_told_why_a_later_one_failed() {
    // Keeps each prompt; the first review fails, and so does the first implementation after it.
    let review = json!({ "type": "result", "subtype": "success", "is_error": false,
        "result": "In work.txt the first line is wrong.\nCARDUME: fail the sum overflows" });
    let well = json!({ "type": "result", "subtype": "success", "is_error": false, "result": "CARDUME: pass" });
    let script = format!(
        r##"
        count=$(ls "$HOME/prompts" | grep -c "$CARDUME_STAGE")
        cat > "$HOME/prompts/$CARDUME_STAGE-$((count + 1))"
        case "$CARDUME_STAGE-$count" in
            plan-0) mkdir -p specs; echo "# The plan" > specs/plan.md ;;
            implement-1) echo "cannot reach the compiler" >&2; exit 3 ;;
            implement-*) echo "$count" >> work.txt ;;
            review-0) echo '{review}'; exit 0 ;;
        esac
        echo '{well}'
        "##
    );
    let preparation = Server::prepare().agent_of_format("careful", &script, "claude");
    std::fs::create_dir(preparation.home().join("prompts")).unwrap();
    let server = preparation.start();
    let prompt = |name: &str| std::fs::read_to_string(server.home().join("prompts").join(name)).unwrap();

    let card = server.run_new_card("careful");
    let failed = server.wait_for_stage(&card, "error");
    assert_eq!(failed["activeExecution"]["workflowError"], "the sum overflows");
    let retry = |stage: &str| {
        let answer = server.post(&format!("/api/cards/{}/retry", id(&failed)), json!({ "stage": stage }));
        assert_eq!(answer.status, 202, "{answer:?}");
    };
    retry("implement");
    server.wait_for_card(&card, "the second failure", |card| {
        card["activeExecution"]["command"] == "/implement" && card["activeExecution"]["status"] == "error"
    });
    retry("implement");
    server.wait_for_stage(&card, "completed");

    for first in ["plan-1", "implement-1", "test-1", "review-1"] {
        assert!(!prompt(first).contains("Earlier attempts failed"), "{first}");
    }
    let second = prompt("implement-2");
    for words in ["review, attempt 1: the sum overflows", "In work.txt the first line is wrong."] {
        assert!(second.contains(words), "{second}");
    }
    let third = prompt("implement-3");
    let (implement, review) = (third.find("cannot reach the compiler"), third.find("the sum overflows"));
    assert!(implement.is_some() && implement < review, "both, the newest first: {third}");
    // The next review must know what the last one found.
    assert!(prompt("review-2").contains("the sum overflows"));
    assert!(!prompt("review-2").contains("cannot reach the compiler"), "that was put right");
}
