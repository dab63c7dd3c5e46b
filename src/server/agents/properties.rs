//! Whatever an agent prints is read without a panic, and into not much more than it printed.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn reading(format: Format) -> Reading {
    Reading { format, worktree: "/data/worktrees/card".into(), mask_secrets: true }
}

/// The length of all that was made of a line.
fn length(said: &Said) -> usize {
    let rows: usize = said.rows.iter().map(|(_, content)| content.len()).sum();
    rows + said.result.as_ref().map_or(0, String::len) + said.usage.session_id.as_ref().map_or(0, String::len)
}

/// Any JSON, in which the names that Claude Code uses are frequent.
fn values() -> impl Strategy<Value = Value> {
    let words = [
        "type",
        "assistant",
        "user",
        "system",
        "result",
        "init",
        "api_retry",
        "message",
        "content",
        "text",
        "tool_use",
        "tool_result",
        "thinking",
        "name",
        "input",
        "command",
        "is_error",
        "error",
        "errors",
        "subtype",
        "usage",
        "session_id",
        "num_turns",
        "input_tokens",
        "total_cost_usd",
        "todos",
        "TodoWrite",
    ];
    let word = proptest::sample::select(words.to_vec()).prop_map(str::to_owned);
    let text = prop_oneof![word.clone(), any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((text.clone(), inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Messages of the shapes that are known, with anything in the places of their parts.
fn messages() -> impl Strategy<Value = Value> {
    let kinds = ["assistant", "user", "system", "result", "stream_event", "else"];
    (proptest::sample::select(kinds.to_vec()), values(), values(), values()).prop_map(|(kind, one, two, three)| {
        let block = json!({"type": one, "text": two, "name": two, "input": three, "content": three, "is_error": one});
        json!({
            "type": kind, "subtype": one, "error": two, "errors": three, "result": one, "session_id": two,
            "model": three, "num_turns": one, "usage": two, "total_cost_usd": three, "is_error": one,
            "message": {"content": [
                block, one, {"type": "tool_use", "name": two, "input": three},
                {"type": "tool_result", "content": two, "is_error": three}, {"type": "text", "text": one},
            ]},
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let printed = bytes.len();
        let line = readable(bytes);
        prop_assert!(!line.contains('\0') && line.len() <= 3 * printed);
        for (format, stream) in [
            (Format::Text, Stream::Stdout), (Format::Text, Stream::Stderr),
            (Format::Claude, Stream::Stdout), (Format::Claude, Stream::Stderr),
        ] {
            let said = read_line(&reading(format), stream, &line);
            prop_assert!(length(&said) <= 2 * line.len() + 1000);
        }
        // As text, nothing is lost.
        prop_assert_eq!(read_line(&reading(Format::Text), Stream::Stdout, &line).rows, [(LogType::Text, line)]);
    }

    #[test]
    fn any_json_is_read(value in prop_oneof![values(), messages()]) {
        let line = value.to_string();
        let said = read_line(&reading(Format::Claude), Stream::Stdout, &line);
        prop_assert!(length(&said) <= 3 * line.len() + 1000, "{} of {}", length(&said), line.len());
        prop_assert!(said.rows.iter().all(|(_, content)| !content.contains('\0')));
        prop_assert!(said.result.is_none_or(|result| !result.contains('\0')));
    }

    #[test]
    fn pieces_are_the_whole(content in "\\PC{0,400}", times in 1..400_usize) {
        let content = content.repeat(times * 4);
        let pieces = pieces(&content);
        prop_assert!(pieces.iter().all(|piece| piece.len() <= LogLine::CONTENT_MAX_BYTES));
        prop_assert_eq!(pieces.concat(), content);
    }
}
