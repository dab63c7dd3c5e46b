//! Searching logs.

use cardume::domain::*;
use cardume::server::store::{NewLine, Query};
use sqlx::AssertSqlSafe;

use crate::ground::*;

crate::on_both_engines!(
    a_search_finds_the_same_before_and_after_indexing,
    a_search_goes_on_where_the_last_one_ended,
    very_long_rows_are_found_a_few_at_a_time,
    case_accents_and_the_ends_of_words_do_not_matter,
    only_full_pages_of_a_running_log_are_indexed,
    what_is_searched_for_is_never_a_language,
    all_logs_are_searched_the_newest_first,
    a_deleted_card_is_no_longer_found,
    pages_with_too_many_words_are_looked_at_all_the_same,
    a_packed_log_is_searched,
    very_long_rows_are_indexed,
    two_who_index_do_not_index_twice,
);

fn query(text: &str) -> Query {
    Query::parse(text).unwrap()
}

async fn index_all(on: &Ground, id: ExecutionId) -> usize {
    let mut steps = 0;
    while on.store.index_next(id).await.unwrap() {
        steps += 1;
    }
    steps
}

async fn found(on: &Ground, id: ExecutionId, text: &str) -> Vec<i64> {
    let matches = on.store.search_log(id, &query(text), 0, 1000).await.unwrap();
    assert!(!matches.more, "{matches:?}");
    matches.matches.iter().map(|found| found.line.sequence).collect()
}

async fn end(on: &Ground, id: ExecutionId) {
    on.store.finish(id, &failure(ExecutionStatus::Error), execution_id(), now()).await.unwrap();
}

/// An execution whose rows are made by `content`.
async fn log_with(on: &Ground, rows: i64, content: impl Fn(i64) -> String) -> ExecutionId {
    let (_, id) = on.running_card().await;
    let lines: Vec<NewLine> = (1..=rows).map(|n| line(content(n))).collect();
    on.store.append(id, &lines).await.unwrap();
    id
}

async fn a_search_finds_the_same_before_and_after_indexing(on: Ground) {
    let id =
        log_with(&on, 3000, |n| format!("row {n} of the shoal{}", if n % 700 == 0 { ", a needle" } else { "" })).await;
    let expected = [700, 1400, 2100, 2800];
    assert_eq!(found(&on, id, "needle").await, expected);
    assert_eq!(found(&on, id, "2100").await, [2100]);
    end(&on, id).await;
    assert!(index_all(&on, id).await >= 2);
    assert_eq!(on.store.unindexed(10).await.unwrap(), []);
    assert_eq!(found(&on, id, "needle").await, expected);
    assert_eq!(found(&on, id, "needle 1400").await, [1400]);
    assert_eq!(found(&on, id, "needle 1401").await, [0; 0]);
    assert_eq!(found(&on, id, "work").await, [3001], "the row that the end added");
    // Rows that were there before the search began are all looked at: nothing is found that is not.
    let all = on.store.search_log(id, &query("row"), 0, 5000).await.unwrap();
    assert_eq!((all.matches.len(), all.searched_to, all.more), (3000, 3001, false));
}

async fn a_search_goes_on_where_the_last_one_ended(on: Ground) {
    let id = log_with(&on, 2000, |n| format!("line {n}{}", if n % 3 == 0 { " three" } else { "" })).await;
    for is_indexed in [false, true] {
        if is_indexed {
            index_all(&on, id).await;
        }
        let (mut sequences, mut after) = (vec![], 0);
        loop {
            let piece = on.store.search_log(id, &query("three"), after, 100).await.unwrap();
            assert!(piece.matches.len() <= 100 && piece.searched_to >= after);
            sequences.extend(piece.matches.iter().map(|found| found.line.sequence));
            after = piece.searched_to;
            if !piece.more {
                break;
            }
        }
        assert_eq!(sequences, (1..=2000).filter(|n| n % 3 == 0).collect::<Vec<_>>());
        assert_eq!(after, 2000);
    }
    // A log with more pages than one search looks at.
    let long = log_with(&on, 0, |_| String::new()).await;
    for start in 0..25 {
        let lines: Vec<NewLine> =
            (0..5000).map(|n| line(if n == 4999 { format!("end {start}") } else { "x".into() })).collect();
        on.store.append(long, &lines).await.unwrap();
    }
    let piece = on.store.search_log(long, &query("end"), 0, 1000).await.unwrap();
    assert_eq!((piece.matches.len(), piece.searched_to, piece.more), (20, 100_000, true));
    let rest = on.store.search_log(long, &query("end"), piece.searched_to, 1000).await.unwrap();
    assert_eq!((rest.matches.len(), rest.searched_to, rest.more), (5, 125_000, false));
}

