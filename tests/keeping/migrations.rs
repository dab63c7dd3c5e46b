//! An update of the schema happens as a whole or not at all, behind a backup.

use cardume::domain::*;
use cardume::server::store::{CacheLimits, Database, Schema, Store};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyPool, SqlSafeStr};
use uuid::Uuid;

use super::support::Server;
use super::{Ground, restore};

super::on_both_engines!(
    a_migration_that_fails_takes_all_back_with_it,
    what_succeeds_is_there_and_a_newer_schema_is_told,
    two_servers_that_update_at_once_do_it_once,
);

fn ours(ground: &Ground) -> Vec<Migration> {
    static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
    static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");
    let migrator = if matches!(ground.database, Database::Postgres(_)) { &POSTGRES } else { &SQLITE };
    migrator.iter().cloned().collect()
}

fn with(ground: &Ground, more: &[(i64, &'static str)]) -> Migrator {
    let more = more.iter().map(|(version, sql)| {
        Migration::new(*version, "new".into(), MigrationType::Simple, (*sql).into_sql_str(), false)
    });
    Migrator::with_migrations(ours(ground).into_iter().chain(more).collect())
}

async fn a_project(store: &Store) -> Project {
    let id = ProjectId(Uuid::now_v7());
    let project = Project {
        id,
        name: "shoal".into(),
        path: "/shoal".into(),
        created_at: Timestamp::from_millis(1),
        mask_secrets: true,
    };
    store.insert_project(&project).await.unwrap();
    project
}

async fn a_migration_that_fails_takes_all_back_with_it(ground: Ground) {
    let store = Store::open(&ground.database, CacheLimits::default()).await.unwrap();
    let project = a_project(&store).await;
    let before = store.schema().await.unwrap();
    let failing = with(
        &ground,
        &[
            (9001, "create table added (id bigint); update projects set name = 'renamed'; drop table heartbeats"),
            (9002, "create table second (id bigint); insert into nowhere values (1)"),
        ],
    );
    for _ in 0..2 {
        let error = store.migrate_by(&failing).await.unwrap_err().to_string();
        assert!(error.contains("nowhere"), "{error}");
        assert_eq!(store.schema().await.unwrap(), before);
    }
    let raw = AnyPool::connect(&ground.url).await.unwrap();
    for table in ["added", "second"] {
        let query = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
        assert!(sqlx::query(query).fetch_one(&raw).await.is_err(), "{table} is there");
    }
    // And the Cardume of before goes on.
    store.check_writable(Timestamp::from_millis(2)).await.unwrap();
    store.close().await;
    let again = Store::open(&ground.database, CacheLimits::default()).await.unwrap();
    assert_eq!(again.projects().await.unwrap(), [project]);
}

async fn what_succeeds_is_there_and_a_newer_schema_is_told(ground: Ground) {
    let store = Store::connect(&ground.database, CacheLimits::default()).await.unwrap();
    let known: Vec<i64> = ours(&ground).iter().map(|migration| migration.version).collect();
    assert_eq!(store.schema().await.unwrap(), Schema { pending: known.clone(), ..Schema::default() });
    store.migrate().await.unwrap();
    assert_eq!(store.schema().await.unwrap(), Schema { applied: known.clone(), ..Schema::default() });
    store.migrate_by(&with(&ground, &[(9001, "create table added (id bigint)")])).await.unwrap();
    let schema = store.schema().await.unwrap();
    assert_eq!((schema.unknown, schema.pending), (vec![9001], vec![]));
}

async fn two_servers_that_update_at_once_do_it_once(ground: Ground) {
    let stores = futures::future::join_all((0..4).map(|_| Store::connect(&ground.database, CacheLimits::default())));
    let stores: Vec<Store> = stores.await.into_iter().map(Result::unwrap).collect();
    let migrated = futures::future::join_all(stores.iter().map(Store::migrate)).await;
    assert!(migrated.iter().all(Result::is_ok), "{migrated:?}");
}

/// A database as the first version left it, with one project.
fn old(ground: &Ground) {
    let first = Migrator::with_migrations(ours(ground).into_iter().take(1).collect());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = Store::connect(&ground.database, CacheLimits::default()).await.unwrap();
        store.migrate_by(&first).await.unwrap();
        // As that version wrote it.
        let raw = AnyPool::connect(&ground.url).await.unwrap();
        sqlx::query("insert into projects (id, name, path, created_at) values ($1, 'shoal', '/shoal', 1)")
            .bind(Uuid::now_v7().to_string())
            .execute(&raw)
            .await
            .unwrap();
        raw.close().await;
        store.close().await;
    });
}

