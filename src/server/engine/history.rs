//! Why a stage begins again: the failures before it, in words for its agent.
//!
//! Pure. A stage's prompt lists the failures of any stage since this one last succeeded. An agent that implements again
//! after a failed review must know what the review said.

use crate::domain::{Execution, ExecutionStatus, Stage, Verdict};

/// So many failures are told, the newest ones.
const FAILURES_MAX: usize = 5;
/// Of each error at most this much.
const ERROR_MAX_CHARS: usize = 2000;
/// Of what the agent of the newest failure said at its end at most this much.
const WORDS_MAX_CHARS: usize = 4000;

/// What the agent of `stage` must know of earlier attempts; `None` if nothing failed. `earlier`: the card's other
/// executions, newest first.
pub fn earlier_failures(earlier: &[Execution], stage: Stage) -> Option<String> {
    let failures = failures_since_success(earlier, stage);
    let newest = failures.first()?;
    let mut text = "Earlier attempts failed. Put right what is named here, the newest first:\n".to_owned();
    for failure in failures.iter().take(FAILURES_MAX) {
        let error = failure.workflow_error.as_deref().unwrap_or("It failed, and nothing says why.");
        let (command, attempt) = (failure.command.as_str().trim_start_matches('/'), failure.attempt);
        text.push_str(&format!(
            "\n- {command}, attempt {attempt}: {}",
            indented(&start_of(error, ERROR_MAX_CHARS), "  ")
        ));
        if failure.id == newest.id
            && let Some(words) = last_words(failure)
        {
            text.push_str(&format!("\n\n  > {}\n", indented(&words, "  > ")));
        }
    }
    Some(text)
}

/// The failures since `stage` last succeeded, newest first. Another stage's failure no longer matters once that stage
/// has succeeded; that another one was cancelled or lost says nothing about the work.
fn failures_since_success(earlier: &[Execution], stage: Stage) -> Vec<&Execution> {
    let (mut failures, mut succeeded) = (vec![], vec![]);
    for execution in earlier {
        let Some(of) = execution.command.stage() else { continue };
        match execution.status {
            ExecutionStatus::Success if of == stage => break,
            ExecutionStatus::Success => succeeded.push(of),
            ExecutionStatus::Error if !succeeded.contains(&of) => failures.push(execution),
            ExecutionStatus::Cancelled | ExecutionStatus::Lost if of == stage => failures.push(execution),
            _ => {}
        }
    }
    failures
}

/// What the agent of a failed stage said at its end, if that is more than the error. Without its verdict: an agent that
/// prints its prompt must not repeat it as its own.
fn last_words(failure: &Execution) -> Option<String> {
    let result = failure.result.as_deref()?;
    let lines: Vec<&str> = result.lines().filter(|line| Verdict::of_line(line).is_none()).collect();
    let words = lines.join("\n");
    let is_said = failure.workflow_error.as_deref().is_some_and(|error| error.contains(words.trim()));
    (!is_said).then(|| start_of(words.trim(), WORDS_MAX_CHARS))
}

fn start_of(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn indented(text: &str, indent: &str) -> String {
    text.replace('\n', &format!("\n{indent}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    use ExecutionStatus::{Cancelled, Error, Lost, Success};
    use Stage::{Implement, Plan, Review, Test};

    /// The executions of a card, newest first; each failure's error is its place among them, counted from the oldest.
    fn history(oldest_first: &[(Stage, ExecutionStatus)]) -> Vec<Execution> {
        let one = |(index, (stage, status)): (usize, &(Stage, ExecutionStatus))| {
            let value = serde_json::json!({
                "id": uuid::Uuid::from_u128(index as u128), "cardId": uuid::Uuid::nil(), "command": format!("/{stage}"),
                "attempt": 1, "agent": "a", "status": status, "workflowStage": "error",
                "workflowError": (*status != Success).then(|| format!("error {index}")),
                "startedAt": "2026-11-22T08:00:00.000Z", "completedAt": null, "result": null, "exitCode": 0,
                "lastSequence": 0, "active": false,
            });
            serde_json::from_value(value).unwrap()
        };
        let mut executions: Vec<Execution> = oldest_first.iter().enumerate().map(one).collect();
        executions.reverse();
        executions
    }

    #[track_caller]
    fn told(oldest_first: &[(Stage, ExecutionStatus)], stage: Stage, expected: &[&str]) {
        let text = earlier_failures(&history(oldest_first), stage).unwrap_or_default();
        let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("- ")).collect();
        let expected: Vec<String> = expected.iter().map(|error| error.replace(": ", ", attempt 1: error ")).collect();
        assert_eq!(lines, expected, "{text}");
    }

    #[test]
    fn a_stage_is_told_what_failed_since_it_last_succeeded() {
        told(&[], Plan, &[]);
        told(&[(Plan, Error)], Plan, &["plan: 0"]);
        told(&[(Plan, Error), (Plan, Success)], Implement, &[]);
        told(&[(Plan, Success), (Implement, Error), (Implement, Error)], Implement, &["implement: 2", "implement: 1"]);
        let reviewed = [(Plan, Success), (Implement, Success), (Test, Success), (Review, Error)];
        told(&reviewed, Review, &["review: 3"]);
        told(&reviewed, Implement, &["review: 3"]);
        told(&reviewed, Plan, &["review: 3"]);
        let again = [&reviewed[..], &[(Implement, Error)]].concat();
        told(&again, Implement, &["implement: 4", "review: 3"]);
        let onwards = [&reviewed[..], &[(Implement, Success)]].concat();
        told(&onwards, Test, &["review: 3"]);
        told(&onwards, Implement, &[]);
        let done = [&onwards[..], &[(Test, Success), (Review, Success)]].concat();
        told(&done, Plan, &[]);
    }

    #[test]
    fn what_was_put_right_or_stopped_elsewhere_is_not_told() {
        let tested = [(Plan, Success), (Implement, Success), (Test, Error), (Test, Success), (Review, Error)];
        told(&tested, Implement, &["review: 4"]);
        told(&[(Plan, Success), (Implement, Cancelled)], Plan, &[]);
        told(&[(Plan, Success), (Implement, Lost)], Implement, &["implement: 1"]);
        told(&[(Plan, Success), (Implement, Cancelled)], Implement, &["implement: 1"]);
    }

    #[test]
    fn the_newest_failure_comes_with_what_its_agent_said_but_not_with_its_verdict() {
        let mut executions = history(&[(Implement, Success), (Review, Error), (Review, Error)]);
        for execution in &mut executions {
            execution.result = Some("Line 12 is wrong.\n\n- it overflows\n**CARDUME:** fail it overflows".into());
        }
        let text = earlier_failures(&executions, Implement).unwrap();
        assert_eq!(text.matches("\n  > Line 12 is wrong.\n  > \n  > - it overflows\n").count(), 1, "{text}");
        assert_eq!(Verdict::in_text(&text), None, "{text}");
        executions[0].workflow_error = Some("Line 12 is wrong.".into());
        executions[0].result = Some("Line 12 is wrong.".into());
        assert!(!earlier_failures(&executions, Implement).unwrap().contains("  >"));
    }

    #[test]
    fn what_is_told_has_a_limit() {
        let mut executions = history(&[(Plan, Error); 20]);
        for execution in &mut executions {
            execution.workflow_error = Some("é".repeat(100_000));
            execution.result = Some("ü".repeat(100_000));
        }
        let text = earlier_failures(&executions, Plan).unwrap();
        assert_eq!((text.matches('é').count(), text.matches('ü').count()), (5 * ERROR_MAX_CHARS, WORDS_MAX_CHARS));
    }
}
