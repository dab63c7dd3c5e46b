//! The prompt of a stage: a file of this repository's `prompts/`, or the project's own in its place.

use std::path::Path;

use crate::domain::{Card, Stage};

/// A prompt of one's own is read up to this size.
const TEMPLATE_MAX_BYTES: u64 = 256 * 1024;

/// Where a project keeps a prompt of its own, relative to its top: `.cardume/prompts/plan.md`.
fn own_template(project: &Path, stage: Stage) -> Option<String> {
    let path = project.join(".cardume/prompts").join(format!("{stage}.md"));
    // A link may lead anywhere; only what lies in the project is the project's.
    let path = std::fs::canonicalize(path).ok().filter(|path| path.starts_with(project))?;
    let metadata = std::fs::metadata(&path).ok()?;
    (metadata.is_file() && metadata.len() <= TEMPLATE_MAX_BYTES).then(|| std::fs::read_to_string(path).ok())?
}

fn template(stage: Stage) -> &'static str {
    match stage {
        Stage::Plan => include_str!("../../../prompts/plan.md"),
        Stage::Implement => include_str!("../../../prompts/implement.md"),
        Stage::Test => include_str!("../../../prompts/test.md"),
        Stage::Review => include_str!("../../../prompts/review.md"),
    }
}

/// What an agent reads on its standard input. `failures`: what failed before.
pub fn prompt(stage: Stage, card: &Card, branch: &str, project: &Path, failures: Option<&str>) -> String {
    let template = own_template(project, stage).unwrap_or_else(|| template(stage).to_owned());
    let previous = failures.map(|failures| format!("\n{}\n", failures.trim_end()));
    fill(&template, |name| {
        Some(match name {
            "title" => card.title.clone(),
            "description" => card.description.clone(),
            "spec_path" => card.spec_path.clone().unwrap_or_else(|| "specs/".to_owned()),
            "branch" => branch.to_owned(),
            "previous_error" => previous.clone().unwrap_or_default(),
            _ => return None,
        })
    })
}

/// What an agent reads that goes on with its own session: it is told again what it was to do.
pub fn resumption(prompt: &str) -> String {
    format!(
        "You were interrupted while you worked on the following. Look at what is there already in the worktree, and go \
         on from where you were.\n\n{prompt}"
    )
}

/// Replaces each `{{name}}` once, from left to right: what is put in is not looked at again, so that a title with
/// braces in it stays a title. Unknown names stay as they are.
fn fill(template: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once("{{") {
        filled.push_str(before);
        let known = behind.split_once("}}").and_then(|(name, after)| Some((value(name.trim())?, after)));
        rest = match known {
            Some((text, after)) => {
                filled.push_str(&text);
                after
            }
            None => {
                filled.push_str("{{");
                behind
            }
        };
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Verdict;

    #[test]
    fn an_agent_that_only_prints_its_prompt_gives_no_verdict_and_is_told_how_to_give_one() {
        for stage in Stage::ALL {
            let text = template(stage);
            assert_eq!(Verdict::in_text(text), None, "{stage}");
            let is_asked = text.contains("`CARDUME: pass`") && text.contains("`CARDUME: fail REASON`");
            assert_eq!(is_asked, matches!(stage, Stage::Test | Stage::Review), "{stage}");
        }
    }

    #[test]
    fn what_is_put_in_is_not_looked_at_again() {
        let value = |name: &str| match name {
            "title" => Some("{{description}}".to_owned()),
            "description" => Some("secret".to_owned()),
            _ => None,
        };
        assert_eq!(
            fill("a {{title}} b {{ title }} {{other}} {{", value),
            "a {{description}} b {{description}} {{other}} {{"
        );
    }

    #[test]
    fn every_stage_has_a_prompt_that_tells_of_the_card() {
        for stage in Stage::ALL {
            let text = template(stage);
            assert!(text.contains("<title>{{title}}</title>") && text.contains("{{description}}"), "{stage}");
            assert_eq!(text.contains("{{spec_path}}"), stage != Stage::Plan, "{stage}");
        }
    }
}