fn an_update_is_made_behind_a_backup(ground: &Ground) {
    let preparation = Server::prepare();
    let data_dir = preparation.home().join("data");
    std::fs::create_dir_all(&data_dir).unwrap();
    let preparation = match &ground.database {
        Database::Sqlite(path) => {
            std::fs::copy(path, data_dir.join("cardume.db")).unwrap();
            preparation
        }
        Database::Postgres(url) => preparation.env("DATABASE_URL", url),
    };
    let server = preparation.start();
    assert_eq!(server.get("/api/projects").json()["projects"][0]["name"], "shoal");
    let backups: Vec<_> = std::fs::read_dir(data_dir.join("backups")).unwrap().flatten().collect();
    assert_eq!(backups.len(), 1, "{}", server.own_log());
    assert!(backups[0].file_name().to_string_lossy().ends_with("-before-update.tar.zst"));

    // The backup is of the old schema; restored, it is brought up to date as the original was.
    let restored = Server::prepare();
    let (done, said) = restore(&backups[0].path(), &restored.home().join("data"), None);
    assert!(done, "{said}");
    let restored = restored.start();
    assert_eq!(restored.get("/api/projects").json(), server.get("/api/projects").json());
}

#[test]
fn an_update_is_made_behind_a_backup_on_sqlite() {
    let ground = Ground::sqlite();
    old(&ground);
    an_update_is_made_behind_a_backup(&ground);
}

#[test]
fn an_update_is_made_behind_a_backup_on_postgres() {
    let ground = tokio::runtime::Runtime::new().unwrap().block_on(Ground::postgres());
    old(&ground);
    an_update_is_made_behind_a_backup(&ground);
}

#[test]
fn without_a_backup_there_is_no_update() {
    let ground = Ground::sqlite();
    old(&ground);
    let preparation = Server::prepare();
    let data_dir = preparation.home().join("data");
    std::fs::create_dir_all(&data_dir).unwrap();
    let Database::Sqlite(path) = &ground.database else { unreachable!() };
    std::fs::copy(path, data_dir.join("cardume.db")).unwrap();
    // A file where the directory should be.
    std::fs::write(data_dir.join("backups"), "").unwrap();
    let before = std::fs::read(data_dir.join("cardume.db")).unwrap();
    let output = super::support::clean_command(preparation.home())
        .args(["serve", "--addr", "127.0.0.1:0", "--data-dir"])
        .arg(&data_dir)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("nothing was changed") && said.contains("backups"), "{said}");
    assert_eq!(std::fs::read(data_dir.join("cardume.db")).unwrap(), before);
}

#[test]
fn a_database_of_a_newer_cardume_is_refused() {
    let ground = Ground::sqlite();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = Store::open(&ground.database, CacheLimits::default()).await.unwrap();
        store.migrate_by(&with(&ground, &[(9001, "create table added (id bigint)")])).await.unwrap();
        store.close().await;
    });
    let output = super::support::clean_command(ground.directory.path())
        .args(["serve", "--addr", "127.0.0.1:0", "--data-dir"])
        .arg(ground.directory.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("newer Cardume") && said.contains("9001"), "{said}");
}
