//! Whether anything was committed since one last looked, so that what is costly to read is read again only then.
//!
//! Both engines tell, whoever has written: SQLite counts for each connection the commits of the others
//! (<https://www.sqlite.org/pragma.html#pragma_data_version>), and two equal snapshots of Postgres see the same rows.

use std::sync::Arc;

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, ConnectOptions};
use tokio::sync::Mutex;

use super::{Store, Stored};

/// Names a moment of the database. Between two equal ones nothing was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark(String);

/// The connection whose counting is asked for, opened when it is first needed; it never writes.
#[derive(Clone)]
pub(super) struct Watcher {
    options: AnyConnectOptions,
    watch: Arc<Mutex<Watch>>,
}

#[derive(Default)]
struct Watch {
    connection: Option<AnyConnection>,
    /// Each connection counts from another number.
    opened: u64,
}

impl Watcher {
    pub fn new(options: AnyConnectOptions) -> Self {
        Self { options, watch: Arc::default() }
    }

    async fn mark(&self) -> Stored<Mark> {
        let mut watch = self.watch.lock().await;
        // One that fails, or is not waited for, is not asked again.
        let mut connection = match watch.connection.take() {
            Some(connection) => connection,
            None => {
                watch.opened += 1;
                self.options.connect().await?
            }
        };
        let version: i64 = sqlx::query_scalar("pragma data_version").fetch_one(&mut connection).await?;
        watch.connection = Some(connection);
        Ok(Mark(format!("{} {version}", watch.opened)))
    }

    pub async fn close(&self) {
        self.watch.lock().await.connection.take();
    }
}

impl Store {
    /// Names this moment. What is read after it is the same as long as the mark is.
    pub async fn mark(&self) -> Stored<Mark> {
        match &self.connection.watcher {
            Some(watcher) => watcher.mark().await,
            None => {
                let snapshot = sqlx::query_scalar("select cast(txid_current_snapshot() as text)");
                Ok(Mark(snapshot.fetch_one(self.reader()).await?))
            }
        }
    }
}
