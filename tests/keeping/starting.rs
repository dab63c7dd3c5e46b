//! A database that cannot be trusted is left as it is, and Cardume stops and says what to do.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cardume::server::config::ServeOptions;

use super::support::Server;
use super::{back_up, everything_in};

/// A server that has run a card and was stopped.
fn used() -> Server {
    let mut server = Server::start();
    let card = server.run_new_card("good");
    server.wait_for_stage(&card, "completed");
    assert_eq!(server.terminate().code(), Some(0));
    server
}

/// Fails to start with these words, and changes nothing in the data directory but its lock.
#[track_caller]
fn refuses(server: &Server, words: &[&str]) {
    let before = everything_in(&server.data_dir());
    let output =
        server.cardume(&["serve", "--addr", "127.0.0.1:0", "--data-dir"]).arg(server.data_dir()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.lines().count(), 1, "one message: {said}");
    for word in words {
        assert!(said.contains(word), "“{word}” is not in: {said}");
    }
    // SQLite makes an index, and an empty log, even where it only reads.
    let is_index = |path: &Path, content: &[u8]| {
        let path = path.to_string_lossy();
        path.ends_with("-shm") || path.ends_with("-wal") && content.is_empty()
    };
    let without_index = |files: Vec<(std::path::PathBuf, u32, Vec<u8>)>| {
        files.into_iter().filter(|(path, _, content)| !is_index(path, content)).collect::<Vec<_>>()
    };
    let (before, after) = (without_index(before), without_index(everything_in(&server.data_dir())));
    let changed = after.iter().filter(|file| !before.contains(file)).map(|(path, mode, _)| (path, mode));
    assert!(before == after, "something was changed: {:?}", changed.collect::<Vec<_>>());
}

fn database(server: &Server) -> std::path::PathBuf {
    server.data_dir().join("cardume.db")
}

#[test]
fn a_damaged_database_is_never_replaced_by_an_empty_one() {
    let mut server = used();
    let path = database(&server);
    let whole = fs::read(&path).unwrap();
    let path_shown = path.display().to_string();
    let restore = "cardume restore FILE --data-dir DIR";

    fs::write(&path, "this is no database, but somebody's notes\n".repeat(200)).unwrap();
    refuses(&server, &[&path_shown, "damaged", "not a database", restore]);

    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    refuses(&server, &[&path_shown, "damaged", restore]);

    fs::write(&path, &whole[..100]).unwrap();
    refuses(&server, &[&path_shown, "damaged", restore]);

    fs::write(&path, "").unwrap();
    refuses(&server, &[&path_shown, "empty", "executions", restore]);

    fs::remove_file(&path).unwrap();
    refuses(&server, &[&path_shown, "missing", "executions", restore]);
    assert!(!path.exists());

    fs::write(path.with_file_name("cardume.db-wal"), "what was committed last").unwrap();
    refuses(&server, &[&path_shown, "write-ahead log", restore]);
    fs::remove_file(path.with_file_name("cardume.db-wal")).unwrap();

    // A page in the middle, which only a look at every page finds.
    let mut torn = whole.clone();
    let middle = torn.len() / 4096 / 2 * 4096;
    torn[middle..middle + 4096].fill(0xa5);
    fs::write(&path, &torn).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    refuses(&server, &[&path_shown, "damaged", restore]);

    // And with the database as it was, all is as it was.
    fs::write(&path, &whole).unwrap();
    server.restart();
    assert_eq!(server.get("/api/cards").json()["cards"][0]["columnId"], "done");
}

#[test]
fn the_newest_backup_is_named() {
    let server = used();
    let dir = server.data_dir().join("backups");
    fs::create_dir(&dir).unwrap();
    let file = back_up(&server, "a.tar.zst", None);
    for day in ["20251120", "20251122", "20251121"] {
        fs::copy(&file, dir.join(format!("cardume-{day}T080000Z.tar.zst"))).unwrap();
    }
    fs::remove_file(database(&server)).unwrap();
    refuses(&server, &["cardume restore", "cardume-20251122T080000Z.tar.zst --data-dir"]);
}

