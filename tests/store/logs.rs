//! Adding rows to a log and reading them after a cursor.

use cardume::domain::*;
use cardume::server::store::NewLine;

use crate::ground::*;

crate::on_both_engines!(
    append_keeps_sequences_consecutive,
    logs_come_back_in_order,
    a_row_comes_back_as_it_went_in,
    every_slice_reads_its_rows,
    a_log_tells_of_its_execution,
    big_rows_and_any_unicode_come_back,
    nul_becomes_the_replacement_character_in_logs,
    a_batch_larger_than_a_statement_is_one_append,
    nothing_is_added_once_the_log_is_complete,
    a_log_that_can_still_grow_is_not_complete,
    appending_nothing_changes_nothing,
    last_lines_are_those_of_the_running_cards,
    an_answer_is_bounded_in_bytes_and_the_next_one_goes_on,
);

/// Both ways to read must answer the same.
async fn read(on: &Ground, id: ExecutionId, slice: LogSlice, limit: i64) -> ExecutionLog {
    let cached = on.store.log(id, slice, limit).await.unwrap();
    assert_eq!(cached, on.store.log_uncached(id, slice, limit).await.unwrap(), "{slice:?} {limit}");
    assert_eq!(cached, on.store.log(id, slice, limit).await.unwrap(), "a second time, {slice:?} {limit}");
    cached
}

async fn an_answer_is_bounded_in_bytes_and_the_next_one_goes_on(on: Ground) {
    let (_, id) = on.running_card().await;
    let big = line("x".repeat(LogLine::CONTENT_MAX_BYTES));
    let rows = 300;
    for _ in 0..rows / 50 {
        on.store.append(id, &vec![big.clone(); 50]).await.unwrap();
    }
    let (mut seen, mut answers) = (vec![], 0);
    while seen.len() < rows {
        let log = read(&on, id, LogSlice::After(seen.len() as i64), 5000).await;
        assert!(!log.logs.is_empty() && log.logs.len() <= 16, "{}", log.logs.len());
        seen.extend(sequences(&log));
        answers += 1;
    }
    assert_eq!((seen, answers), ((1..=rows as i64).collect(), 19), "4 MiB each");
    let tail = sequences(&read(&on, id, LogSlice::Tail, 5000).await);
    assert_eq!(tail, (rows as i64 - 15..=rows as i64).collect::<Vec<_>>());
    assert_eq!(sequences(&read(&on, id, LogSlice::Before(3), 5000).await), [1, 2]);
    // A row in the middle has its share of both sides.
    assert_eq!(sequences(&read(&on, id, LogSlice::Around(200), 500).await), (192..=207).collect::<Vec<_>>());
    assert_eq!(sequences(&read(&on, id, LogSlice::Around(200), 3).await), [199, 200, 201]);
    assert_eq!(sequences(&read(&on, id, LogSlice::Around(1), 500).await), (1..=16).collect::<Vec<_>>());
    assert_eq!(sequences(&read(&on, id, LogSlice::Around(9999), 500).await), (285..=300).collect::<Vec<_>>());

    // Short rows between long ones: the bound is in bytes, and a row that is longer than it comes alone.
    let (_, id) = on.running_card().await;
    let wide = line("y".repeat(3 * 1024 * 1024));
    let giant = line("z".repeat(5 * 1024 * 1024));
    on.store.append(id, &[line("a"), wide.clone(), wide, line("b"), giant, line("c")]).await.unwrap();
    let mut answers = vec![];
    while answers.iter().map(Vec::len).sum::<usize>() < 6 {
        let after = answers.iter().map(Vec::len).sum::<usize>() as i64;
        answers.push(sequences(&read(&on, id, LogSlice::After(after), 500).await));
    }
    assert_eq!(answers, [vec![1, 2], vec![3, 4], vec![5], vec![6]]);
    assert_eq!(sequences(&read(&on, id, LogSlice::Before(6), 500).await), [5]);
    assert_eq!(sequences(&read(&on, id, LogSlice::Before(5), 500).await), [3, 4]);
    assert_eq!(sequences(&read(&on, id, LogSlice::Around(5), 500).await), [5]);
}

async fn append_keeps_sequences_consecutive(on: Ground) {
    let ((_, one), (_, other)) = (on.running_card().await, on.running_card().await);
    let mut expected = 0;
    for size in [1, 3, 1, 250, 7, 1] {
        expected += size;
        assert_eq!(on.store.append(one, &numbered(1..=size)).await.unwrap(), expected);
        on.store.append(other, &[line("between")]).await.unwrap();
    }
    let log = read(&on, one, ALL, 5000).await;
    assert_eq!(sequences(&log), (1..=expected).collect::<Vec<_>>());
    assert_eq!(log.last_sequence, expected);
    assert_eq!(sequences(&read(&on, other, ALL, 5000).await), [1, 2, 3, 4, 5, 6]);
    not_found(on.store.append(execution_id(), &[line("nobody's")]).await);
    not_found(on.store.log(execution_id(), ALL, 1).await);
}

