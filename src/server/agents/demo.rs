//! The demo agent: this binary plays an agent that needs no account and no network.
//!
//! It speaks Claude Code's stream format and does real work on a small scale: it writes a plan, edits a file, runs a
//! command and reads the change. A card's description can make it fail: “fail in test”.

use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

use super::{AgentProgram, Format};
use crate::domain::Stage;

/// How long a stage takes unless `--seconds` says otherwise: four of them make some twenty seconds.
pub const SECONDS_A_STAGE: f64 = 5.0;

pub fn program() -> AgentProgram {
    AgentProgram {
        name: "demo".to_owned(),
        // The supervisor is this same binary, whatever has become of the file it was started from.
        argv: vec!["/proc/self/exe".to_owned(), "demo-agent".to_owned()],
        format: Format::Claude,
        expects_changes: true,
        verdict: Format::Claude.verdict(),
        resume: vec![],
        model: vec![],
        models: vec![],
        install: None,
    }
}

/// Plays the stage that `CARDUME_STAGE` names, in about `seconds`; answers the exit status.
pub fn play(seconds: f64) -> anyhow::Result<i32> {
    let stage: Stage = std::env::var("CARDUME_STAGE").context("CARDUME_STAGE is not set")?.parse()?;
    let mut prompt = String::new();
    std::io::stdin().read_to_string(&mut prompt)?;
    let title = between(&prompt, "<title>", "</title>").unwrap_or("an untitled card");
    let description = between(&prompt, "<description>", "</description>").unwrap_or_default();
    let mut voice = Voice { pause: Duration::from_secs_f64((seconds / 8.0).clamp(0.0, 600.0)), tool_uses: 0 };

    voice.say(&json!({"type": "system", "subtype": "init", "session_id": voice.session(), "model": "demo-1"}))?;
    let outcome = match stage {
        Stage::Plan => plan(&mut voice, title, description),
        Stage::Implement => implement(&mut voice, title),
        Stage::Test => test(&mut voice),
        Stage::Review => review(&mut voice),
    };
    let outcome = match (asked_to_fail(description), outcome) {
        (Some(asked), Ok(_)) if asked == stage => {
            Err(anyhow::anyhow!("The card asked me to fail in {stage}, so I do."))
        }
        (_, outcome) => outcome,
    };
    let (text, failed) = match outcome {
        Ok(text) => (text, false),
        Err(error) => (error.to_string(), true),
    };
    voice.say(&json!({
        "type": "result", "subtype": if failed { "error_during_execution" } else { "success" }, "is_error": failed,
        "result": text, "session_id": voice.session(), "num_turns": voice.tool_uses + 1, "total_cost_usd": 0.0,
        "usage": {"input_tokens": prompt.len() / 4, "output_tokens": 40 * (voice.tool_uses + 1)},
    }))?;
    Ok(i32::from(failed))
}

fn plan(voice: &mut Voice, title: &str, description: &str) -> anyhow::Result<String> {
    voice.text(&format!("I am asked for “{title}”. First I look at what is here."))?;
    let files = voice.command(&["git", "ls-files"])?;
    let count = match files.lines().count() {
        1 => "There is one file.".to_owned(),
        many => format!("There are {many} files."),
    };
    voice.text(&format!("{count} The work is small enough for one plan."))?;
    let path = format!("specs/{}.md", slug::slugify(title).chars().take(60).collect::<String>().trim_matches('-'));
    let path = if path == "specs/.md" { "specs/plan.md".to_owned() } else { path };
    let spec = format!(
        "# {title}\n\n## Wanted\n\n{}\n\n## Change\n\n- `README.md`: a line that says what was done.\n\n\
         ## Test\n\n- The change is on the branch, and git finds no fault with it.\n",
        if description.trim().is_empty() { "What the title says." } else { description.trim() },
    );
    voice.write(&path, &spec)?;
    Ok(format!("The plan is in {path}."))
}

fn implement(voice: &mut Voice, title: &str) -> anyhow::Result<String> {
    let spec = std::env::var("CARDUME_SPEC_PATH").unwrap_or_default();
    voice.text("I do what the plan says:\n\n1. read it\n2. write a line into `README.md`\n3. see what has changed")?;
    if !spec.is_empty() {
        voice.read(&spec)?;
    }
    let before = std::fs::read_to_string("README.md").unwrap_or_default();
    let heading = "## Worked on by Cardume's demo agent\n";
    let separator = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    let opening = if before.contains(heading) { String::new() } else { format!("\n{heading}\n") };
    voice.write("README.md", &format!("{before}{separator}{opening}- {title}\n"))?;
    voice.command(&["git", "status", "--short"])?;
    Ok("README.md tells of the change.".to_owned())
}

