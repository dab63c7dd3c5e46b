//! Claude Code: `claude -p --output-format stream-json --verbose`, the prompt on standard input.
//!
//! Its output is one JSON value a line: `system` (the session begins), `assistant` (words and tool uses), `user` (tool
//! results), `result` (the end). What is not known here is kept as it came, so that a newer version loses nothing.

use std::path::Path;

use serde_json::Value;

use super::{AgentProgram, Format, Reading, Said};
use crate::domain::{LogType, Usage};
use crate::server::secrets::masked;

/// A tool's input is shown up to this many characters.
const INPUT_MAX_CHARS: usize = 400;

/// The built-in `claude` agent. It works alone in a worktree of its own, so nobody is there to approve an edit or a
/// command: edits inside the worktree are accepted, and commands, without which nothing can be tested, are allowed.
pub fn program() -> AgentProgram {
    let argv = [
        "claude",
        "-p",
        "--output-format",
        "stream-json",
        "--verbose",
        "--permission-mode",
        "acceptEdits",
        "--allowedTools",
        "Bash",
    ];
    AgentProgram {
        name: "claude".to_owned(),
        argv: argv.map(str::to_owned).to_vec(),
        format: Format::Claude,
        expects_changes: true,
        verdict: Format::Claude.verdict(),
        model: ["--model", "{model}"].map(str::to_owned).to_vec(),
        // Its own names for the newest of each.
        models: ["opus", "sonnet", "haiku"].map(str::to_owned).to_vec(),
        resume: ["--resume", "{session}"].map(str::to_owned).to_vec(),
        install: Some("Install it with “npm install -g @anthropic-ai/claude-code”, and run “claude” once to sign in."),
    }
}

/// Reads one line of `stream-json`.
pub fn read_line(line: &str, reading: &Reading) -> Said {
    let Ok(message) = serde_json::from_str::<Value>(line) else { return as_it_came(line) };
    match message["type"].as_str() {
        Some("system") => system(&message),
        Some("assistant") => assistant(&message, reading),
        Some("user") => user(&message),
        Some("result") => result(&message),
        // Pieces of a message that comes whole afterwards, and signs of life.
        Some("stream_event" | "keep_alive" | "rate_limit_event") => Said::default(),
        _ => as_it_came(line),
    }
}

fn as_it_came(line: &str) -> Said {
    if line.trim().is_empty() {
        return Said::default();
    }
    Said { rows: vec![(LogType::Text, line.to_owned())], ..Said::default() }
}

fn system(message: &Value) -> Said {
    match message["subtype"].as_str() {
        Some("init") => init(message),
        Some("api_retry") => api_retry(message),
        _ => Said::default(),
    }
}

/// The API is overloaded or away; the CLI tries again by itself, for minutes, and says so only here.
fn api_retry(message: &Value) -> Said {
    let why = text_of(&message["error"]).unwrap_or_else(|| "no reason given".to_owned());
    let status = message["error_status"].as_i64().map(|status| format!(" {status}")).unwrap_or_default();
    let (attempt, of) = (message["attempt"].as_i64().unwrap_or(1), message["max_retries"].as_i64().unwrap_or(1));
    let row = format!("The model's service answered{status} ({why}); trying again, {attempt} of {of}");
    Said { rows: vec![(LogType::Info, row)], ..Said::default() }
}

fn init(message: &Value) -> Said {
    let usage =
        Usage { session_id: text_of(&message["session_id"]), model: text_of(&message["model"]), ..Usage::default() };
    let model = usage.model.as_deref().unwrap_or("an unnamed model");
    Said { rows: vec![(LogType::Info, format!("The session has begun, with {model}"))], usage, ..Said::default() }
}

fn assistant(message: &Value, reading: &Reading) -> Said {
    let mut said = Said::default();
    // What the CLI itself says in the assistant's place when the service refused.
    let words = if message["error"].is_string() { LogType::Error } else { LogType::Text };
    for block in blocks(&message["message"]["content"]) {
        match block["type"].as_str() {
            Some("text") => said.rows.extend(text_of(&block["text"]).map(|text| (words, text))),
            Some("thinking") => said.rows.extend(text_of(&block["thinking"]).map(|text| (LogType::Text, text))),
            Some("tool_use") => said.rows.push((LogType::Tool, tool_use(&block, reading))),
            _ => {}
        }
    }
    said.rows.retain(|(_, content)| !content.trim().is_empty());
    said
}

