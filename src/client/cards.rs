//! `cardume cards`, `cancel` and `retry`, and finding the card that somebody means.

use anyhow::bail;
use serde::Deserialize;
use serde_json::json;

use super::Connection;
use super::terminal::say;
use crate::domain::harmless::{harmless_json, harmless_line};
use crate::domain::{Card, CardId, WorkflowStage};

#[derive(Deserialize)]
struct Cards {
    cards: Vec<Card>,
}

/// Prints all cards: as a table, or as the JSON that the API gave.
pub fn list(server: &Connection, as_json: bool) -> anyhow::Result<()> {
    let Cards { cards } = server.get("/api/cards")?;
    if as_json {
        return say(&format!("{}\n", harmless_json(&json!({ "cards": cards }).to_string())));
    }
    if cards.is_empty() {
        eprintln!("cardume: There are no cards yet.");
        return Ok(());
    }
    let mut table = format!("{:8}  {:9}  {:12}  {:36}  TITLE\n", "SHORT", "COLUMN", "STAGE", "ID");
    for card in &cards {
        let stage = card.active_execution.as_ref().map_or(WorkflowStage::Idle, |execution| execution.workflow_stage);
        let (short, title) = (card.id.short(), harmless_line(&card.title));
        table.push_str(&format!("{short:8}  {:9}  {stage:12}  {}  {title}\n", card.column_id, card.id));
    }
    say(&table)
}

pub fn cancel(server: &Connection, card: &str) -> anyhow::Result<()> {
    let id = find(server, card)?;
    let _: Card = server.post(&format!("/api/cards/{id}/cancel"), &json!({}))?;
    say("The agent is being stopped.\n")
}

/// How to go on.
#[derive(clap::Args)]
pub struct RetryOptions {
    /// Start again from this stage instead: plan, implement, test or review
    #[arg(long)]
    stage: Option<String>,
    /// Put the card's worktree aside, and make a new one from its branch
    #[arg(long)]
    new_worktree: bool,
}

pub fn retry(server: &Connection, card: &str, options: RetryOptions) -> anyhow::Result<()> {
    let id = find(server, card)?;
    let body = json!({ "stage": options.stage, "newWorktree": options.new_worktree });
    let card: Card = server.post(&format!("/api/cards/{id}/retry"), &body)?;
    let command = card.active_execution.map(|execution| execution.command.to_string()).unwrap_or_default();
    say(&format!("The card goes on with {command}.\n"))
}

/// The card that `text` names: its id, or enough of the id's beginning or end.
pub fn find(server: &Connection, text: &str) -> anyhow::Result<CardId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let Cards { cards } = server.get("/api/cards")?;
    match_id(text, cards.iter().map(|card| card.id))
}

fn match_id(text: &str, ids: impl Iterator<Item = CardId>) -> anyhow::Result<CardId> {
    let digits = text.replace('-', "").to_ascii_lowercase();
    if digits.len() < 4 || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
        bail!(
            "“{text}” is no card's id; `cardume cards` lists them, and four digits of one's beginning or end will do"
        );
    }
    let mut found: Vec<_> = ids
        .filter(|id| {
            let id = id.0.simple().to_string();
            id.starts_with(&digits) || id.ends_with(&digits)
        })
        .collect();
    match (found.pop(), found.len()) {
        (None, _) => bail!("no card's id begins or ends with “{text}”"),
        (Some(id), 0) => Ok(id),
        (Some(_), others) => bail!("“{text}” fits {} cards; give more of the id", others + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_found_by_enough_of_either_end_of_its_id() {
        let ids = ["019a0000-0000-7000-8000-00001234abcd", "019a0000-0000-7000-8000-0000ffffabcd"];
        let ids = ids.map(|id| id.parse::<CardId>().unwrap());
        let find = |text: &str| match_id(text, ids.into_iter());
        assert_eq!(find("1234ABCD").unwrap(), ids[0]);
        assert_eq!(find("ffff-abcd").unwrap(), ids[1]);
        assert_eq!(find("019a0000-0000-7000-8000-00001").unwrap(), ids[0]);
        for (text, reason) in
            [("abcd", "2 cards"), ("dead", "no card"), ("cd", "four digits"), ("a card", "is no card")]
        {
            let error = find(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
