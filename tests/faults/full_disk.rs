//! Row 7: the disk with the data directory is full for a while.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::oracle;
use crate::rounds::{Database, Round};
use crate::scenes::{self, workflow_stage};
use crate::scribe::Script;
use crate::support::{Server, eventually};

crate::on_both_databases!(row_7_the_disk_is_full_for_a_while);

fn row_7_the_disk_is_full_for_a_while(round: &mut Round) {
    let Some(disk) = SmallDisk::mount("48m") else { return };
    let full_for = Duration::from_secs(if round.is_thorough { 60 } else { 8 });
    let preparation = round.prepare();
    std::os::unix::fs::symlink(disk.path(), preparation.home().join("data")).unwrap();
    let server = preparation.start();
    let scripts = (0..2).map(|_| Script::seeded(&mut round.rng, 400, 3.0)).collect();
    let running = scenes::run_cards(&server, scripts);
    for scripted in &running {
        scenes::wait_for_rows(&server, &scripted.card, 20);
    }

    let mut ballast = disk.ballast();
    ballast.fill();
    let since = Instant::now();
    if round.database == Database::Sqlite {
        assert!(eventually(|| server.get("/health").status == 503), "/health does not tell of a full disk");
        println!("    degraded after {:.1?}", since.elapsed());
        let health = server.get("/health").json();
        assert_eq!(health["status"], "degraded", "{health}");
    }
    while since.elapsed() < full_for {
        // Whatever is freed is taken at once.
        ballast.fill();
        assert_nothing_is_half_written(&server);
        for scripted in &running {
            let card = server.card(&scripted.card);
            assert_ne!(workflow_stage(&card), "error", "{card:#}\n{}", server.own_log());
            let answer = server.get(&format!("/api/logs/{}?after=0&limit=5000", scripted.card));
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }

    drop(ballast);
    let since = Instant::now();
    assert!(eventually(|| server.get("/health").status == 200), "{}", server.own_log());
    println!("    well again {:.1?} after there was room", since.elapsed());
    for scripted in &running {
        server.wait_for_stage(&scripted.card, "completed");
        oracle::assert_card_ok(&server, &scripted.card, &scripted.script);
    }
}

/// What is there under its own name is there as a whole.
fn assert_nothing_is_half_written(server: &Server) {
    for execution in fs::read_dir(server.data_dir().join("executions")).unwrap().flatten() {
        for name in ["order.json", "exit.json"] {
            let path = execution.path().join(name);
            if let Ok(bytes) = fs::read(&path) {
                let json = serde_json::from_slice::<Value>(&bytes);
                assert!(json.is_ok(), "{}: {:?}", path.display(), String::from_utf8_lossy(&bytes));
            }
        }
    }
}

/// A file system of its own, in memory.
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// `None`, and a word on why, where this user may not mount.
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size},mode=700"), "tmpfs"])
            .arg(folder.path())
            .output();
        match mount {
            Ok(output) if output.status.success() => Some(Self { folder }),
            other => {
                println!("    SKIPPED: a small disk cannot be mounted here (it takes root): {other:?}");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn ballast(&self) -> Ballast {
        let path = self.path().join("ballast");
        Ballast { file: File::create(&path).unwrap(), path }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: who dies just now may still have a file open there.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

/// Takes all the room that is left, until dropped.
struct Ballast {
    file: File,
    path: PathBuf,
}

impl Ballast {
    fn fill(&mut self) {
        // Ever smaller pieces, so that in the end not a byte is free.
        for size in [1 << 20, 1 << 12, 1] {
            while self.file.write_all(&vec![0; size]).is_ok() {}
        }
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        let _ = self.file.set_len(0);
    }
}
