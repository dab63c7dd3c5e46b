//! What was used.

use serde_json::{Value, json};

use super::server::{GOOD_AGENT, Server};
use super::{NOBODY, server};

/// Says what it used, as Claude Code does.
fn telling(cost: &str) -> String {
    let result = json!({
        "type": "result", "subtype": "success", "is_error": false, "result": "CARDUME: pass", "total_cost_usd": "COST",
        "usage": { "input_tokens": 1000, "output_tokens": 20 },
    });
    format!("{GOOD_AGENT}\necho '{}'", result.to_string().replace("\"COST\"", cost))
}

/// A card that has run to its end.
fn run(server: &Server, project: &str, title: &str, agent: &str) -> String {
    let card = server.add_card(project, title, agent);
    assert_eq!(server.post(&format!("/api/cards/{card}/run"), Value::Null).status, 202);
    server.wait_for_stage(&card, "completed");
    card
}

#[test]
fn usage_is_told_by_stage_day_project_and_card() {
    let server =
        Server::prepare().agent_of_format("telling", &telling("0.125"), "claude").agent("silent", GOOD_AGENT).start();
    let project = server.add_project(&server.repository("r"));
    let card = run(&server, &project, "A card", "telling");
    let other = run(&server, &server.add_project(&server.repository("s")), "Another card", "silent");

    let usage = server.get("/api/usage").json();
    let total = &usage["total"];
    assert_eq!((&usage["days"], &total["executions"], &total["withCost"]), (&json!(30), &json!(8), &json!(4)));
    assert_eq!((&total["inputTokens"], &total["outputTokens"]), (&json!(4000), &json!(80)));
    assert_eq!((&total["costUsd"], &usage["moreCards"]), (&json!(0.5), &json!(false)));
    let names = |list: &str, member: &str| -> Vec<Value> {
        usage[list].as_array().unwrap().iter().map(|of| of[member].clone()).collect()
    };
    assert_eq!(names("byStage", "stage"), ["plan", "implement", "test", "review"]);
    assert_eq!(names("byDay", "day").len(), 30);
    assert_eq!((names("byProject", "projectId").len(), names("byCard", "cardId").len()), (2, 2));
    let of = |id: &str| usage["byCard"].as_array().unwrap().iter().find(|of| of["cardId"] == id).unwrap().clone();
    assert_eq!(of(&card)["used"]["costUsd"], 0.5);
    assert_eq!((&of(&other)["used"]["costUsd"], &of(&other)["used"]["withTokens"]), (&Value::Null, &json!(0)));
    assert!(of(&other)["used"]["timeMs"].as_i64().unwrap() >= 0);

    let week = server.get(&format!("/api/usage?days=7&projectId={project}")).json();
    assert_eq!((week["byDay"].as_array().unwrap().len(), &week["total"]["executions"]), (7, &json!(4)));
    assert_eq!(week["byProject"][0]["projectId"], project);
}

#[test]
fn what_no_usage_is_told_of_is_said() {
    let server = server();
    for (query, part) in [
        ("days=0", "7, 30 or 90"),
        ("days=31", "7, 30 or 90"),
        ("days=-7", "7, 30 or 90"),
        ("days=", "days"),
        ("days=many", "days"),
        ("days=99999999999999999999", "days"),
        ("projectId=nonsense", "projectId"),
        (&format!("projectId={NOBODY}"), "projectId"),
    ] {
        let told = server.get(&format!("/api/usage?{query}")).problem(422);
        assert!(told.contains(part), "{query}: {told}");
    }
    server.get("/api/usage?days=7&days=30").problem(400);
    assert_eq!(server.get("/api/usage?days=90").json()["total"]["executions"], 0);
}

#[test]
fn the_usage_page_can_be_read_without_a_script() {
    let server = Server::prepare().agent_of_format("telling", &telling("1234.5"), "claude").start();
    let empty = server.get("/usage");
    assert_eq!(empty.status, 200);
    assert!(empty.text.contains("Nothing has run in this time"), "{}", empty.text);

    let project = server.add_project(&server.repository("r"));
    let card = run(&server, &project, "</title><b>markup</b>", "telling");
    for address in ["/usage", "/usage?days=7", &format!("/usage?days=90&project={project}"), "/usage?days=x&project=x"]
    {
        let page = server.get(address);
        assert_eq!(page.status, 200, "{address}");
        for part in ["$4,938.00", "4,000", "Cost by stage", "role=\"img\"", &format!("/cards/{card}")] {
            assert!(page.text.contains(part), "{address}: {part}");
        }
        assert!(page.text.contains("&lt;/title&gt;&lt;b&gt;markup") && !page.text.contains("<b>markup"), "{address}");
        assert!(!page.text.contains(" style="), "{address}");
    }
    assert_eq!(server.get(&format!("/usage?project={NOBODY}")).status, 422);

    // Where there are several projects, each is a link, and a card says which one it is of.
    let choices = "aria-label=\"Projects\"";
    assert!(!server.get("/usage").text.contains(choices));
    let other = server.add_project(&server.repository("another-repository"));
    let page = server.get("/usage?days=7").text;
    assert!(page.contains(choices) && page.contains("numbers__project"), "{page}");
    assert!(page.contains(&format!("/usage?days=7&amp;project={other}")), "{page}");
    let page = server.get(&format!("/usage?days=7&project={other}")).text;
    assert!(page.contains("Nothing has run in this time") && page.contains("another-repository"), "{page}");
}