async fn very_long_rows_are_found_a_few_at_a_time(on: Ground) {
    let id = log_with(&on, 60, |n| format!("needle {n} {}", "x ".repeat(100_000))).await;
    let (mut sequences, mut after, mut pieces) = (vec![], 0, 0);
    loop {
        let piece = on.store.search_log(id, &query("needle"), after, 1000).await.unwrap();
        let bytes: usize = piece.matches.iter().map(|found| found.line.content.len()).sum();
        assert!(bytes < (4 << 20) + LogLine::CONTENT_MAX_BYTES, "{bytes}");
        sequences.extend(piece.matches.iter().map(|found| found.line.sequence));
        (after, pieces) = (piece.searched_to, pieces + 1);
        if !piece.more {
            break;
        }
    }
    assert_eq!((sequences, pieces), ((1..=60).collect::<Vec<_>>(), 3));
}

async fn case_accents_and_the_ends_of_words_do_not_matter(on: Ground) {
    let contents = ["Ação concluída em src/Main.rs", "nothing here", "a\u{301}gua; EXIT_CODE=7", "魚群が来る"];
    let id = log_with(&on, 4, |n| contents[n as usize - 1].into()).await;
    end(&on, id).await;
    for is_indexed in [false, true] {
        if is_indexed {
            index_all(&on, id).await;
        }
        for (text, rows) in [
            ("acao", vec![1]),
            ("AÇÃO concl", vec![1]),
            ("main.rs", vec![1]),
            ("agua", vec![3]),
            ("exit code", vec![3]),
            ("ode", vec![]),
            ("群", vec![4]),
            ("魚群", vec![4]),
        ] {
            assert_eq!(found(&on, id, text).await, rows, "{text}, indexed: {is_indexed}");
        }
    }
    let matches = on.store.search_log(id, &query("concluida acao"), 0, 10).await.unwrap().matches;
    let marked: Vec<&str> =
        matches[0].ranges.iter().map(|(from, to)| &matches[0].line.content[*from as usize..*to as usize]).collect();
    assert_eq!(marked, ["Ação", "concluída"]);
}

async fn only_full_pages_of_a_running_log_are_indexed(on: Ground) {
    let id = log_with(&on, 600, |n| format!("w{n}")).await;
    assert_eq!(on.store.unindexed(10).await.unwrap(), [(id, 600)]);
    assert_eq!(index_all(&on, id).await, 1);
    assert_eq!(on.store.unindexed(10).await.unwrap(), []);
    on.store.append(id, &[line("late")]).await.unwrap();
    assert_eq!(found(&on, id, "w500").await, [500]);
    assert_eq!(found(&on, id, "w600").await, [600]);
    assert_eq!(found(&on, id, "late").await, [601]);
    end(&on, id).await;
    assert_eq!(on.store.unindexed(10).await.unwrap(), [(id, 602)]);
    assert_eq!(index_all(&on, id).await, 1);
    assert_eq!(found(&on, id, "late").await, [601]);
    assert_eq!(found(&on, id, "w600").await, [600]);
}

async fn what_is_searched_for_is_never_a_language(on: Ground) {
    let id = log_with(&on, 2, |n| format!("a OR b {n} NEAR c")).await;
    end(&on, id).await;
    index_all(&on, id).await;
    for text in
        ["a\" OR \"b", "a*", "NEAR(a b)", "'a' & !b", "a:b", "{a}", "a\\ b", "a -b", "^a", "a <-> b", "a) OR (b"]
    {
        let words = found(&on, id, text).await;
        assert!(words.is_empty() || words == [1, 2], "{text}: {words:?}");
    }
    assert!(Query::parse("\"'*()").is_none());
}

