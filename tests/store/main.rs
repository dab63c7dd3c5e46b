//! The store's suite: every test runs on SQLite and on Postgres.

#[path = "../support/postgres.rs"]
mod postgres;

mod ground;

mod access;
mod cache;
mod cards;
mod concurrency;
mod database;
mod executions;
mod journal;
mod logs;
mod marks;
mod ownership;
mod projects;
mod purging;
mod repeats;
mod search;
mod usage;
mod workflow;

/// Makes two tests of each function: `sqlite::name` and `postgres::name`.
macro_rules! on_both_engines {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() {
                super::$name($crate::ground::Ground::sqlite().await).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() {
                super::$name($crate::ground::Ground::postgres().await).await;
            })+
        }
    };
}
use on_both_engines;