fn test(voice: &mut Voice) -> anyhow::Result<String> {
    voice.text("I look whether the change is sound.")?;
    voice.command(&["git", "log", "--oneline", "-5"])?;
    voice.command(&["git", "diff", "--check", "HEAD~1", "HEAD"])?;
    voice.text("`git diff --check` finds no stray white space and no conflict markers.")?;
    Ok("All is well.\nCARDUME: pass".to_owned())
}

fn review(voice: &mut Voice) -> anyhow::Result<String> {
    voice.text("I read the whole change once more.")?;
    voice.command(&["git", "show", "--stat", "HEAD"])?;
    voice.text("It is **small**, it says what it does, and it touches nothing else.")?;
    Ok("It may be merged.\nCARDUME: pass".to_owned())
}

/// The stage in which the description wants a failure: the word “fail” and then a stage's name, “fail in test”.
fn asked_to_fail(description: &str) -> Option<Stage> {
    let lower = description.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let filler = ["in", "at", "during", "on", "the", "stage"];
    words
        .iter()
        .enumerate()
        .filter(|(_, word)| **word == "fail")
        .find_map(|(index, _)| words[index + 1..].iter().find(|word| !filler.contains(word))?.parse().ok())
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, behind) = text.split_once(start)?;
    Some(behind.split_once(end)?.0.trim())
}

/// Says things in the stream format, at a pace that can be watched.
struct Voice {
    pause: Duration,
    tool_uses: usize,
}

impl Voice {
    fn session(&self) -> String {
        format!("demo-{}", std::env::var("CARDUME_EXECUTION_ID").unwrap_or_default())
    }

    fn say(&self, message: &Value) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{message}")?;
        out.flush()?;
        std::thread::sleep(self.pause);
        Ok(())
    }

    fn text(&self, text: &str) -> anyhow::Result<()> {
        self.say(&json!({"type": "assistant", "message": {"role": "assistant", "content": [{"type": "text", "text": text}]}}))
    }

    fn use_tool(&mut self, name: &str, input: Value) -> anyhow::Result<()> {
        self.tool_uses += 1;
        let content =
            json!([{"type": "tool_use", "id": format!("tool-{}", self.tool_uses), "name": name, "input": input}]);
        self.say(&json!({"type": "assistant", "message": {"role": "assistant", "content": content}}))
    }

    fn tool_result(&self, text: &str, failed: bool) -> anyhow::Result<()> {
        let id = format!("tool-{}", self.tool_uses);
        let content = json!([{"type": "tool_result", "tool_use_id": id, "content": text, "is_error": failed}]);
        self.say(&json!({"type": "user", "message": {"role": "user", "content": content}}))
    }

    fn read(&mut self, path: &str) -> anyhow::Result<()> {
        self.use_tool("Read", json!({"file_path": path}))?;
        let text = std::fs::read_to_string(path)?;
        self.tool_result(&text, false)
    }

    fn write(&mut self, path: &str, content: &str) -> anyhow::Result<()> {
        self.use_tool("Write", json!({"file_path": path, "content": content}))?;
        if let Some(folder) = Path::new(path).parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, content)?;
        self.tool_result(&format!("Wrote {} bytes to {path}", content.len()), false)
    }

    fn command(&mut self, argv: &[&str]) -> anyhow::Result<String> {
        self.use_tool("Bash", json!({"command": argv.join(" ")}))?;
        let output = Command::new(argv[0]).args(&argv[1..]).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let shown = if text.trim().is_empty() { "(no output)" } else { text.trim_end() };
        self.tool_result(shown, !output.status.success())?;
        anyhow::ensure!(output.status.success(), "“{}” failed", argv.join(" "));
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_can_ask_for_a_failure() {
        for (text, stage) in [
            ("fail in implement", Some(Stage::Implement)),
            ("Please fail during the test stage.", Some(Stage::Test)),
            ("demo: fail=plan", Some(Stage::Plan)),
            ("[fail:review]", Some(Stage::Review)),
            ("Fix the failing test", None),
            ("do not fail", None),
        ] {
            assert_eq!(asked_to_fail(text), stage, "{text}");
        }
    }
}
