//! Executions with a log, put straight into a store. Each of those who share it uses a part.

#![allow(dead_code)]

use cardume::domain::*;
use cardume::server::store::{Ending, NewLine, Store};
use uuid::Uuid;

/// When everything here happens.
pub const NOW: Timestamp = Timestamp::from_millis(1_763_798_400_000);

/// A running execution with these rows, of a card and a project of its own.
pub async fn running(store: &Store, rows: impl IntoIterator<Item = NewLine>) -> (CardId, ExecutionId) {
    let (project, card, id) = (ProjectId(Uuid::now_v7()), CardId(Uuid::now_v7()), ExecutionId(Uuid::now_v7()));
    let place =
        Project { id: project, name: "shoal".into(), path: project.to_string(), created_at: NOW, mask_secrets: true };
    store.insert_project(&place).await.unwrap();
    let text =
        NewCard { project_id: project, title: "Title".into(), description: String::new(), agent: None, model: None };
    store.insert_card(card, &text, "demo", NOW).await.unwrap();
    store.begin(card, Event::Start(Column::Backlog), id, &[], NOW).await.unwrap();
    let mut rows = rows.into_iter();
    loop {
        let batch: Vec<NewLine> = rows.by_ref().take(1000).collect();
        if batch.is_empty() {
            return (card, id);
        }
        store.append(id, &batch).await.unwrap();
    }
}

/// The same, and the execution has ended.
pub async fn ended(store: &Store, rows: impl IntoIterator<Item = NewLine>) -> (CardId, ExecutionId) {
    let (card, id) = running(store, rows).await;
    let ending = Ending {
        status: ExecutionStatus::Error,
        error: Some("It failed.".into()),
        result: None,
        exit_code: Some(1),
        spec_path: None,
        lines: vec![],
        ended_at: None,
        verified: None,
        again: false,
        work_ref: None,
        warning: None,
    };
    store.finish(id, &ending, ExecutionId(Uuid::now_v7()), NOW).await.unwrap();
    (card, id)
}
