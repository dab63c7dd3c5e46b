//! Bringing the schema up to date: all that is pending in one transaction, or nothing.
//!
//! Whoever calls makes a copy first (`server/keeping/opening.rs`).

use std::collections::BTreeSet;

use sqlx::AnyConnection;
use sqlx::migrate::{MigrateError, Migration, Migrator};

use super::catalog;
use super::connection::{Engine, Tx};
use super::{Store, Stored};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// Where the schema stands, in numbers of migrations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// In the database.
    pub applied: Vec<i64>,
    /// Known to this Cardume, and not in the database.
    pub pending: Vec<i64>,
    /// In the database, and not known to this Cardume: a newer one has worked with it.
    pub unknown: Vec<i64>,
}

impl Engine {
    fn migrator(self) -> &'static Migrator {
        match self {
            Self::Sqlite => &SQLITE,
            Self::Postgres => &POSTGRES,
        }
    }
}

impl Store {
    pub async fn schema(&self) -> Stored<Schema> {
        let engine = self.connection.engine;
        let applied = applied(&mut *self.reader().acquire().await?, engine).await?;
        let known = up(engine.migrator()).map(|migration| migration.version).collect::<BTreeSet<_>>();
        let there = applied.iter().copied().collect::<BTreeSet<_>>();
        Ok(Schema {
            pending: known.difference(&there).copied().collect(),
            unknown: there.difference(&known).copied().collect(),
            applied,
        })
    }

    /// Brings the schema up to date.
    pub async fn migrate(&self) -> Stored<()> {
        self.migrate_by(self.connection.engine.migrator()).await
    }

    /// The same by other migrations than Cardume's own. Where one fails, none of them has happened.
    pub async fn migrate_by(&self, migrations: &Migrator) -> Stored<()> {
        let mut tx = self.begin_write().await?;
        run(&mut tx, self.connection.engine, migrations, |_| true).await?;
        tx.commit().await
    }
}

/// Runs those of Cardume's migrations that are in `versions`; false where it does not know one of them.
pub(super) async fn run_exactly(tx: &mut Tx, engine: Engine, versions: &[i64]) -> Stored<bool> {
    let known = engine.migrator();
    if !versions.iter().all(|version| up(known).any(|migration| migration.version == *version)) {
        return Ok(false);
    }
    run(tx, engine, known, |migration| versions.contains(&migration.version)).await?;
    Ok(true)
}

async fn run(tx: &mut Tx, engine: Engine, migrations: &Migrator, is_wanted: impl Fn(&Migration) -> bool) -> Stored<()> {
    if engine == Engine::Postgres {
        // In place of sqlx's own lock, which would be let go of before the commit, and not at all after a failure.
        super::connection::lock_board(tx).await?;
    }
    let wanted = migrations.iter().filter(|migration| is_wanted(migration)).cloned().collect();
    let mut migrator = Migrator::with_migrations(wanted);
    migrator.set_locking(false);
    migrator.run_direct(None, &mut **tx, false).await.map_err(migration_error)?;
    Ok(())
}

pub(super) async fn applied(connection: &mut AnyConnection, engine: Engine) -> Stored<Vec<i64>> {
    if !catalog::has_migrations(connection, engine).await? {
        return Ok(vec![]);
    }
    Ok(sqlx::query_scalar("select version from _sqlx_migrations order by version").fetch_all(connection).await?)
}

fn up(migrator: &Migrator) -> impl Iterator<Item = &Migration> {
    migrator.iter().filter(|migration| !migration.migration_type.is_down_migration())
}

fn migration_error(error: MigrateError) -> sqlx::Error {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error,
        other => sqlx::Error::Migrate(Box::new(other)),
    }
}
