//! The fault matrix: every row of the README's table “What survives what”, with the fault injected for real.
//!
//! `cargo test` tries each row once, briefly; `make faults ROUNDS=20 SEED=…` more often, with larger numbers. Everywhere
//! the same is asked ([`oracle`]): the rows are exactly the lines that the agent printed, in order, without gap or
//! duplicate, and a digest of what the supervisor saw equals one of the rows.

#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../support/server.rs"]
mod support;

mod locked_database;
mod many_supervisors;
mod oracle;
mod power_loss;
mod removed_journals;
mod restarted_machine;
mod rounds;
mod scenes;
mod scribe;
mod table;
mod versions;

mod clock;
mod contention;
mod crash_points;
mod damaged_journal;
mod deleted;
mod full_disk;
mod git_crashes;
mod git_interrupted;
mod git_strays;
mod gone_project;
mod hung_agent;
mod journal_reader;
mod killed_server;
mod killed_supervisor;
mod lost_acknowledgement;
mod lying_agents;
mod no_files;
mod postgres_away;
mod second_server;

/// Makes two tests of each row: `sqlite::name` and `postgres::name`.
macro_rules! on_both_databases {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test]
            fn $name() {
                crate::rounds::run(stringify!($name), crate::rounds::Database::Sqlite, super::$name);
            })+
        }
        mod postgres {
            $(#[test]
            fn $name() {
                crate::rounds::run(stringify!($name), crate::rounds::Database::Postgres, super::$name);
            })+
        }
    };
}
use on_both_databases;

/// Makes a test of each row on SQLite alone: the database has no part in it.
macro_rules! on_sqlite {
    ($($name:ident),+ $(,)?) => {
        mod sqlite_only {
            $(#[test]
            fn $name() {
                crate::rounds::run(stringify!($name), crate::rounds::Database::Sqlite, super::$name);
            })+
        }
    };
}
use on_sqlite;

/// Makes a test of each row on Postgres alone: SQLite has no connection to be cut.
macro_rules! on_postgres {
    ($($name:ident),+ $(,)?) => {
        mod postgres_only {
            $(#[test]
            fn $name() {
                crate::rounds::run(stringify!($name), crate::rounds::Database::Postgres, super::$name);
            })+
        }
    };
}
use on_postgres;
