//! What runs, or should: supervisors that hang or are gone, journals that cannot be read, runs that wait for somebody.

use super::{Finding, note, well, wrong};
use crate::domain::ExecutionStatus;
use crate::server::config::Config;
use crate::server::process::journal::{self, Entry, JournalError};
use crate::server::process::{Presence, Workplace};
use crate::server::store::{RunningExecution, Store, StoreError};

/// So much of a journal, behind what is in the database, is looked at.
const LOOK_BYTES: u64 = 64 * 1024 * 1024;

/// `stuck`: what was found about runs that can't go on.
pub async fn examine(config: &Config, store: &Store, stuck: Vec<Finding>) -> Vec<Finding> {
    match look(config, store, stuck).await {
        Ok(findings) => findings,
        Err(error) => vec![wrong("runs", format!("cannot be read: {error}"))],
    }
}

async fn look(config: &Config, store: &Store, stuck: Vec<Finding>) -> Result<Vec<Finding>, StoreError> {
    let mut findings = stuck;
    let running = store.running().await?;
    for execution in &running {
        let workplace = Workplace::at(config.data_dir.join("executions").join(execution.id.to_string()));
        findings.extend(supervisor(execution, &workplace));
        findings.extend(journal(execution, &workplace));
    }
    let waiting = store.cards(None).await?.into_iter().filter_map(|card| {
        let active = card.active_execution?;
        (active.status == ExecutionStatus::Lost).then_some(card.id)
    });
    for card in waiting {
        findings
            .push(note("runs", format!("card {card} was lost with its agent's process; go on: cardume retry {card}")));
    }
    let unverified = store.unverified().await?;
    if unverified > 0 {
        let what = format!(
            "{unverified} logs differ from what their supervisors wrote down; their last rows say what is missing, and \
             their journals are kept in {}",
            config.data_dir.join("executions").display()
        );
        findings.push(note("logs", what));
    }
    if findings.is_empty() {
        findings.push(well("runs", format!("{} under way", running.len())));
    }
    Ok(findings)
}

fn supervisor(execution: &RunningExecution, workplace: &Workplace) -> Option<Finding> {
    let (subject, card) = ("runs", execution.card_id);
    match workplace.presence() {
        Ok(Presence::Alive) if workplace.is_supervisor_stopped() => Some(wrong(
            subject,
            format!(
                "the supervisor of card {card} is stopped (SIGSTOP), and its agent waits with it; let it go on: kill -CONT \
                 {}, or cancel the card: cardume cancel {card}",
                workplace.supervisor().map_or_else(|| "PID".to_owned(), |process| process.pid.to_string())
            ),
        )),
        Ok(Presence::Gone { .. }) => Some(note(
            subject,
            format!("the supervisor of card {card} is gone; a server that runs finds that out and offers to resume"),
        )),
        Ok(Presence::Alive | Presence::Ended(_) | Presence::NotStarted) => None,
        Err(error) => {
            Some(wrong(subject, format!("card {card}: {error:#}. Start the Cardume that began it, or cancel it")))
        }
    }
}

fn journal(execution: &RunningExecution, workplace: &Workplace) -> Option<Finding> {
    let (subject, card) = ("journal", execution.card_id);
    let shown = workplace.journal().display().to_string();
    match damage(execution, workplace) {
        Ok(0) => None,
        Ok(bytes) => Some(note(
            subject,
            format!(
                "{bytes} bytes of {shown} (card {card}) are damaged; the rest is read, and the log says what is missing"
            ),
        )),
        Err(error @ JournalError::UnknownVersion(_)) => Some(wrong(
            subject,
            format!("{shown} (card {card}): {error}. Start the Cardume that began the run; nothing is lost meanwhile"),
        )),
        Err(error @ JournalError::Shorter { .. }) => Some(note(
            subject,
            format!("{shown} (card {card}): {error}. What is in the database stays there; the disk has lost the rest"),
        )),
        Err(error) => Some(wrong(subject, format!("{shown} (card {card}): {error}. Mend its owner, or the disk"))),
    }
}

/// How many bytes of it, behind what is in the database, are no records.
fn damage(execution: &RunningExecution, workplace: &Workplace) -> Result<u64, JournalError> {
    let path = workplace.journal();
    // The version stands at the beginning.
    journal::read(&path, 0)?;
    let begin = u64::try_from(execution.journal_offset).unwrap_or_default();
    let (mut offset, mut damaged) = (begin, 0);
    while offset < begin + LOOK_BYTES {
        let piece = journal::read(&path, offset)?;
        if piece.end == offset {
            break;
        }
        offset = piece.end;
        damaged += piece
            .entries
            .iter()
            .map(|(entry, _)| if let Entry::Damaged(bytes) = entry { *bytes } else { 0 })
            .sum::<u64>();
    }
    Ok(damaged)
}