#[test]
fn an_empty_postgres_does_not_take_the_place_of_a_lost_one() {
    let url = tokio::runtime::Runtime::new().unwrap().block_on(super::postgres::database());
    let server = used();
    let output = server
        .cardume(&["serve", "--addr", "127.0.0.1:0", "--database-url", &url, "--data-dir"])
        .arg(server.data_dir())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("Postgres") && said.contains("--database-url"), "{said}");
}

#[test]
fn a_new_data_directory_and_an_empty_file_in_it_are_no_trouble() {
    let preparation = Server::prepare();
    fs::create_dir_all(preparation.home().join("data")).unwrap();
    fs::write(preparation.home().join("data/cardume.db"), "").unwrap();
    let server = preparation.start();
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn all_that_is_kept_is_for_this_user_only() {
    let preparation =
        Server::prepare().agent("good", super::support::GOOD_AGENT).config("[backup]\nevery_hours = 0.0003\n");
    let data_dir = preparation.home().join("data");
    fs::create_dir_all(data_dir.join("executions")).unwrap();
    fs::write(data_dir.join("cardume.db"), "").unwrap();
    for (path, mode) in [("cardume.db", 0o644), ("executions", 0o777), ("", 0o755)] {
        fs::set_permissions(data_dir.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    let server = preparation.start();
    let card = server.run_new_card("good");
    server.wait_for_stage(&card, "completed");
    assert!(super::support::eventually(|| backups_in(&data_dir.join("backups")) > 0));
    for (path, mode, _) in everything_in(&data_dir) {
        let below = path.strip_prefix(&data_dir).unwrap();
        // What git and the agents made lies in a directory that nobody else can enter; the configuration is the user's.
        if below.starts_with("worktrees") && below.components().count() > 1 || below == Path::new("cardume.toml") {
            continue;
        }
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
    }
    assert_eq!(data_dir.metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

fn backups_in(dir: &Path) -> usize {
    let is_whole = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with("cardume-");
    fs::read_dir(dir).into_iter().flatten().flatten().filter(is_whole).count()
}

/// A large database is not looked at in full before the board is up, but while it is.
#[test]
fn a_large_database_is_looked_at_in_full_beside_the_work() {
    let mut server = used();
    let path = database(&server);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        use sqlx::Connection;
        let url = format!("sqlite:{}?mode=rw", path.display());
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(
            "create table filler (id integer primary key, data blob);
             with recursive n(i) as (values (1) union all select i + 1 from n where i < 30000)
             insert into filler select i, randomblob(3000) from n;",
        )
        .execute(&mut connection)
        .await
        .unwrap();
        connection.close().await.unwrap();
    });
    let mut bytes = fs::read(&path).unwrap();
    assert!(bytes.len() > 80 << 20);
    let middle = bytes.len() / 4096 / 2 * 4096;
    bytes[middle..middle + 4096].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let began = std::time::Instant::now();
    server.restart();
    assert!(began.elapsed().as_secs() < 3, "the board took {:?}", began.elapsed());
    assert!(super::support::eventually(|| server.get("/health").status == 503));
    let health = server.get("/health").json();
    assert!(health["reason"].as_str().unwrap().contains("damaged"), "{health}");
    assert!(server.own_log().contains("cardume restore"), "{}", server.own_log());
}

/// It looks before it makes anything.
#[test]
fn the_options_of_backup_are_those_of_serve() {
    let options = ServeOptions { data_dir: Some("/nonexistent/data".into()), ..ServeOptions::default() };
    let error = cardume::server::keeping::backup::run(Path::new("/nonexistent/file"), &options).err().unwrap();
    assert!(error.to_string().contains("there is no database at"), "{error:#}");
    assert!(!Path::new("/nonexistent").exists());
}
