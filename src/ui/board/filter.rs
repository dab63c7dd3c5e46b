//! Which cards the board shows: by words, project, agent, and where their work stands. It lives in the page's address.

use crate::domain::{Card, ProjectId, Stage, Workflow};
use crate::ui::hooks::folded;
use crate::ui::run::{column_title, mark_of, stage_title};
use crate::ui::tr;

/// Where a card's work stands, as one may ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Waiting,
    Running,
    Failed,
    Done,
    /// Whatever it does there.
    In(Stage),
}

impl Standing {
    pub const ALL: [Self; 8] = [
        Self::Waiting,
        Self::Running,
        Self::Failed,
        Self::Done,
        Self::In(Stage::Plan),
        Self::In(Stage::Implement),
        Self::In(Stage::Test),
        Self::In(Stage::Review),
    ];

    /// As an address has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Failed => "failed",
            Self::Done => "done",
            Self::In(stage) => stage.as_str(),
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Waiting => tr!(filter.waiting),
            Self::Running => tr!(filter.running),
            Self::Failed => tr!(filter.failed),
            Self::Done => tr!(filter.done),
            Self::In(stage) => stage_title(stage),
        }
    }

    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.as_str() == word)
    }

    /// Of a card, wherever it is.
    fn of(card: &Card) -> Self {
        match Workflow::of(card) {
            Workflow::Idle => Self::Waiting,
            Workflow::Working(_) => Self::Running,
            Workflow::Failed(_) => Self::Failed,
            Workflow::Completed => Self::Done,
        }
    }

    fn has(self, card: &Card) -> bool {
        match self {
            Self::In(stage) => card.column_id == stage.column(),
            _ => self == Self::of(card),
        }
    }
}

/// What is asked for. All of it must be so of a card that is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// As typed: each word is to be found somewhere.
    pub words: String,
    pub agent: String,
    pub standing: Option<Standing>,
    pub project: Option<ProjectId>,
}

impl Filter {
    /// Reads the query of an address; what it does not understand asks for nothing.
    pub fn from_query(query: &str) -> Self {
        let mut filter = Self::default();
        for pair in query.trim_start_matches('?').split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value);
            match name {
                "q" => filter.words = value,
                "agent" => filter.agent = value,
                "stage" => filter.standing = Standing::named(&value),
                "project" => filter.project = value.parse().ok(),
                _ => {}
            }
        }
        filter
    }

    /// The board's address with it.
    pub fn address(&self) -> String {
        let project = self.project.map(|id| id.to_string()).unwrap_or_default();
        let standing = self.standing.map(Standing::as_str).unwrap_or_default();
        let mut address = String::from("/");
        for (name, value) in
            [("project", &*project), ("q", self.words.trim()), ("agent", &self.agent), ("stage", standing)]
        {
            if !value.is_empty() {
                address.push(if address.len() == 1 { '?' } else { '&' });
                address.push_str(name);
                address.push('=');
                encode(value, &mut address);
            }
        }
        address
    }

    /// The same for another project, or for all.
    pub fn within(&self, project: Option<ProjectId>) -> Self {
        Self { project, ..self.clone() }
    }

    /// Nothing but its project.
    pub fn cleared(&self) -> Self {
        Self { project: self.project, ..Self::default() }
    }

    /// Whether it asks for more than a project.
    pub fn is_set(&self) -> bool {
        *self != self.cleared()
    }

    /// What it has to find in cards.
    pub fn search(&self) -> Search<'_> {
        let words = folded(&self.words);
        Search { filter: self, words: words.split_whitespace().map(str::to_owned).collect() }
    }
}

/// A filter at work on many cards.
pub struct Search<'a> {
    filter: &'a Filter,
    words: Vec<String>,
}

impl Search<'_> {
    /// Whether a card of its project, which has this name, is what is asked for.
    pub fn finds(&self, card: &Card, project: &str) -> bool {
        let Filter { agent, standing, .. } = self.filter;
        let is_meant = (agent.is_empty() || *agent == card.agent) && standing.is_none_or(|standing| standing.has(card));
        is_meant && (self.words.is_empty() || self.finds_words(card, project))
    }

    fn finds_words(&self, card: &Card, project: &str) -> bool {
        let mark = mark_of(card).map(|mark| mark.word).unwrap_or_default();
        let error = card.active_execution.as_ref().and_then(|execution| execution.workflow_error.as_deref());
        let texts = [
            &card.title,
            &card.description,
            project,
            &card.agent,
            column_title(card.column_id),
            Standing::of(card).title(),
            &mark,
            error.unwrap_or_default(),
        ];
        let text = folded(&texts.join("\n"));
        self.words.iter().all(|word| text.contains(word))
    }
}

/// The value of a query's parameter. Read alike on both sides, whatever somebody has written there.
fn decoded(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        let hex = rest.as_slice().get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let escaped = hex.filter(|_| byte == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if escaped.is_some() {
            rest.nth(1);
        }
        bytes.push(escaped.unwrap_or(if byte == b'+' { b' ' } else { byte }));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn encode(value: &str, address: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => address.push(char::from(byte)),
            b' ' => address.push('+'),
            _ => address
                .extend(['%', HEX[usize::from(byte >> 4)].into(), HEX[usize::from(byte & 15)].into()].map(char::from)),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{CardId, Column, Timestamp};

    fn card() -> Card {
        Card {
            id: CardId(Uuid::nil()),
            project_id: ProjectId(Uuid::nil()),
            title: "Order seeds".into(),
            description: "Peas, *beans*, maçãs".into(),
            column_id: Column::Test,
            position: 0,
            agent: "quick".into(),
            spec_path: None,
            branch: None,
            worktree_path: None,
            archived_at: None,
            discarded_at: None,
            warning: None,
            model: None,
            version: 1,
            created_at: Timestamp::from_millis(0),
            updated_at: Timestamp::from_millis(0),
            active_execution: None,
        }
    }

    #[test]
    fn every_word_is_to_be_found_somewhere() {
        for (query, is_found) in [
            ("", true),
            ("q=SEED", true),
            ("q=macas+garden", true),
            ("q=quick+waiting+test", true),
            ("q=seeds+weeds", false),
            ("agent=quick&stage=test", true),
            ("agent=quic", false),
            ("stage=waiting&q=beans", true),
            ("stage=running", false),
            ("stage=nonsense", true),
        ] {
            let filter = Filter::from_query(query);
            assert_eq!(filter.search().finds(&card(), "Garden"), is_found, "{query}");
        }
    }

    #[test]
    fn an_address_says_what_is_asked_for_and_nothing_else() {
        let filter =
            Filter { words: " 100% R&D +é ".into(), standing: Some(Standing::In(Stage::Plan)), ..Filter::default() };
        let address = filter.address();
        assert_eq!(address, "/?q=100%25+R%26D+%2B%C3%A9&stage=plan");
        let read = Filter::from_query(&address[1..]);
        assert_eq!((read.words.as_str(), read.standing), ("100% R&D +é", filter.standing));
        assert_eq!(Filter::default().address(), "/");
        assert_eq!(Filter::from_query("?q=%zz%4&agent=%ff").words, "%zz%4");
        assert!(filter.is_set() && !filter.cleared().is_set());
    }
}
