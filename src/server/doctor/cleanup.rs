//! What was deleted and is still there, and what nothing in the database knows.

use super::{Finding, note, well, wrong};
use crate::server::config::Config;
use crate::server::keeping::leaks::{self, Leaks};
use crate::server::store::{Store, StoreError};

/// How many leaks the command that removes them names at most.
const NAMED_MAX: usize = 20;
/// How many failing clean-ups are listed one by one.
const TOLD_MAX: usize = 10;

pub async fn examine(config: &Config, store: &Store) -> Vec<Finding> {
    let mut findings = purges(store).await.unwrap_or_else(|error| vec![unreadable(error)]);
    match leaks::find(store, &config.data_dir).await {
        Ok(leaks) if leaks.is_empty() => {}
        Ok(leaks) => findings.push(leaked(config, leaks).await),
        Err(error) => findings.push(wrong("leaks", format!("{error:#}. Check the owner of the data directory"))),
    }
    if findings.is_empty() {
        findings.push(well("clean-up", "nothing that was deleted is left"));
    }
    findings
}

fn unreadable(error: StoreError) -> Finding {
    wrong("clean-up", format!("cannot be read: {error}"))
}

async fn purges(store: &Store) -> Result<Vec<Finding>, StoreError> {
    let pending = store.pending_purges().await?;
    let failing = pending.iter().filter_map(|purge| Some((purge, purge.error.as_deref()?)));
    let mut findings: Vec<Finding> = failing
        .clone()
        .take(TOLD_MAX)
        .map(|(purge, error)| {
            let what = format!(
                "card {} was deleted at {}, and what it has on disk can't be removed: {error}. Fix that; a running server \
                 tries again by itself",
                purge.card, purge.since
            );
            wrong("clean-up", what)
        })
        .collect();
    let (failing, waiting) = (failing.clone().count(), pending.len() - failing.count());
    if failing > TOLD_MAX {
        findings.push(wrong("clean-up", format!("the same with {} more deleted cards", failing - TOLD_MAX)));
    }
    if waiting > 0 {
        let cards = if waiting == 1 { "1 deleted card is" } else { &format!("{waiting} deleted cards are") };
        findings
            .push(note("clean-up", format!("{cards} still being cleaned up; a running server does that by itself")));
    }
    Ok(findings)
}

async fn leaked(config: &Config, leaks: Leaks) -> Finding {
    let count = leaks.count();
    let measured = leaks.clone();
    let bytes = tokio::task::spawn_blocking(move || measured.size_bytes()).await.unwrap_or_default();
    // Beside a worktree lie files whose names begin as its own.
    let worktrees = leaks.worktrees_by_card().into_iter().map(|path| format!("{}*", quoted(&path.to_string_lossy())));
    let words: Vec<String> =
        worktrees.chain(leaks.executions.iter().map(|path| quoted(&path.to_string_lossy()))).collect();
    let named = &words[..words.len().min(NAMED_MAX)];
    let more = match words.len() - named.len() {
        0 => String::new(),
        more => format!(" (then run `cardume doctor` again for {more} more)"),
    };
    let what = format!(
        "{count} in {} belong to no card in this database ({:.1} MB). They may hold work, and secrets that agents printed. \
         If the database was restored or is not the one of this data directory, keep them. Otherwise remove them: rm -rf \
         -- {}{more}",
        config.data_dir.display(),
        bytes as f64 / (1024.0 * 1024.0),
        named.join(" ")
    );
    wrong("leaks", what)
}

/// As one word of a shell's command.
fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-_.".contains(c);
    if path.chars().all(is_plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word() {
        assert_eq!(quoted("/data/worktrees/0190-a.old-1"), "/data/worktrees/0190-a.old-1");
        assert_eq!(quoted("/my data/it's"), r"'/my data/it'\''s'");
    }
}
