//! The processes below a process, as `/proc` shows them, and their end.

use std::collections::HashMap;

use procfs::process::all_processes;
use rustix::process::{Pid, Signal, kill_process};

/// Every living process below `root`, whatever group or session it has moved to. A subreaper's descendants stay its
/// descendants when their own parents end.
pub fn descendants(root: i32) -> Vec<i32> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for stat in all_processes().into_iter().flatten().flatten().filter_map(|process| process.stat().ok()) {
        if stat.state != 'Z' {
            children.entry(stat.ppid).or_default().push(stat.pid);
        }
    }
    let mut found = vec![];
    let mut open = vec![root];
    while let Some(parent) = open.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            found.push(child);
            open.push(child);
        }
    }
    found
}

/// Every living process that was started for this execution: those whose environment names it. Finds what a killed
/// supervisor left behind.
pub fn started_for(execution: &str) -> Vec<i32> {
    let is_ours = |process: &procfs::process::Process| {
        process.environ().is_ok_and(|environment| {
            environment.get(std::ffi::OsStr::new("CARDUME_EXECUTION_ID")).is_some_and(|id| id == execution)
        })
    };
    all_processes().into_iter().flatten().flatten().filter(is_ours).map(|process| process.pid()).collect()
}

/// Sends `signal` to each; those that are gone meanwhile do not matter.
pub fn signal_all(processes: &[i32], signal: Signal) {
    for pid in processes.iter().filter_map(|pid| Pid::from_raw(*pid)) {
        let _ = kill_process(pid, signal);
    }
}

/// Ends every process that was started for this execution.
pub fn kill_started_for(execution: &str) {
    // Once more than needed: who forks while being looked at leaves a child that the first look did not see.
    for _ in 0..5 {
        let left = started_for(execution);
        if left.is_empty() {
            return;
        }
        signal_all(&left, Signal::KILL);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