fn user(message: &Value) -> Said {
    let mut said = Said::default();
    for block in blocks(&message["message"]["content"]) {
        if block["type"] != "tool_result" {
            continue;
        }
        let content: Vec<String> = blocks(&block["content"]).iter().filter_map(|part| text_of(&part["text"])).collect();
        let kind = if block["is_error"] == true { LogType::Error } else { LogType::Result };
        said.rows.push((kind, content.join("\n")));
    }
    said
}

fn result(message: &Value) -> Said {
    let failed =
        message["is_error"] == true || message["subtype"].as_str().is_some_and(|kind| kind.starts_with("error"));
    let errors: Vec<String> = message["errors"].as_array().into_iter().flatten().filter_map(text_of).collect();
    let text = text_of(&message["result"])
        .or_else(|| (!errors.is_empty()).then(|| errors.join("\n")))
        .or_else(|| failed.then(|| text_of(&message["subtype"]).unwrap_or_default().replace('_', " ")))
        .unwrap_or_default();
    let usage = &message["usage"];
    let read: Vec<i64> = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"]
        .iter()
        .filter_map(|kind| usage[*kind].as_i64())
        .collect();
    Said {
        rows: vec![(if failed { LogType::Error } else { LogType::Result }, text.clone())],
        usage: Usage {
            session_id: text_of(&message["session_id"]),
            model: None,
            turns: message["num_turns"].as_i64(),
            input_tokens: (!read.is_empty()).then(|| read.iter().sum()),
            output_tokens: usage["output_tokens"].as_i64(),
            cost_usd: message["total_cost_usd"].as_f64(),
        },
        result: Some(text),
        succeeded: Some(!failed),
    }
}

/// Content is a list of blocks, or a text that stands for one block.
fn blocks(content: &Value) -> Vec<Value> {
    match content {
        Value::Array(blocks) => blocks.clone(),
        Value::String(text) => vec![serde_json::json!({"type": "text", "text": text})],
        _ => vec![],
    }
}

fn text_of(value: &Value) -> Option<String> {
    value.as_str().map(|text| text.replace('\0', "\u{fffd}"))
}

/// A tool use in one line: the tool, and the part of its input that says what it is about.
fn tool_use(block: &Value, reading: &Reading) -> String {
    let name = block["name"].as_str().unwrap_or("a tool");
    let input = &block["input"];
    let about = ["command", "file_path", "notebook_path", "pattern", "query", "url", "description", "path"]
        .iter()
        .find_map(|key| input[*key].as_str());
    let about = match about {
        Some(text) => short_path(text, &reading.worktree).to_owned(),
        None if name == "TodoWrite" => format!("{} items", input["todos"].as_array().map_or(0, Vec::len)),
        None if input.as_object().is_none_or(serde_json::Map::is_empty) => return name.to_owned(),
        None => input.to_string(),
    };
    let about = if reading.mask_secrets { masked(about) } else { about };
    let mut shown: String = about.chars().take(INPUT_MAX_CHARS).collect();
    if shown.len() < about.len() {
        shown.push('…');
    }
    format!("{name}: {}", shown.replace('\0', "\u{fffd}"))
}

