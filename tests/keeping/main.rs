//! What is kept stays: the look before a start, updates of the schema, backups and their restoration, compression, and
//! the removal of journals. On both engines where they differ; with real servers and real agents where it matters.

#[path = "../support/filled.rs"]
mod filled;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../support/server.rs"]
mod support;

mod backing_up;
mod damaged_backups;
mod doctor;
mod journals;
mod migrations;
mod packing;
mod purging;
mod restoring;
mod starting;

use std::path::{Path, PathBuf};

use cardume::server::store::Database;
use serde_json::Value;
use support::Server;
use tempfile::TempDir;

/// Prints numbered lines while `$HOME/hold` is there, then does the stage's work; notes its process in `$HOME/pids`.
const WRITING_AGENT: &str = r##"
n=0
echo "$$" >> "$HOME/pids"
while [ -e "$HOME/hold" ]; do n=$((n+1)); echo "line $n of $CARDUME_EXECUTION_ID"; sleep 0.004; done
cat > /dev/null
case "$CARDUME_STAGE" in
    plan) mkdir -p specs && echo "# The plan of $CARDUME_EXECUTION_ID" > specs/plan.md ;;
    implement) echo "a line" >> work.txt ;;
esac
echo "did $CARDUME_STAGE"
"##;

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

/// What the agent printed, of all the rows.
fn printed(rows: &[Value]) -> Vec<&str> {
    rows.iter().filter(|row| row["type"] == "text").map(|row| row["content"].as_str().unwrap()).collect()
}

/// Runs `cardume backup FILE` on the server's data; answers the file.
fn back_up(server: &Server, name: &str, database_url: Option<&str>) -> PathBuf {
    let file = server.home().join(name);
    let mut command = server.cardume(&["backup"]);
    command.arg(&file).arg("--data-dir").arg(server.data_dir());
    if let Some(url) = database_url {
        command.args(["--database-url", url]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    file
}

/// Runs `cardume restore`; answers whether it did, and all that it said.
fn restore(file: &Path, data_dir: &Path, database_url: Option<&str>) -> (bool, String) {
    let mut command = support::clean_command(data_dir.parent().unwrap());
    command.arg("restore").arg(file).arg("--data-dir").arg(data_dir);
    if let Some(url) = database_url {
        command.args(["--database-url", url]);
    }
    let output = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), said)
}

/// Everything below a directory: paths, modes and contents.
fn everything_in(dir: &Path) -> Vec<(PathBuf, u32, Vec<u8>)> {
    use std::os::unix::fs::PermissionsExt;
    let mut found = vec![];
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            let metadata = entry.metadata().unwrap();
            let content = if metadata.is_file() { std::fs::read(entry.path()).unwrap() } else { vec![] };
            found.push((entry.path(), metadata.permissions().mode(), content));
            if metadata.is_dir() {
                open.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

/// An empty database of either engine.
struct Ground {
    database: Database,
    /// For connections round the store; the SQLite file is made by the store.
    url: String,
    directory: TempDir,
}

impl Ground {
    fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cardume.db");
        Self { url: format!("sqlite:{}?mode=rw", path.display()), database: Database::Sqlite(path), directory }
    }

    async fn postgres() -> Self {
        let url = postgres::database().await;
        Self { database: Database::Postgres(url.clone()), url, directory: tempfile::tempdir().unwrap() }
    }
}

/// Makes two tests of each function: `sqlite::name` and `postgres::name`.
macro_rules! on_both_engines {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() {
                super::$name($crate::Ground::sqlite()).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() {
                super::$name($crate::Ground::postgres().await).await;
            })+
        }
    };
}
use on_both_engines;