async fn all_logs_are_searched_the_newest_first(on: Ground) {
    let mut ids = vec![];
    for n in 0..5 {
        let id = log_with(&on, 300, |row| if row % 100 == 1 { format!("needle {n}") } else { "hay".into() }).await;
        if n < 3 {
            end(&on, id).await;
            index_all(&on, id).await;
        }
        ids.push(id);
    }
    let all = on.store.search_all(&query("needle")).await.unwrap();
    let mut order: Vec<ExecutionId> = all.iter().map(|(id, _)| *id).collect();
    assert_eq!(order[2..], [ids[2], ids[1], ids[0]]);
    order.sort();
    ids.sort();
    assert_eq!(order, ids);
    for (_, matches) in &all {
        assert_eq!(matches.iter().map(|found| found.line.sequence).collect::<Vec<_>>(), [1, 101, 201]);
    }
    assert_eq!(on.store.search_all(&query("needle 3")).await.unwrap().len(), 1);
    assert_eq!(on.store.search_all(&query("pitchfork")).await.unwrap().len(), 0);
}

async fn a_deleted_card_is_no_longer_found(on: Ground) {
    let (card, id) = on.running_card().await;
    on.store.append(id, &[line("needle")]).await.unwrap();
    end(&on, id).await;
    index_all(&on, id).await;
    assert_eq!(on.store.search_all(&query("needle")).await.unwrap().len(), 1);
    on.store.purge_card(card, now()).await.unwrap();
    assert_eq!(on.store.search_all(&query("needle")).await.unwrap().len(), 0);
    on.purge_all().await;
    let mut tables = vec!["search_progress", "search_pages"];
    if !on.is_postgres() {
        tables.push("search_words");
    }
    for table in tables {
        let left: i64 = sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from {table}")))
            .fetch_one(&on.raw)
            .await
            .unwrap();
        assert_eq!(left, 0, "{table}");
    }
    not_found(on.store.search_log(id, &query("needle"), 0, 10).await);
    not_found(on.store.index_next(id).await);
}

async fn pages_with_too_many_words_are_looked_at_all_the_same(on: Ground) {
    let id = log_with(&on, 50, |n| (0..1000).map(|word| format!("w{n}x{word} ")).collect()).await;
    end(&on, id).await;
    index_all(&on, id).await;
    assert_eq!(found(&on, id, "w49x999").await, [49]);
    assert_eq!(on.store.search_all(&query("w49x999")).await.unwrap().len(), 1);
    assert_eq!(on.store.search_all(&query("w51x1")).await.unwrap().len(), 0);
}

async fn a_packed_log_is_searched(on: Ground) {
    let id = log_with(&on, 1500, |n| format!("row {n}")).await;
    end(&on, id).await;
    for is_indexed in [false, true] {
        while on.store.pack_next(id).await.unwrap() {}
        assert_eq!(found(&on, id, "1234").await, [1234]);
        if !is_indexed {
            index_all(&on, id).await;
        }
    }
}

async fn very_long_rows_are_indexed(on: Ground) {
    let (_, id) = on.running_card().await;
    for n in 0..300 {
        let content = format!("{}{} needle{n}", "x".repeat(LogLine::CONTENT_MAX_BYTES - 20), " ");
        on.store.append(id, &[line(content)]).await.unwrap();
    }
    end(&on, id).await;
    assert!(index_all(&on, id).await >= 2);
    assert_eq!(found(&on, id, "needle7").await, [8, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80]);
}

async fn two_who_index_do_not_index_twice(on: Ground) {
    let id = log_with(&on, 5000, |n| format!("row {n}")).await;
    let other = on.store.clone();
    let both = tokio::join!(on.store.index_next(id), other.index_next(id));
    for one in [both.0, both.1] {
        if let Err(error) = one {
            conflict::<bool>(Err(error));
        }
    }
    index_all(&on, id).await;
    assert_eq!(found(&on, id, "4321").await, [4321]);
}
