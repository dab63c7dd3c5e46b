//! Processes as `/proc` shows them, and their end.
//!
//! A process number by itself names nobody: it may be another's by the time it is used. So a process is known here by
//! its number and the moment at which it started, and is signalled through a descriptor that was compared with both.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use procfs::process::{Process, all_processes};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

/// A process of this boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessId {
    pub pid: i32,
    /// In the kernel's clock ticks since the machine started: field 22 of `/proc/PID/stat`.
    pub start_time: u64,
}

impl ProcessId {
    /// This process. `None` without `/proc`.
    pub fn own() -> Option<Self> {
        Some(Self::of(&Process::myself().ok()?.stat().ok()?))
    }

    /// Whether it is stopped (state T): by a signal, until another one.
    pub fn is_stopped(self) -> bool {
        let stat = Process::new(self.pid).and_then(|process| process.stat());
        stat.is_ok_and(|stat| Self::of(&stat) == self && matches!(stat.state, 'T'))
    }

    fn of(stat: &procfs::process::Stat) -> Self {
        Self { pid: stat.pid, start_time: stat.starttime }
    }

    fn signal(self, signal: Signal) {
        let Some(descriptor) = Pid::from_raw(self.pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else {
            return;
        };
        // Asked after the descriptor was made, so that it is this process that the descriptor is of.
        let is_same =
            Process::new(self.pid).and_then(|process| process.stat()).is_ok_and(|stat| Self::of(&stat) == self);
        if is_same {
            let _ = pidfd_send_signal(&descriptor, signal);
        }
    }
}

/// Names the time from one start of the machine, or of the container, to the next. `None` without `/proc`.
pub fn boot_id() -> Option<String> {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    // A container that is started again has a new first process in a kernel that went on.
    let init = Process::new(1).and_then(|process| process.stat()).map_or(0, |stat| stat.starttime);
    Some(format!("{}/{init}", kernel.trim()))
}

/// Every living process below `root`, whatever group or session it has moved to. A subreaper's descendants stay its
/// descendants when their own parents end.
pub fn descendants(root: i32) -> Vec<ProcessId> {
    below(vec![root])
}

fn below(mut open: Vec<i32>) -> Vec<ProcessId> {
    let mut children: HashMap<i32, Vec<ProcessId>> = HashMap::new();
    for stat in all_processes().into_iter().flatten().flatten().filter_map(|process| process.stat().ok()) {
        if stat.state != 'Z' {
            children.entry(stat.ppid).or_default().push(ProcessId::of(&stat));
        }
    }
    let mut found = vec![];
    while let Some(parent) = open.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            found.push(child);
            open.push(child.pid);
        }
    }
    found
}

/// Every living process that was started for this execution: those whose environment names it and its worktree, and what
/// is below them. Finds what a killed supervisor left behind. The worktree is asked for because a restored backup has
/// the same executions in another data directory, and the one server must not end the other's agents.
pub fn started_for(execution: &str, worktree: &Path) -> Vec<ProcessId> {
    // The bytes as they are: after a bad day this is asked for hundreds of executions among thousands of processes.
    let execution = format!("CARDUME_EXECUTION_ID={execution}").into_bytes();
    let worktree = [b"CARDUME_WORKTREE=", worktree.as_os_str().as_bytes()].concat();
    let is_ours = |process: &Process| {
        std::fs::read(format!("/proc/{}/environ", process.pid())).is_ok_and(|environment| {
            let has = |mark: &[u8]| environment.split(|byte| *byte == 0).any(|entry| entry == mark);
            has(&execution) && has(&worktree)
        })
    };
    let marked = all_processes().into_iter().flatten().flatten().filter(is_ours);
    let mut found: Vec<ProcessId> = marked.filter_map(|process| Some(ProcessId::of(&process.stat().ok()?))).collect();
    if !found.is_empty() {
        found.extend(below(found.iter().map(|process| process.pid).collect()));
    }
    found
}

/// Every living process that has the file open.
pub fn with_open_file(path: &Path) -> Vec<ProcessId> {
    let has_open = |process: &Process| {
        let descriptors = std::fs::read_dir(format!("/proc/{}/fd", process.pid())).into_iter().flatten().flatten();
        descriptors.filter_map(|entry| std::fs::read_link(entry.path()).ok()).any(|target| target == path)
    };
    let found = all_processes().into_iter().flatten().flatten().filter(has_open);
    found.filter_map(|process| Some(ProcessId::of(&process.stat().ok()?))).collect()
}

