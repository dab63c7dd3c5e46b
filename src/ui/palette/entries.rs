//! What the palette offers for what has been typed.

use crate::api::Board;
use crate::domain::{Card, LogMatch, RunMatch};
use crate::ui::hooks::folded;
use crate::ui::run::{column_title, stage_title};
use crate::ui::tr;

/// Of each kind there are no more.
const EACH_MAX: usize = 8;
/// So much of a row is shown around what was found in it.
const EXCERPT_CHARS: usize = 120;

/// One thing to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub kind: &'static str,
    pub title: String,
    pub detail: String,
    pub action: Action,
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Go(String),
    NewCard,
    Archive,
    Shortcuts,
}

impl Action {
    /// Where it leads, for who opens it elsewhere.
    pub fn address(&self) -> String {
        match self {
            Self::Go(address) => address.clone(),
            Self::NewCard | Self::Archive | Self::Shortcuts => "/".to_owned(),
        }
    }
}

/// Commands, projects and cards whose names have all the words in them, and what was found in logs.
pub fn entries(query: &str, board: Option<&Board>, found: &[RunMatch]) -> Vec<Entry> {
    let query = folded(query);
    let words: Vec<&str> = query.split_whitespace().collect();
    let fits = |text: &str| {
        let text = folded(text);
        words.iter().all(|word| text.contains(word))
    };
    let mut entries: Vec<Entry> = commands().into_iter().filter(|entry| fits(&entry.title)).collect();
    if let Some(board) = board {
        let cards = board.cards.iter().filter(|card| fits(&card.title)).map(of_card);
        let projects = board.projects.iter().filter(|project| fits(&project.name)).map(|project| Entry {
            kind: tr!(palette.project),
            title: project.name.clone(),
            detail: project.path.clone(),
            action: Action::Go(format!("/?project={}", project.id)),
        });
        entries.extend(cards.take(EACH_MAX));
        entries.extend(projects.take(EACH_MAX));
    }
    entries.extend(found.iter().filter_map(of_run).take(EACH_MAX));
    entries
}

fn commands() -> [Entry; 5] {
    let command = |title: &str, detail: &str, action| Entry {
        kind: tr!(palette.command),
        title: title.to_owned(),
        detail: detail.to_owned(),
        action,
    };
    [
        command(tr!(form.new_card), "n", Action::NewCard),
        command(tr!(page.to_the_board), "", Action::Go("/".to_owned())),
        command(tr!(page.usage), "", Action::Go("/usage".to_owned())),
        command(tr!(archive.title), "", Action::Archive),
        command(tr!(shortcuts.title), "?", Action::Shortcuts),
    ]
}

fn of_card(card: &Card) -> Entry {
    Entry {
        kind: tr!(palette.card),
        title: card.title.clone(),
        detail: column_title(card.column_id).to_owned(),
        action: Action::Go(format!("/cards/{}", card.id)),
    }
}

/// Leads to the first row in which something was found.
fn of_run(run: &RunMatch) -> Option<Entry> {
    let first = run.matches.first()?;
    let stage = run.execution.command.stage().map_or("", stage_title);
    Some(Entry {
        kind: tr!(palette.log),
        title: excerpt(first),
        detail: format!("{} · {stage}", run.card.title),
        action: Action::Go(format!(
            "/cards/{}?execution={}&line={}",
            run.card.id, run.execution.id, first.line.sequence
        )),
    })
}

/// The row's text around what was found first.
fn excerpt(found: &LogMatch) -> String {
    let text = &found.line.content;
    let at = found.ranges.first().map_or(0, |(from, _)| *from as usize);
    let before = text.get(..at).unwrap_or_default();
    let begin = before.rfind('\n').map_or(0, |end| end + 1);
    let near = before.char_indices().rev().nth(EXCERPT_CHARS / 3).map_or(0, |(index, _)| index);
    // Not in the middle of a word, where one ends soon.
    let near = text.get(near..at).and_then(|before| before.trim_end().find(' ')).map_or(near, |end| near + end + 1);
    let line = text.get(begin.max(near)..).unwrap_or_default().lines().next().unwrap_or_default();
    let mut excerpt: String = line.chars().filter(|char| !char.is_control()).take(EXCERPT_CHARS).collect();
    if near > begin {
        excerpt.insert(0, '…');
    }
    excerpt
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{LogLine, LogType, Timestamp};

    fn row(content: &str, from: u32) -> LogMatch {
        let line = LogLine {
            sequence: 7,
            timestamp: Timestamp::from_millis(0),
            kind: LogType::Text,
            content: content.to_owned(),
            partial: false,
        };
        LogMatch { line, ranges: vec![(from, from + 3)] }
    }

    #[test]
    fn commands_are_found_by_any_of_their_words() {
        let titles = |query: &str| entries(query, None, &[]).into_iter().map(|entry| entry.title).collect::<Vec<_>>();
        assert_eq!(titles("").len(), 5);
        assert_eq!(titles("CARD new"), ["New card"]);
        assert!(titles("nothing of the kind").is_empty());
    }

    #[test]
    fn an_excerpt_is_the_line_around_what_was_found() {
        assert_eq!(excerpt(&row("first\nsecond pea\nthird", 13)), "second pea");
        let long = format!("{} pea {}", "x".repeat(500), "y".repeat(500));
        let shown = excerpt(&row(&long, 501));
        assert!(
            shown.starts_with('…') && shown.contains(" pea ") && shown.chars().count() <= EXCERPT_CHARS + 1,
            "{shown}"
        );
        assert_eq!(excerpt(&row("ção \u{7}pea", 6)), "ção pea");
    }
}
