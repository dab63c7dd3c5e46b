//! Exit statuses, wrong usage, and what is said where nothing works.

use std::process::Command;

use crate::server::{Server, clean_command};

fn home() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Runs it; answers exit status, stdout and stderr.
pub fn ended(mut command: Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A failure is exit status 1 and one line on stderr.
#[track_caller]
pub fn fails(command: Command) -> String {
    let (status, stdout, stderr) = ended(command);
    assert_eq!((status, &*stdout), (1, ""), "{stderr}");
    assert!(stderr.starts_with("cardume: ") && stderr.trim_end().lines().count() == 1, "{stderr:?}");
    stderr
}

#[test]
fn wrong_usage_is_exit_status_2() {
    let home = home();
    for arguments in [
        &["frobnicate"][..],
        &["serve", "--addr", "nonsense"],
        &["run", "--project", "x"],
        &["run", "--title", "x"],
        &["cards", "extra"],
        &["logs"],
        &[],
    ] {
        let mut command = clean_command(home.path());
        command.args(arguments);
        let (status, stdout, stderr) = ended(command);
        assert_eq!((status, stdout), (2, String::new()), "{arguments:?}");
        assert!(!stderr.is_empty(), "{arguments:?}");
    }
    let mut help = clean_command(home.path());
    help.arg("--help");
    let (status, stdout, _) = ended(help);
    assert_eq!(status, 0);
    for command in ["serve", "run", "cards", "logs", "cancel", "retry", "doctor"] {
        assert!(stdout.contains(command), "{stdout}");
    }
    assert!(!stdout.contains("supervise"), "{stdout}");
}

#[test]
fn where_no_server_runs_it_says_so_at_once() {
    let home = home();
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nowhere = format!("http://127.0.0.1:{port}");
    for arguments in [&["cards"][..], &["logs", "019a0000-0000-7000-8000-000000000000", "--follow"]] {
        let mut command = clean_command(home.path());
        command.args(arguments).args(["--server", &nowhere]);
        let stderr = fails(command);
        assert!(stderr.contains(&nowhere) && stderr.contains("cardume serve"), "{stderr}");
    }
    let mut command = clean_command(home.path());
    command.args(["cards", "--server", "ftp://nonsense"]);
    assert!(fails(command).contains("http://"));
}

#[test]
fn what_the_server_refuses_is_told_in_its_words() {
    let server = Server::start();
    let folder = server.home().join("folder");
    std::fs::create_dir(&folder).unwrap();
    let folder = folder.to_str().unwrap();
    assert!(fails(server.cardume(&["run", "--project", folder, "--title", "x"])).contains("git"));
    let repository = server.repository("r");
    let repository = repository.to_str().unwrap();
    let agent = ["run", "--project", repository, "--title", "x", "--agent", "nobody"];
    assert!(fails(server.cardume(&agent)).contains("agent"));
    assert!(
        fails(server.cardume(&["run", "--project", "/no/such/folder", "--title", "x"])).contains("/no/such/folder")
    );
    assert!(fails(server.cardume(&["cancel", "no card"])).contains("no card"));
    assert!(fails(server.cardume(&["logs", "deadbeef"])).contains("deadbeef"));
    assert!(fails(server.cardume(&["logs", "019a0000-0000-7000-8000-000000000000"])).contains("no such card"));
}

#[test]
fn the_doctor_finds_what_is_wrong() {
    let server = Server::start();
    let data_dir = server.data_dir();
    let doctor = |extra: &[&str]| {
        let mut command = clean_command(server.home());
        command.arg("doctor").arg("--data-dir").arg(&data_dir).args(extra);
        ended(command)
    };
    let (status, stdout, stderr) = doctor(&[]);
    assert_eq!((status, &*stderr), (0, ""), "{stdout}");
    for subject in ["✓ configuration", "data directory", "✓ database: SQLite", "✓ git", "✓ agent demo", "✓ agent good"]
    {
        assert!(stdout.contains(subject), "{subject}: {stdout}");
    }
    assert_eq!(server.get("/health").status, 200, "it runs beside a server");

    let file = server.home().join("file");
    std::fs::write(&file, "no database, and no directory").unwrap();
    let (status, stdout, _) = doctor(&["--database-url", &format!("sqlite:{}", file.display())]);
    assert!(status == 1 && stdout.contains("✗ database"), "{stdout}");
    let mut command = clean_command(server.home());
    command.args(["doctor", "--data-dir"]).arg(&data_dir).env("PATH", "");
    let (status, stdout, _) = ended(command);
    assert!(status == 1 && stdout.contains("✗ git") && stdout.contains("Install git"), "{stdout}");
}