async fn logs_come_back_in_order(on: Ground) {
    let (_, id) = on.running_card().await;
    // Times run backwards and contents sort otherwise: the order is that in which the rows were taken in.
    for (n, content) in ["z", "a", "m", "b", "y"].into_iter().enumerate() {
        let timestamp = Timestamp::from_millis(1000 - n as i64);
        on.store.append(id, &[NewLine { timestamp, ..line(content) }]).await.unwrap();
    }
    assert_eq!(contents(&read(&on, id, ALL, 10).await), ["z", "a", "m", "b", "y"]);
    assert_eq!(contents(&read(&on, id, LogSlice::Tail, 2).await), ["b", "y"]);
}

async fn a_row_comes_back_as_it_went_in(on: Ground) {
    let (_, id) = on.running_card().await;
    let kinds = [LogType::Info, LogType::Text, LogType::Tool, LogType::Result, LogType::Error, LogType::Stderr];
    let lines: Vec<NewLine> =
        kinds.into_iter().map(|kind| NewLine { kind, partial: kind == LogType::Tool, ..line("x") }).collect();
    on.store.append(id, &lines).await.unwrap();
    let expected: Vec<LogLine> = lines
        .into_iter()
        .zip(1..)
        .map(|(NewLine { timestamp, kind, content, partial }, sequence)| LogLine {
            sequence,
            timestamp,
            kind,
            content,
            partial,
        })
        .collect();
    assert_eq!(read(&on, id, ALL, 10).await.logs, expected);
}

async fn every_slice_reads_its_rows(on: Ground) {
    let id = on.log_of(1203).await;
    for slice in [0, 1, 249, 250, 251, 499, 500, 700, 1202, 1203, 1204, i64::MAX - 1, -5]
        .into_iter()
        .flat_map(|n| [LogSlice::After(n), LogSlice::Before(n), LogSlice::Around(n)])
        .chain([LogSlice::Tail])
    {
        for limit in [1, 250, 251, 500, 5000] {
            let (start, end) = slice.range(limit, 1203);
            let log = read(&on, id, slice, limit).await;
            assert_eq!(sequences(&log), (start..=end).collect::<Vec<_>>(), "{slice:?} {limit}");
            assert!(log.logs.iter().all(|line| line.content == line.sequence.to_string()));
            assert_eq!(log.last_sequence, 1203);
        }
    }
    assert_eq!(read(&on, id, ALL, 0).await.logs.len(), 1, "a limit is at least 1");
    assert_eq!(read(&on, id, ALL, i64::MAX).await.logs.len(), 1203);
    on.store.append(id, &numbered(1204..=6000)).await.unwrap();
    assert_eq!(read(&on, id, ALL, i64::MAX).await.logs.len(), 5000, "and at most 5000");
}

async fn a_log_tells_of_its_execution(on: Ground) {
    let (card, id) = on.running_card().await;
    let log = read(&on, id, ALL, 10).await;
    assert_eq!((log.logs.len(), log.last_sequence, log.complete), (0, 0, false));
    on.store.finish(id, &failure(ExecutionStatus::Error), execution_id(), now()).await.unwrap();
    let execution = on.store.execution(id).await.unwrap();
    let log = read(&on, id, LogSlice::After(1), 10).await;
    let expected = ExecutionLog {
        card_id: card,
        execution_id: id,
        status: ExecutionStatus::Error,
        command: Command::Plan,
        workflow_stage: WorkflowStage::Error,
        workflow_error: Some("The agent went away.".into()),
        started_at: execution.started_at,
        completed_at: execution.completed_at,
        result: None,
        exit_code: Some(1),
        logs: vec![],
        last_sequence: 1,
        complete: true,
    };
    assert_eq!(log, expected);
}

async fn big_rows_and_any_unicode_come_back(on: Ground) {
    let (_, id) = on.running_card().await;
    let rows = [
        "x".repeat(300_000),
        "🐟".repeat(70_000),
        "\\\"'{}[]$1%s\u{1}\u{1f}\u{7f}\t\r\n".repeat(3),
        "e\u{301} \u{202e}rtl\u{202c} \u{fffd}\u{10ffff}\u{feff}".into(),
        String::new(),
        " ".into(),
        "null".into(),
        "12.50".into(),
    ];
    on.store.append(id, &rows.clone().map(line)).await.unwrap();
    assert_eq!(contents(&read(&on, id, ALL, 100).await), rows.each_ref().map(|row| row.as_str()));
}

