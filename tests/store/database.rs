//! The database itself: opening it, what it promises, and how it fails.

use std::path::Path;

use cardume::domain::*;
use cardume::server::store::{CacheLimits, Database, Store, StoreError};
use sqlx::Row;

use crate::ground::*;

crate::on_both_engines!(
    what_was_stored_is_there_after_opening_again,
    the_engine_tells_its_version,
    a_write_shows_that_writing_works,
    a_locked_database_is_unwritable_for_now,
    a_closed_store_answers_with_an_error,
    reading_after_a_cursor_uses_the_index,
);

async fn what_was_stored_is_there_after_opening_again(on: Ground) {
    let id = on.log_of(3).await;
    let before = (on.store.cards(None).await.unwrap(), on.store.log(id, ALL, 10).await.unwrap());
    on.store.close().await;
    let again = on.another_store(CacheLimits::default()).await;
    assert_eq!(before, (again.cards(None).await.unwrap(), again.log(id, ALL, 10).await.unwrap()));
    assert_eq!(again.append(id, &[line("4")]).await.unwrap(), 4);
}

async fn the_engine_tells_its_version(on: Ground) {
    let version = on.store.engine_version().await.unwrap();
    let (name, number) = version.split_once(' ').unwrap();
    assert_eq!(name, if on.is_postgres() { "PostgreSQL" } else { "SQLite" });
    assert!(number.starts_with(|first: char| first.is_ascii_digit()) && !number.contains(' '), "{version}");
}

async fn a_write_shows_that_writing_works(on: Ground) {
    for _ in 0..2 {
        on.store.check_writable(now()).await.unwrap();
    }
}

async fn a_locked_database_is_unwritable_for_now(on: Ground) {
    let begin = if on.is_postgres() { "begin" } else { "begin immediate" };
    let mut lock = on.raw.begin_with(begin).await.unwrap();
    if on.is_postgres() {
        sqlx::query("lock table heartbeats in exclusive mode").execute(&mut *lock).await.unwrap();
    }
    assert!(matches!(on.store.check_writable(now()).await, Err(StoreError::Unwritable(_))));
    assert_eq!(on.store.cards(None).await.unwrap(), [], "it can be read meanwhile");
    lock.rollback().await.unwrap();
    on.store.check_writable(now()).await.unwrap();
}

async fn a_closed_store_answers_with_an_error(on: Ground) {
    on.store.close().await;
    assert!(matches!(on.store.check_writable(now()).await, Err(StoreError::Unwritable(_))));
    assert!(on.store.cards(None).await.is_err());
}

/// So that it costs the same at 100 rows and at 1,000,000. `benches/store.rs` measures it.
async fn reading_after_a_cursor_uses_the_index(on: Ground) {
    // As the store asks; held to that by the search below.
    const QUERY: &str = "select sequence, logged_at, kind, content, partial from log_lines
         where execution_id = $1 and sequence >= $2 and sequence <= $3 order by sequence";
    assert!(include_str!("../../src/server/store/slices.rs").contains(QUERY));
    for _ in 0..3 {
        on.log_of(3000).await;
    }
    let id = on.log_of(3000).await;
    let plan = if on.is_postgres() {
        sqlx::query("analyze").execute(&on.raw).await.unwrap();
        explain(&on, &format!("explain {QUERY}"), id, 0).await
    } else {
        explain(&on, &format!("explain query plan {QUERY}"), id, 3).await
    };
    let index = if on.is_postgres() {
        "Index Scan using log_lines_pkey on log_lines"
    } else {
        "SEARCH log_lines USING INDEX sqlite_autoindex_log_lines_1 (execution_id=? AND sequence>? AND sequence<?)"
    };
    assert!(plan.starts_with(index), "{plan}");
    assert!(!plan.to_lowercase().contains("sort") && !plan.contains("TEMP B-TREE"), "{plan}");
}

async fn explain(on: &Ground, query: &str, id: ExecutionId, column: usize) -> String {
    let rows = sqlx::query(sqlx::AssertSqlSafe(query))
        .bind(id.to_string())
        .bind(2500_i64)
        .bind(2600_i64)
        .fetch_all(&on.raw)
        .await
        .unwrap();
    rows.iter().map(|row| row.get::<String, _>(column)).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn an_sqlite_path_may_hold_any_character() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("a b?mode=memory#c%20%zz'\"&;ü 🐟/..hidden");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("card ume?.db");
    let store = Store::open(&Database::Sqlite(path.clone()), CacheLimits::default()).await.unwrap();
    store.check_writable(now()).await.unwrap();
    assert!(path.is_file());
    store.close().await;
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "closed, its write-ahead log is folded in");
}

#[tokio::test]
async fn an_sqlite_file_that_cannot_be_made_is_an_error() {
    let path = Path::new("/nonexistent/folder/cardume.db").to_owned();
    assert!(matches!(
        Store::open(&Database::Sqlite(path), CacheLimits::default()).await,
        Err(StoreError::Unwritable(_))
    ));
}

#[tokio::test]
async fn a_postgres_that_is_not_there_is_said_at_once() {
    let url = "postgres://cardume@localhost/none?host=/nonexistent".to_owned();
    let began = std::time::Instant::now();
    assert!(matches!(
        Store::open(&Database::Postgres(url), CacheLimits::default()).await,
        Err(StoreError::Unwritable(_))
    ));
    assert!(began.elapsed().as_secs() < 5);
}