fn short_path<'a>(text: &'a str, worktree: &Path) -> &'a str {
    let inside = worktree.to_str().and_then(|worktree| text.strip_prefix(worktree));
    inside.and_then(|rest| rest.strip_prefix('/')).filter(|rest| !rest.is_empty()).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(mask_secrets: bool) -> Reading {
        Reading { format: Format::Claude, worktree: "/data/worktrees/card".into(), mask_secrets }
    }

    fn read(line: &str) -> Said {
        read_line(line, &reading(false))
    }

    #[test]
    fn words_and_tools_become_typed_rows() {
        let said = read(
            r#"{"type":"assistant","message":{"role":"assistant","content":[
                {"type":"text","text":"I write the plan."},
                {"type":"tool_use","id":"t1","name":"Write","input":{"file_path":"/data/worktrees/card/specs/a.md","content":"x"}},
                {"type":"tool_use","id":"t2","name":"Bash","input":{"command":"cargo test","description":"Run tests"}}]}}"#,
        );
        assert_eq!(
            said.rows,
            [
                (LogType::Text, "I write the plan.".into()),
                (LogType::Tool, "Write: specs/a.md".into()),
                (LogType::Tool, "Bash: cargo test".into()),
            ]
        );
    }

    #[test]
    fn a_secret_is_masked_before_it_is_cut_in_two() {
        let token = ["gh", "p_98NcxrvkQfBCLgYuNlZW28qOte81VQqwQ4vz"].concat();
        let command = format!("{}{token}", "x ".repeat(INPUT_MAX_CHARS / 2 - 10));
        let line = serde_json::json!({"type": "assistant", "message": {"content": [
            {"type": "tool_use", "name": "Bash", "input": {"command": command}}]}});
        let shown = |mask| read_line(&line.to_string(), &reading(mask)).rows.swap_remove(0).1;
        assert!(shown(true).ends_with("x [masked: github-pat]"), "{}", shown(true));
        assert!(shown(false).ends_with("x ghp_98NcxrvkQfBCLgYu…"), "{}", shown(false));
    }

    #[test]
    fn tool_results_and_their_errors_are_told_apart() {
        let said = read(
            r#"{"type":"user","message":{"role":"user","content":[
                {"type":"tool_result","tool_use_id":"t1","content":"File created"},
                {"type":"tool_result","tool_use_id":"t2","is_error":true,"content":[{"type":"text","text":"exit 1"}]}]}}"#,
        );
        assert_eq!(said.rows, [(LogType::Result, "File created".into()), (LogType::Error, "exit 1".into())]);
    }

    #[test]
    fn the_result_tells_usage_and_success() {
        let said = read(
            r#"{"type":"result","subtype":"success","is_error":false,"num_turns":3,"result":"Done.","session_id":"s-1",
                "total_cost_usd":0.25,"usage":{"input_tokens":10,"cache_read_input_tokens":90,"output_tokens":7}}"#,
        );
        assert_eq!(said.result.as_deref(), Some("Done."));
        assert_eq!(said.succeeded, Some(true));
        assert_eq!(
            (said.usage.turns, said.usage.input_tokens, said.usage.output_tokens),
            (Some(3), Some(100), Some(7))
        );
        assert_eq!((said.usage.cost_usd, said.usage.session_id.as_deref()), (Some(0.25), Some("s-1")));
    }

    /// As the real CLI ends when the service refuses: `subtype` says success all the same.
    #[test]
    fn a_refusal_by_the_service_is_an_error() {
        let said =
            read(r#"{"type":"result","subtype":"success","is_error":true,"result":"Credit balance is too low"}"#);
        assert_eq!(said.rows, [(LogType::Error, "Credit balance is too low".into())]);
        assert_eq!(said.succeeded, Some(false));
        let said = read(
            r#"{"type":"assistant","message":{"model":"<synthetic>","content":[{"type":"text","text":"Credit balance is too low"}]},"error":"billing_error"}"#,
        );
        assert_eq!(said.rows, [(LogType::Error, "Credit balance is too low".into())]);
        let said = read(
            r#"{"type":"system","subtype":"api_retry","attempt":1,"max_retries":10,"retry_delay_ms":605.01,"error_status":529,"error":"overloaded"}"#,
        );
        assert_eq!(said.rows[0].1, "The model's service answered 529 (overloaded); trying again, 1 of 10");
    }

    #[test]
    fn a_failed_result_is_an_error_even_without_words() {
        let said = read(r#"{"type":"result","subtype":"error_max_turns","is_error":false}"#);
        assert_eq!(said.succeeded, Some(false));
        assert_eq!(said.rows, [(LogType::Error, "error max turns".into())]);
    }

    #[test]
    fn what_is_not_known_is_kept_as_it_came() {
        for line in ["Warning: something", r#"{"type":"novelty","x":1}"#, "[1]", "42"] {
            assert_eq!(read(line).rows, [(LogType::Text, line.into())]);
        }
        assert_eq!(read("  "), Said::default());
    }

    #[test]
    fn hostile_shapes_do_not_panic() {
        for line in [
            r#"{"type":"assistant"}"#,
            r#"{"type":"assistant","message":{"content":[1,null,{"type":"tool_use"}]}}"#,
            r#"{"type":"user","message":{"content":{"type":"tool_result"}}}"#,
            r#"{"type":"result","usage":[],"num_turns":"many"}"#,
        ] {
            read(line);
        }
    }
}