async fn nul_becomes_the_replacement_character_in_logs(on: Ground) {
    let (_, id) = on.running_card().await;
    // The first append is read into the cache, which the second one then makes longer.
    for _ in 0..2 {
        on.store.append(id, &[line("a\0b\0")]).await.unwrap();
        assert_eq!(read(&on, id, LogSlice::Tail, 1).await.logs[0].content, "a\u{fffd}b\u{fffd}");
    }
}

async fn a_batch_larger_than_a_statement_is_one_append(on: Ground) {
    let (_, id) = on.running_card().await;
    assert_eq!(on.store.append(id, &numbered(1..=2500)).await.unwrap(), 2500);
    let big: Vec<NewLine> = (0..40).map(|n| line(n.to_string().repeat(130_000))).collect();
    assert_eq!(on.store.append(id, &big).await.unwrap(), 2540);
    let mut lines = read(&on, id, LogSlice::After(2500), 5000).await.logs;
    while lines.len() < 40 {
        lines.extend(read(&on, id, LogSlice::After(2500 + lines.len() as i64), 5000).await.logs);
    }
    assert_eq!(lines.iter().map(|line| line.sequence).collect::<Vec<_>>(), (2501..=2540).collect::<Vec<_>>());
    assert!(lines.iter().zip(&big).all(|(read, written)| read.content == written.content));
}

async fn nothing_is_added_once_the_log_is_complete(on: Ground) {
    let id = on.log_of(2).await;
    on.store.finish(id, &success(), execution_id(), now()).await.unwrap();
    conflict(on.store.append(id, &[line("too late")]).await);
    conflict(on.store.ingest(id, 0, 5, &[line("too late")], &Default::default()).await);
    let log = read(&on, id, ALL, 10).await;
    assert_eq!((log.last_sequence, log.logs.len(), log.complete), (2, 2, true));
}

async fn a_log_that_can_still_grow_is_not_complete(on: Ground) {
    let (card, idle) = (on.card().await, execution_id());
    on.store.set_workflow_state(card, WorkflowStage::Testing, None, idle, now()).await.unwrap();
    let log = read(&on, idle, ALL, 10).await;
    assert_eq!((log.status, log.complete, log.completed_at), (ExecutionStatus::Idle, false, None));
    on.store.append(idle, &[line("later")]).await.unwrap();
    assert_eq!(contents(&read(&on, idle, ALL, 10).await), ["later"]);
    // Of every status: either the log is complete, or it takes rows.
    for status in [ExecutionStatus::Success, ExecutionStatus::Error, ExecutionStatus::Cancelled, ExecutionStatus::Lost]
    {
        on.store.update_status(idle, status, None, None, now()).await.unwrap();
        assert!(read(&on, idle, ALL, 10).await.complete, "{status}");
        conflict(on.store.append(idle, &[line("too late")]).await);
    }
    on.store.update_status(idle, ExecutionStatus::Idle, None, None, now()).await.unwrap();
    let execution = on.store.execution(idle).await.unwrap();
    assert_eq!((execution.completed_at, read(&on, idle, ALL, 10).await.complete), (None, false));
}

async fn appending_nothing_changes_nothing(on: Ground) {
    let id = on.log_of(2).await;
    assert_eq!(on.store.append(id, &[]).await.unwrap(), 2);
    assert_eq!(read(&on, id, ALL, 10).await.logs.len(), 2);
}

async fn last_lines_are_those_of_the_running_cards(on: Ground) {
    assert_eq!(on.store.last_lines().await.unwrap(), []);
    let (first, one) = on.running_card().await;
    on.store.append(one, &numbered(1..=3)).await.unwrap();
    let (second, other) = on.running_card().await;
    on.store.append(other, &[line("only")]).await.unwrap();
    on.running_card().await;
    let (_, ended) = on.running_card().await;
    on.store.finish(ended, &failure(ExecutionStatus::Error), execution_id(), now()).await.unwrap();
    let lines = on.store.last_lines().await.unwrap();
    let seen: Vec<_> = lines.iter().map(|(card, line)| (*card, line.sequence, line.content.as_str())).collect();
    assert_eq!(seen, [(first, 3, "3"), (second, 1, "only")]);
    on.store.append(other, &[line("é".repeat(100_000))]).await.unwrap();
    let lines = on.store.last_lines().await.unwrap();
    assert_eq!(lines[1].1.content, "é".repeat(1000), "a board is not the place for all of a long row");
}
