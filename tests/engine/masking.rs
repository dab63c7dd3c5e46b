//! Secrets in what agents print are masked before they are kept. What looks like one is put together by the agents
//! themselves, so that no scanner takes this file for a leak.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::support::{GOOD_AGENT, Server, eventually};
use super::{contents, id};

const MASKED: &str = "[masked: github-pat]";
/// What makes a token one of GitHub's stands before this.
const REST: &str = "98NcxrvkQfBCLgYuNlZW28qOte81VQqwQ4vz";

/// Defines `$first`, the beginning of a token, and `$rest`, all behind that.
fn parts() -> String {
    format!("cat > /dev/null; first=gh; first=${{first}}p_; rest={REST}\n")
}

fn rows_of_the_plan(server: &Server, card: &str) -> Vec<Value> {
    server.rows(id(&server.executions(card)[0]), 5000)
}

#[test]
fn a_token_is_masked_also_when_it_is_written_in_pieces() {
    let script = r#"
        printf "export TOKEN=$first"; sleep 0.4; printf "${rest:0:20}"; sleep 0.4; printf "${rest:20}\n"
        echo "on stderr: $first$rest." >&2
        echo "and 9ae0daaf1f0c3b1d2e4f5a6b7c8d9e0f1a2b3c4d"
        # Two pipes are read in no order; what comes later comes later.
        sleep 0.4; echo "it went wrong with $first$rest" >&2; exit 3
    "#;
    let server = Server::prepare().agent("leaky", &(parts() + script)).start();
    let card = server.run_new_card("leaky");
    let card_after = server.wait_for_stage(&card, "error");
    let rows = rows_of_the_plan(&server, &card);
    assert_eq!(
        contents(&rows, "text"),
        [format!("export TOKEN={MASKED}"), "and 9ae0daaf1f0c3b1d2e4f5a6b7c8d9e0f1a2b3c4d".into()]
    );
    assert_eq!(contents(&rows, "stderr"), [format!("on stderr: {MASKED}."), format!("it went wrong with {MASKED}")]);
    let error = card_after["activeExecution"]["workflowError"].as_str().unwrap();
    assert!(error.contains(MASKED), "{error}");

    // Nothing of what people and other programs see has it.
    for path in ["", "/executions"] {
        assert!(!server.get(&format!("/api/cards/{card}{path}")).text.contains(REST));
    }
    assert!(!server.get(&format!("/cards/{card}")).text.contains(REST));
    assert!(!server.own_log().contains(REST));
    // The log is whole all the same, and the journal on disk, which only its owner can read, has what was printed.
    let plan = server.executions(&card).remove(0);
    assert_eq!(plan["verified"], true, "{plan}");
    let journal = server.data_dir().join("executions").join(id(&plan)).join("journal");
    assert!(std::fs::read_to_string(&journal).unwrap().contains(REST));
    assert_eq!(journal.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

/// A line over 256 KiB comes in pieces, and a secret may lie across two of them.
#[test]
fn a_token_across_two_pieces_of_a_long_line_is_masked() {
    let script = r#"
        head -c 262120 /dev/zero | tr '\0' x; printf " $first"; sleep 0.3; printf "$rest and more"
        head -c 300000 /dev/zero | tr '\0' y; echo; echo short
    "#;
    let server = Server::prepare().agent("long", &(parts() + script)).start();
    let card = server.run_new_card("long");
    server.wait_for_stage(&card, "error");
    let rows: Vec<_> = rows_of_the_plan(&server, &card).into_iter().filter(|row| row["type"] == "text").collect();
    let expected = format!("{} {MASKED} and more{}short", "x".repeat(262_120), "y".repeat(300_000));
    assert_eq!(contents(&rows, "text").concat(), expected);
    let partial: Vec<bool> = rows.iter().map(|row| row["partial"].as_bool().unwrap()).collect();
    assert_eq!(partial, [true, true, false, false]);
    assert_eq!(server.executions(&card)[0]["verified"], true);
}

/// A private key goes over many rows. The server that comes back in its midst knows that it is within one.
#[test]
fn a_private_key_is_masked_although_the_server_is_killed_within_it() {
    let script = r#"
        cat > /dev/null
        line() { head -c 48 /dev/urandom | base64 -w 0 | tee -a "$HOME/secret"; echo >> "$HOME/secret"; echo; }
        what=PRIVATE
        echo "-----BEGIN RSA $what KEY-----"
        for n in $(seq 1 10); do line; done
        touch "$HOME/half"
        while [ ! -e "$HOME/goon" ]; do sleep 0.05; done
        for n in $(seq 1 10); do line; done
        echo "-----END RSA $what KEY-----"
        echo "and after it abcdefghijklmnopqrstuvwxyz"
    "#;
    let mut server = Server::prepare().agent("keyed", script).start();
    let card = server.run_new_card("keyed");
    let half = server.home().join("half");
    assert!(eventually(|| half.exists()));
    server.wait_for_card(&card, "half of the key", |card| card["activeExecution"]["lastSequence"] == 12);
    server.kill_9();
    server.restart();
    std::fs::write(server.home().join("goon"), "").unwrap();
    server.wait_for_stage(&card, "error");
    let text = contents(&rows_of_the_plan(&server, &card), "text");
    assert_eq!(text.len(), 23);
    assert!(text[1..21].iter().all(|row| row == "[masked: private-key]"), "{text:#?}");
    assert!(text[0].starts_with("-----BEGIN") && text[21].starts_with("-----END"));
    assert_eq!(text[22], "and after it abcdefghijklmnopqrstuvwxyz");
    let secret = std::fs::read_to_string(server.home().join("secret")).unwrap();
    let shown = server.get(&format!("/api/logs/{card}?after=0")).text;
    assert!(secret.lines().count() == 20 && secret.lines().all(|line| !shown.contains(line)));
}

#[test]
fn nothing_is_masked_where_that_is_turned_off() {
    let script = parts() + "echo \"$first$rest\"\n" + GOOD_AGENT;
    let server = Server::prepare().agent("open", &script).start();
    let project = server.add_project(&server.repository("repository"));
    server.patch(&format!("/api/projects/{project}"), json!({ "maskSecrets": false }));
    let card = server.add_card(&project, "A card", "open");
    server.post(&format!("/api/cards/{card}/run"), Value::Null);
    server.wait_for_stage(&card, "completed");
    let text = contents(&rows_of_the_plan(&server, &card), "text");
    assert_eq!(text, [["gh", "p_", REST].concat(), "did plan".into()]);
}

/// What an agent tells of itself in a format of its own is masked as it is understood.
#[test]
fn a_result_and_what_tools_answer_are_masked() {
    let script = r#"
        echo '{"type":"system","subtype":"init","session_id":"s-1","model":"m-1"}'
        echo "{\"type\":\"assistant\",\"message\":{\"content\":[{\"type\":\"tool_use\",\"name\":\"Bash\",\"input\":{\"command\":\"curl -H $first$rest\"}}]}}"
        echo "{\"type\":\"user\",\"message\":{\"content\":[{\"type\":\"tool_result\",\"content\":\"first\\nTOKEN=$first$rest\\nlast\"}]}}"
        echo "{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":true,\"result\":\"I used $first$rest\"}"
    "#;
    let server = Server::prepare().agent_of_format("leaky", &(parts() + script), "claude").start();
    let card = server.run_new_card("leaky");
    let card_after = server.wait_for_stage(&card, "error");
    let rows = rows_of_the_plan(&server, &card);
    assert_eq!(contents(&rows, "tool"), [format!("Bash: curl -H {MASKED}")]);
    assert_eq!(contents(&rows, "result"), [format!("first\nTOKEN={MASKED}\nlast")]);
    let plan = server.executions(&card).remove(0);
    assert_eq!(plan["result"], format!("I used {MASKED}"));
    assert_eq!(card_after["activeExecution"]["workflowError"], format!("I used {MASKED}"));
    assert!(!server.get(&format!("/api/logs/{card}?after=0")).text.contains(REST));
}