/// A living process that may hold a git lock file which was made at `made_at`, in seconds since 1970: one that has it
/// open, or a git that was there by then and works in one of `folders`. A git that shows nothing of itself counts as one
/// that does.
pub fn possible_holder(lock: &Path, made_at: i64, folders: &[PathBuf]) -> Option<ProcessId> {
    if let Some(process) = with_open_file(lock).first() {
        return Some(*process);
    }
    let is_holder = |process: &Process| {
        let Ok(stat) = process.stat() else { return false };
        if stat.state == 'Z' || !stat.comm.starts_with("git") || started_after(&stat, made_at) {
            return false;
        }
        let is_there = |path: &Path| folders.iter().any(|folder| path.starts_with(folder));
        match (process.cwd(), process.environ()) {
            (Ok(dir), _) if is_there(&dir) => true,
            (Ok(_), Ok(environment)) => {
                let named = ["GIT_DIR", "GIT_WORK_TREE"].map(|name| environment.get(std::ffi::OsStr::new(name)));
                named.into_iter().flatten().any(|path| is_there(Path::new(path)))
            }
            // It has ended meanwhile, or belongs to another user.
            (cwd, _) => !matches!(cwd, Err(procfs::ProcError::NotFound(_))),
        }
    };
    let found = all_processes().into_iter().flatten().flatten().find(is_holder)?;
    Some(ProcessId::of(&found.stat().ok()?))
}

/// Whether the process began more than a second after that moment: it can't have made what was there by then.
fn started_after(stat: &procfs::process::Stat, moment: i64) -> bool {
    let Ok(boot) = procfs::boot_time_secs() else { return false };
    let started = boot.saturating_add(stat.starttime / procfs::ticks_per_second().max(1));
    i64::try_from(started).is_ok_and(|started| started > moment + 1)
}

/// Sends `signal` to each; those that are gone meanwhile do not matter.
pub fn signal_all(processes: &[ProcessId], signal: Signal) {
    processes.iter().for_each(|process| process.signal(signal));
}

/// Ends every process that was started for this execution.
pub fn kill_started_for(execution: &str, worktree: &Path) {
    // Once more than needed: who forks while being looked at leaves a child that the first look did not see.
    for _ in 0..5 {
        let left = started_for(execution, worktree);
        if left.is_empty() {
            return;
        }
        signal_all(&left, Signal::KILL);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_number_that_is_another_processs_by_now_is_not_signalled() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let process = descendants(std::process::id() as i32).into_iter().find(|found| found.pid == child.id() as i32);
        let process = process.expect("the child is found");
        let earlier = ProcessId { start_time: process.start_time - 1, ..process };
        earlier.signal(Signal::KILL);
        assert_eq!(child.try_wait().unwrap(), None, "it lives");
        process.signal(Signal::KILL);
        assert!(!child.wait().unwrap().success());
    }

    #[test]
    fn what_was_started_for_an_execution_is_found_with_what_is_below_it() {
        let execution = uuid::Uuid::now_v7().to_string();
        // The second one wipes its environment: only its parent names the execution.
        let mut child = Command::new("sh")
            .args(["-c", "env -i sleep 61 & sleep 62 & wait"])
            .env("CARDUME_EXECUTION_ID", &execution)
            .env("CARDUME_WORKTREE", "/here")
            .spawn()
            .unwrap();
        let mut sleeping = std::collections::HashSet::new();
        for _ in 0..1000 {
            let started = started_for(&execution, Path::new("/here"));
            let stats = started.iter().filter_map(|process| Process::new(process.pid).ok()?.stat().ok());
            sleeping = stats.filter(|stat| stat.comm == "sleep").map(|stat| stat.pid).collect();
            if sleeping.len() == 2 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        assert_eq!(sleeping.len(), 2);
        assert_eq!(started_for(&execution, Path::new("/there")), [], "another data directory's");
        kill_started_for(&execution, Path::new("/here"));
        assert!(!child.wait().unwrap().success());
        assert_eq!(started_for(&execution, Path::new("/here")), []);
    }
}
