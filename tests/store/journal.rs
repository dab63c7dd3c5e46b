//! Taking the journal in: rows, report and offset in one transaction.

use cardume::domain::*;
use cardume::server::store::Report;

use crate::ground::*;

crate::on_both_engines!(
    ingest_moves_rows_and_offset_together,
    a_piece_of_the_journal_goes_in_once_however_many_try,
    a_report_leaves_what_it_does_not_say,
);

async fn ingest_moves_rows_and_offset_together(on: Ground) {
    let (_, id) = on.running_card().await;
    let nothing = Report::default();
    assert_eq!(on.store.ingest(id, 0, 100, &numbered(1..=2), &nothing).await.unwrap(), 2);
    assert_eq!(on.store.running_execution(id).await.unwrap().journal_offset, 100);
    // The same piece, a piece that overlaps, a piece from beyond: none of it, no row, no report.
    let report = Report { result: Some("no".into()), ..Report::default() };
    for (from, to) in [(0, 100), (50, 150), (120, 200)] {
        conflict(on.store.ingest(id, from, to, &[line("twice")], &report).await);
    }
    let running = on.store.running_execution(id).await.unwrap();
    assert_eq!((running.journal_offset, running.report.result), (100, None));
    assert_eq!(contents(&on.store.log(id, ALL, 10).await.unwrap()), ["1", "2"]);
    // Rows from elsewhere may come between; a piece may hold no row.
    on.store.append(id, &[line("3")]).await.unwrap();
    assert_eq!(on.store.ingest(id, 100, 130, &[line("4")], &nothing).await.unwrap(), 4);
    assert_eq!(on.store.ingest(id, 130, 140, &[], &nothing).await.unwrap(), 4);
    assert_eq!(on.store.running_execution(id).await.unwrap().journal_offset, 140);
    assert_eq!(contents(&on.store.log(id, ALL, 10).await.unwrap()), ["1", "2", "3", "4"]);
    not_found(on.store.ingest(execution_id(), 0, 1, &[], &nothing).await);
}

async fn a_piece_of_the_journal_goes_in_once_however_many_try(on: Ground) {
    let (_, id) = on.running_card().await;
    let other = on.another_store(Default::default()).await;
    let mut readers = tokio::task::JoinSet::new();
    for n in 0..4 {
        let store = if n % 2 == 0 { on.store.clone() } else { other.clone() };
        readers.spawn(async move {
            // Each goes through the whole journal, and goes on wherever it has got to.
            let mut taken = 0;
            for piece in 0..40 {
                let row = [line(piece.to_string())];
                match store.ingest(id, piece * 10, piece * 10 + 10, &row, &Report::default()).await {
                    Ok(_) => taken += 1,
                    refused => drop(conflict(refused)),
                }
                // The next piece cannot be in before this one is; whoever was refused knows that it is.
                assert!(store.running_execution(id).await.unwrap().journal_offset >= piece * 10 + 10);
            }
            taken
        });
    }
    assert_eq!(readers.join_all().await.into_iter().sum::<i64>(), 40);
    let log = on.store.log(id, ALL, 100).await.unwrap();
    assert_eq!(contents(&log), (0..40).map(|piece| piece.to_string()).collect::<Vec<_>>());
}

async fn a_report_leaves_what_it_does_not_say(on: Ground) {
    let (_, id) = on.running_card().await;
    let report = async || on.store.running_execution(id).await.unwrap().report;
    let mut offset = 0;
    let mut say = async |said: Report| {
        on.store.ingest(id, offset, offset + 1, &[], &said).await.unwrap();
        offset += 1;
    };
    assert_eq!(report().await, Report::default());
    let session = Usage { session_id: Some("s-1".into()), model: Some("m".into()), ..Usage::default() };
    say(Report { usage: session.clone(), ..Report::default() }).await;
    assert_eq!(report().await, Report { usage: session.clone(), ..Report::default() });
    say(Report::default()).await;
    // Absent, there, absent, there again: Postgres must not mistake the cost's type.
    say(Report { usage: Usage { turns: Some(1), ..Usage::default() }, ..Report::default() }).await;
    say(Report { usage: Usage { cost_usd: Some(0.1), ..Usage::default() }, ..Report::default() }).await;
    let used = Usage { input_tokens: Some(3_000_000_000), output_tokens: Some(0), turns: Some(2), ..Usage::default() };
    say(Report { usage: used, result: Some("Done.".into()), succeeded: Some(false), digest: Some("0a".into()) }).await;
    say(Report { usage: Usage { cost_usd: Some(0.123456789), ..Usage::default() }, ..Report::default() }).await;
    let usage = Usage {
        turns: Some(2),
        input_tokens: Some(3_000_000_000),
        output_tokens: Some(0),
        cost_usd: Some(0.123456789),
        ..session
    };
    let expected = Report {
        usage: usage.clone(),
        result: Some("Done.".into()),
        succeeded: Some(false),
        digest: Some("0a".into()),
    };
    assert_eq!(report().await, expected);
    say(Report { succeeded: Some(true), ..Report::default() }).await;
    assert_eq!(report().await, Report { succeeded: Some(true), ..expected });
    assert_eq!(on.store.execution(id).await.unwrap().usage, usage);
}
