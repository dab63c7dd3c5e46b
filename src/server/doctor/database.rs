//! The database: whether it can be read and written, whether it is whole, and where its schema stands.

use std::time::Duration;

use super::{Finding, note, well, wrong};
use crate::server::config::Config;
use crate::server::keeping::opening;
use crate::server::store::{Condition, Database, Schema, Store, StoreError};

/// Reading every page of a large database takes a while.
const LIMIT: Duration = Duration::from_secs(600);

/// What was found; and the database, where its schema is this Cardume's.
pub async fn examine(config: &Config) -> (Vec<Finding>, Option<Store>) {
    let subject = "database";
    let (place, remedy) = match &config.database {
        Database::Sqlite(path) => (path.display().to_string(), "Mend the file's owner, permissions or free space"),
        Database::Postgres(_) => ("Postgres".to_owned(), "Check the database URL, and that the database is up"),
    };
    match tokio::time::timeout(LIMIT, look(config, &place)).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => (vec![wrong(subject, format!("{place}: {error}. {remedy}"))], None),
        Err(_) => (vec![wrong(subject, format!("{place} does not answer. {remedy}"))], None),
    }
}

async fn look(config: &Config, place: &str) -> Result<(Vec<Finding>, Option<Store>), StoreError> {
    let subject = "database";
    let condition = Condition::of(&config.database, u64::MAX).await?;
    if let Some(trouble) = opening::trouble(config, &condition) {
        return Ok((vec![wrong(subject, trouble)], None));
    }
    if condition == Condition::Absent {
        return Ok((vec![note(subject, format!("{place} is not there yet; `cardume serve` makes it"))], None));
    }
    let store = Store::connect_beside(&config.database).await?;
    let schema = store.schema().await?;
    let mut findings = vec![];
    if !schema.applied.is_empty() {
        store.check_writable(crate::server::now()).await?;
    }
    findings.push(well(subject, format!("{}, {place}", store.engine_version().await?)));
    let orphans = store.orphans().await?;
    if orphans > 0 {
        let what =
            format!("{orphans} rows refer to others that are not there; something else than Cardume wrote to it");
        findings.push(note(subject, what));
    }
    match schema_finding(&schema) {
        Some(finding) => {
            findings.push(finding);
            store.close().await;
            Ok((findings, None))
        }
        None => Ok((findings, Some(store))),
    }
}

fn schema_finding(schema: &Schema) -> Option<Finding> {
    if let Some(trouble) = opening::too_new(schema) {
        return Some(wrong("schema", trouble));
    }
    let pending = schema.pending.len();
    let what = format!("{pending} migrations are pending; `cardume serve` applies them, after a backup");
    (pending > 0).then(|| note("schema", what))
}
