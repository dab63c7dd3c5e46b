//! What an agent prints is what the log holds, whatever it prints.

use serde_json::json;

use super::support::Server;
use super::{contents, id, numbered};

fn text_of_the_plan(server: &Server, card: &str) -> Vec<serde_json::Value> {
    let plan = server.executions(card).remove(0);
    server.rows(id(&plan), 5000)
}

#[test]
fn every_line_is_a_row_in_order_from_both_streams() {
    let script = r#"
        for n in $(seq 1 2000); do echo "line $n"; done
        for n in $(seq 1 500); do echo "line $n" >&2; done
        printf 'last line without an end'
    "#;
    let server = Server::prepare().agent("talkative", script).start();
    let card = server.run_new_card("talkative");
    server.wait_for_stage(&card, "error");
    let rows = text_of_the_plan(&server, &card);
    let mut expected = numbered(2000);
    expected.push("last line without an end".into());
    assert_eq!(contents(&rows, "text"), expected);
    assert_eq!(contents(&rows, "stderr"), numbered(500));
}

#[test]
fn a_very_long_line_becomes_consecutive_partial_rows() {
    let script = r#"head -c 600000 /dev/zero | tr '\0' x; echo; echo short"#;
    let server = Server::prepare().agent("long", script).start();
    let card = server.run_new_card("long");
    server.wait_for_stage(&card, "error");
    let rows: Vec<_> = text_of_the_plan(&server, &card).into_iter().filter(|row| row["type"] == "text").collect();
    let partial: Vec<bool> = rows.iter().map(|row| row["partial"].as_bool().unwrap()).collect();
    assert_eq!(partial, [true, true, false, false]);
    assert_eq!(contents(&rows[..3], "text").concat(), "x".repeat(600_000));
    assert!(rows.iter().all(|row| row["content"].as_str().unwrap().len() <= 256 * 1024));
    assert_eq!(rows[3]["content"], "short");
}

#[test]
fn bytes_that_are_no_text_are_replaced_and_nothing_else_is_changed() {
    let script = r#"printf 'bad \377 and \000 end\n'; printf '\n  indented\ttab \033[31mred\033[0m ação\n'"#;
    let server = Server::prepare().agent("binary", script).start();
    let card = server.run_new_card("binary");
    server.wait_for_stage(&card, "error");
    let expected = ["bad \u{fffd} and \u{fffd} end", "", "  indented\ttab \u{1b}[31mred\u{1b}[0m ação"];
    assert_eq!(contents(&text_of_the_plan(&server, &card), "text"), expected);
}

#[test]
fn hostile_titles_are_only_text() {
    let script = r#"grep -c 'touch pwned' ; mkdir -p specs; echo plan > specs/p.md; echo "$CARDUME_STAGE" >> log.txt"#;
    let server = Server::prepare().agent("plain", script).start();
    let project = server.add_project(&server.repository("repository"));
    for title in ["$(touch pwned)", "`touch pwned`; touch pwned", "--upload-pack=touch pwned", "../../touch pwned\ntwo"]
    {
        let card = server.add_card(&project, title, "plain");
        server.post(&format!("/api/cards/{card}/run"), serde_json::Value::Null);
        let done = server.wait_for_stage(&card, "completed");
        assert_eq!(done["title"], title);
        let branch = done["branch"].as_str().unwrap();
        assert!(branch.chars().all(|c| c.is_ascii_alphanumeric() || "-/".contains(c)), "{branch}");
    }
    assert!(!server.home().join("repository/pwned").exists() && !server.home().join("pwned").exists());
}

#[test]
fn a_claude_line_longer_than_a_row_is_read_as_one() {
    let script = r#"
        printf '{"type":"assistant","message":{"content":[{"type":"text","text":"'
        head -c 700000 /dev/zero | tr '\0' y
        printf '"}]}}\n'
        echo "a warning" >&2
        mkdir -p specs; echo plan > specs/p.md
        echo '{"type":"result","subtype":"success","is_error":false,"result":"ok","num_turns":2,"session_id":"s",'\
'"usage":{"input_tokens":5,"output_tokens":7},"total_cost_usd":0.5}'
    "#;
    let server = Server::prepare().agent_of_format("json", script, "claude").start();
    let card = server.run_new_card("json");
    let failed = server.wait_for_stage(&card, "error");
    assert_eq!(
        failed["columnId"], "implement",
        "implementing nothing is a failure for an agent that tells of its work"
    );
    let plan = server.executions(&card).remove(0);
    let rows = server.rows(id(&plan), 5000);
    assert_eq!(contents(&rows, "text").concat(), "y".repeat(700_000));
    assert_eq!(contents(&rows, "result"), ["ok"]);
    assert_eq!(plan["costUsd"], json!(0.5));
    assert_eq!((&plan["turns"], &plan["inputTokens"], &plan["outputTokens"]), (&json!(2), &json!(5), &json!(7)));
    assert_eq!(plan["result"], "ok");
}

#[test]
fn an_agent_is_told_of_its_cards_model_and_of_none_where_there_is_none() {
    let script = r#"echo "$CARDUME_STAGE $*" >> "$HOME/starts"; mkdir -p specs; echo plan > specs/p.md; echo "$RANDOM" > work.txt"#;
    let server =
        Server::prepare().agent("choosy", script).agent_line("choosy", "model = [\"--model\", \"{model}\"]").start();
    let project = server.add_project(&server.repository("repository"));
    for model in ["vendor/large-2[1m]", ""] {
        let card = json!({ "projectId": project, "title": "A card", "agent": "choosy", "model": model });
        let card = server.post("/api/cards", card).json();
        server.post(&format!("/api/cards/{}/run", id(&card)), json!({}));
        server.wait_for_stage(id(&card), "completed");
    }
    let starts = std::fs::read_to_string(server.home().join("starts")).unwrap();
    let starts: Vec<_> = starts.lines().map(str::trim).collect();
    assert_eq!(starts[..2], ["plan --model vendor/large-2[1m]", "implement --model vendor/large-2[1m]"]);
    assert_eq!(starts[4..], ["plan", "implement", "test", "review"]);
}
