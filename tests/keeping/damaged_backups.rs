//! Nothing is written before all of a backup was checked, and nothing is left half-done.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use cardume::server::keeping::restore::{RestoreOptions, run};

use super::support::{Server, clean_command};
use super::{back_up, everything_in, restore};

fn options(file: &Path, data_dir: &Path) -> RestoreOptions {
    RestoreOptions { file: file.into(), data_dir: data_dir.into(), database_url: None }
}

/// A server with a finished card, and a backup of it.
fn backup() -> (Server, std::path::PathBuf) {
    let server = Server::start();
    let card = server.run_new_card("good");
    server.wait_for_stage(&card, "completed");
    let file = back_up(&server, "backup.tar.zst", None);
    (server, file)
}

#[test]
fn a_flipped_bit_anywhere_and_a_missing_end_are_found_before_anything_is_written() {
    let (_server, file) = backup();
    let whole = fs::read(&file).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (bad, target) = (dir.path().join("bad"), dir.path().join("target"));
    let step = (whole.len() / 300).max(1);
    for index in (0..whole.len()).step_by(step).chain(whole.len() - 45..whole.len()) {
        let mut bytes = whole.clone();
        bytes[index] ^= 1 << (index % 8);
        fs::write(&bad, &bytes).unwrap();
        let error = run(&options(&bad, &target)).err().unwrap_or_else(|| panic!("a flip at {index} is not found"));
        assert!(format!("{error:#}").contains("damaged"), "{error:#}");
    }
    for length in [0, 1, 39, 40, 41, whole.len() / 2, whole.len() - 40, whole.len() - 1] {
        fs::write(&bad, &whole[..length]).unwrap();
        assert!(run(&options(&bad, &target)).is_err(), "{length} bytes are enough");
    }
    fs::write(&bad, [&whole[..], b"more"].concat()).unwrap();
    assert!(run(&options(&bad, &target)).is_err());
    fs::remove_file(&bad).unwrap();
    assert_eq!(everything_in(dir.path()), [], "something was written");
    run(&options(&file, &target)).unwrap();
}

#[test]
fn a_directory_with_anything_in_it_is_refused() {
    let (server, file) = backup();
    let before = everything_in(&server.data_dir().join("executions"));
    let (done, said) = restore(&file, &server.data_dir(), None);
    assert!(!done && said.contains("is not empty"), "{said}");
    assert_eq!(everything_in(&server.data_dir().join("executions")), before);
    let empty = server.home().join("empty");
    fs::create_dir(&empty).unwrap();
    assert!(restore(&file, &empty, None).0);
}

#[test]
fn a_postgres_database_with_anything_in_it_is_refused() {
    let (server, file) = backup();
    let url = tokio::runtime::Runtime::new().unwrap().block_on(super::postgres::database());
    let target = server.home().join("target");
    let (done, said) = restore(&file, &target, Some(&url));
    assert!(done, "{said}");
    let other = server.home().join("other");
    let (done, said) = restore(&file, &other, Some(&url));
    assert!(!done && said.contains("not empty"), "{said}");
    assert!(!other.exists());
    let leftovers = fs::read_dir(server.home()).unwrap().flatten();
    assert_eq!(leftovers.filter(|entry| entry.file_name().to_string_lossy().contains("restoring")).count(), 0);
}

/// A tar archive of these members with a seal as it should be, and no manifest of ours.
fn sealed(members: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let mut archive = tar::Builder::new(zstd::Encoder::new(vec![], 1).unwrap());
    for (name, kind, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o4777);
        // Not by `set_path`, which has scruples.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        if *kind != tar::EntryType::Regular {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        archive.append(&header, *content).unwrap();
    }
    let mut bytes = archive.into_inner().unwrap().finish().unwrap();
    let digest = Sha256::digest(&bytes);
    bytes.extend_from_slice(&[0x50, 0x2a, 0x4d, 0x18, 32, 0, 0, 0]);
    bytes.extend_from_slice(&digest);
    bytes
}

#[test]
fn a_hostile_archive_writes_nothing_anywhere() {
    use tar::EntryType::{Directory, Link, Regular, Symlink};
    let id = "0190a1b2-0000-7000-8000-00000000beef";
    let journal = format!("executions/{id}/journal");
    let manifest =
        br#"{"version":1,"cardume":"x","createdAt":"2026-11-22T08:00:00.000Z","engine":"sqlite","migrations":[1],
        "tables":[],"unfinished":[],"projects":[],"members":[]}"#;
    let dir = tempfile::tempdir().unwrap();
    let (bad, target) = (dir.path().join("bad"), dir.path().join("in/target"));
    fs::create_dir(dir.path().join("in")).unwrap();
    let archives: &[&[(&str, tar::EntryType, &[u8])]] = &[
        &[],
        &[("../outside", Regular, b"x"), ("manifest.json", Regular, manifest)],
        &[("/tmp/cardume-hostile", Regular, b"x"), ("manifest.json", Regular, manifest)],
        &[("executions/../../outside", Regular, b"x"), ("manifest.json", Regular, manifest)],
        &[(&journal, Symlink, b""), ("manifest.json", Regular, manifest)],
        &[(&journal, Link, b""), ("manifest.json", Regular, manifest)],
        &[("executions", Directory, b""), ("manifest.json", Regular, manifest)],
        &[(&journal, Regular, b"not in the manifest"), ("manifest.json", Regular, manifest)],
        &[("manifest.json", Regular, manifest), (&journal, Regular, b"behind it")],
        &[("manifest.json", Regular, manifest), ("manifest.json", Regular, manifest)],
        &[("manifest.json", Regular, br#"{"version":2}"#)],
        &[("manifest.json", Regular, b"[[[[[[[[")],
    ];
    for members in archives {
        fs::write(&bad, sealed(members)).unwrap();
        assert!(run(&options(&bad, &target)).is_err(), "{members:?}");
        let left = everything_in(dir.path());
        assert_eq!(left.len(), 2, "something was written: {left:?}");
    }
    assert!(!Path::new("/tmp/cardume-hostile").exists());
    // The manifest by itself is one of an empty backup: what is refused above is refused for its own reason.
    fs::write(&bad, sealed(&[("manifest.json", Regular, manifest)])).unwrap();
    let error = run(&options(&bad, &target)).unwrap_err();
    assert!(format!("{error:#}").contains("cannot be restored") || format!("{error:#}").contains("rows"), "{error:#}");
}

#[test]
fn a_restoration_that_is_killed_leaves_nothing_half_done() {
    let (server, file) = backup();
    let target = server.home().join("target");
    let mut interrupted = 0;
    for round in 0..12 {
        let mut child = clean_command(server.home())
            .arg("restore")
            .arg(&file)
            .arg("--data-dir")
            .arg(&target)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(10 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        if target.exists() {
            break;
        }
        interrupted += 1;
    }
    assert!(interrupted > 0);
    if !target.exists() {
        let (done, said) = restore(&file, &target, None);
        assert!(done, "{said}");
    }
    let restored = Server::prepare();
    fs::rename(&target, restored.home().join("data")).unwrap();
    let restored = restored.start();
    assert_eq!(restored.get("/api/cards").json()["cards"][0]["columnId"], "done");
}
