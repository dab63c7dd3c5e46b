//! Row 22: an agent lies about its work, or says nothing. "Done" means done.

use serde_json::{Value, json};

use crate::rounds::Round;
use crate::scenes;
use crate::support::GOOD_AGENT;

crate::on_both_databases!(row_22_an_agent_lies_or_is_silent);

/// An agent, the stage at which its card must stop, and a word of the reason.
struct Case {
    name: &'static str,
    format: &'static str,
    script: String,
    stops_at: Option<&'static str>,
    why: &'static str,
}

fn case(name: &'static str, script: &str, stops_at: &'static str, why: &'static str) -> Case {
    Case { name, format: "text", script: format!("{GOOD_AGENT}\n{script}\n"), stops_at: Some(stops_at), why }
}

/// One that reports in claude's format: `result` in the stage `at`, and a pass in the others.
fn reporting(name: &'static str, at: &'static str, result: &str, why: &'static str) -> Case {
    let line = |result: &str| json!({ "type": "result", "subtype": "success", "is_error": false, "result": result });
    let script = format!(
        "{GOOD_AGENT}\nif [ \"$CARDUME_STAGE\" = {at} ]; then cat <<'END'\n{}\nEND\nelse cat <<'END'\n{}\nEND\nfi\n",
        line(result),
        line("Well done.\nCARDUME: pass")
    );
    Case { name, format: "claude", script, stops_at: Some(at), why }
}

fn row_22_an_agent_lies_or_is_silent(round: &mut Round) {
    let cases = [
        case("fails-in-words", "[ $CARDUME_STAGE != test ] || echo 'CARDUME: fail two are red'", "test", "two are red"),
        case(
            "fails-and-goes-on",
            "[ $CARDUME_STAGE != review ] || printf '> **CARDUME:** FAIL no\\nbye\\n'",
            "review",
            "no",
        ),
        case("plans-nothing", "[ $CARDUME_STAGE != plan ] || rm -r specs", "plan", "specs/*.md"),
        case("plans-blanks", "[ $CARDUME_STAGE != plan ] || echo > specs/plan.md", "plan", "specs/*.md"),
        case("unclear", "[ $CARDUME_STAGE != test ] || echo 'CARDUME: failure-free run'", "test", "no verdict"),
        case("dies", "[ $CARDUME_STAGE != test ] || { echo 'CARDUME: pass'; kill -9 $$; }", "test", "137"),
        reporting("silent", "test", "I looked at everything.", "no verdict"),
        reporting("blocked", "review", "CARDUME: blocked", "no verdict"),
        reporting("lists", "review", "- CARDUME: fail it leaks", "it leaks"),
        Case { stops_at: None, ..reporting("honest", "none", "", "") },
    ];
    let preparation = cases
        .iter()
        .fold(round.prepare(), |preparation, case| preparation.agent_of_format(case.name, &case.script, case.format));
    let server = preparation.start();
    let project = server.add_project(&server.repository("repository"));
    let start = |case: &Case| {
        let card = server.add_card(&project, case.name, case.name);
        scenes::run_card(&server, &card);
        card
    };
    let cards: Vec<String> = cases.iter().map(start).collect();
    for (case, card) in cases.iter().zip(&cards) {
        let ended = |card: &Value| matches!(scenes::workflow_stage(card), "completed" | "error");
        let card = server.wait_for_card(card, "its end", ended);
        let active = &card["activeExecution"];
        let Some(stage) = case.stops_at else {
            assert_eq!(card["columnId"], "done", "{}: {card:#}", case.name);
            continue;
        };
        let stopped = (&active["command"], &active["status"]);
        assert_eq!(stopped, (&json!(format!("/{stage}")), &json!("error")), "{}: {card:#}", case.name);
        let why = active["workflowError"].as_str().unwrap_or_default();
        assert!(why.contains(case.why), "{}: {why}", case.name);
    }
}
