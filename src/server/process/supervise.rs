//! `cardume supervise DIR`: the parent of one agent, a process of its own that outlives the server.
//!
//! It starts the agent once, writes what the agent prints to the journal, ends it when asked or at a limit of its order,
//! and leaves the exit status. It knows no database and no network. While the disk is full, or the machine is short of
//! files, memory or processes, it waits; the agent then waits too, because its pipes are full. Its times go on evenly from
//! its start, whatever is done to the machine's clock meanwhile.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStderr, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, set_child_subreaper, set_parent_process_death_signal, setsid, wait,
};
use rustix::time::{ClockId, clock_gettime};

use super::digest::LogDigest;
use super::journal::{self, Stream};
use super::lines::Lines;
use super::open_files;
use super::shortage::Shortage;
use super::tree::{self, ProcessId};
use super::workplace::{Exit, Order, VERSION, Workplace};
use crate::domain::Timestamp;

/// How often it looks whether it was asked to end the agent.
const TICK: Duration = Duration::from_millis(100);
/// How long a cancelled agent may take to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(3);
/// How long output is waited for after the agent itself has ended.
const DRAIN: Duration = Duration::from_secs(5);
/// How often the journal is made durable against a loss of power.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// How long the machine is left alone between two tries, while the disk is full or it is short of something else.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(500);

/// Supervises the agent of the execution whose directory is `dir`, until the agent has ended. Does nothing where
/// another supervisor has it, or where the agent was started before. `clock` tells the time of each line.
pub fn supervise(dir: &Path, clock: fn() -> Timestamp) -> anyhow::Result<()> {
    // Fails only where this is a session's leader already, as when started from a shell by hand.
    let _ = setsid();
    let workplace = Workplace::at(dir);
    let Some(_lock) = lock_patiently(&workplace)? else { return Ok(()) };
    if workplace.has_started() || exit_patiently(&workplace)?.is_some() {
        return Ok(());
    }
    // Orphans of the agent become children of this process, so that none escapes the end.
    set_child_subreaper(Some(getpid()))?;
    fail::fail_point!("supervise::unrecorded");
    let clock = SteadyClock::starting_at(clock());
    let mut journal = Journal::create(&workplace.journal(), clock)?;
    when_there_is_room(|| workplace.mark_started())?;
    fail::fail_point!("supervise::recorded");
    let ended = if workplace.is_cancelled() {
        Ended { cancelled: true, ..Ended::default() }
    } else {
        match start_patiently(&workplace) {
            Ok(Start::Agent(agent, limits)) => Supervision::new(agent, limits, &workplace, &mut journal).run()?,
            Ok(Start::Not(ended)) => ended,
            Err(error) => Ended { error: Some(error.to_string()), ..Ended::default() },
        }
    };
    journal.sync()?;
    let exit = Exit {
        version: VERSION,
        exit_code: ended.exit_code,
        error: ended.error,
        cancelled: ended.cancelled,
        timed_out: ended.timed_out,
        log_limit: ended.log_limit,
        ended_at: clock.now(),
        journal_bytes: journal.length,
        records: journal.records,
        digest: Some(journal.digest.to_string()),
    };
    when_there_is_room(|| workplace.leave(&exit))?;
    Ok(())
}

/// The time by the clock that also counts while the machine sleeps, from a moment on. Nobody can set it.
#[derive(Clone, Copy)]
struct SteadyClock {
    start: Timestamp,
    ticks_at_start: Timespec,
}

impl SteadyClock {
    fn starting_at(start: Timestamp) -> Self {
        Self { start, ticks_at_start: clock_gettime(ClockId::Boottime) }
    }

    fn now(&self) -> Timestamp {
        let (now, then) = (clock_gettime(ClockId::Boottime), self.ticks_at_start);
        let elapsed_ms = (now.tv_sec - then.tv_sec) * 1000 + (now.tv_nsec - then.tv_nsec) / 1_000_000;
        Timestamp::from_millis(self.start.as_millis() + elapsed_ms)
    }
}

/// A server that asks whether the lock is held takes it for an instant; that is not another supervisor.
fn lock_patiently(workplace: &Workplace) -> io::Result<Option<File>> {
    for _ in 0..20 {
        if let Some(lock) = when_there_is_room(|| workplace.lock())? {
            return Ok(Some(lock));
        }
        std::thread::sleep(TICK);
    }
    Ok(None)
}

/// The exit status that is there already, which a shortage must not hide.
fn exit_patiently(workplace: &Workplace) -> anyhow::Result<Option<Exit>> {
    loop {
        match workplace.exit() {
            Err(error) if error.downcast_ref().is_some_and(|error| Shortage::of(error).is_some()) => {
                std::thread::sleep(SHORTAGE_PAUSE);
            }
            read => return read,
        }
    }
}

struct Agent {
    pid: i32,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
}

/// What the order allows the agent. `None`: as much as it likes.
#[derive(Default)]
struct Limits {
    time: Option<Duration>,
    log_bytes: Option<u64>,
}

/// What came of starting the agent.
enum Start {
    /// It runs, and may take so much.
    Agent(Agent, Limits),
    /// It was cancelled, or its time was over, while it waited for the machine.
    Not(Ended),
}

/// Starts the agent, and waits for that while the machine is short of files, memory or processes.
fn start_patiently(workplace: &Workplace) -> anyhow::Result<Start> {
    let since = Instant::now();
    let mut limits = Limits::default();
    loop {
        let started = workplace.order().and_then(|order| {
            limits = Limits { time: order.timeout_ms.map(Duration::from_millis), log_bytes: order.log_bytes };
            start(workplace, &order)
        });
        let error = match started {
            Ok(agent) => {
                let time = limits.time.map(|time| time.saturating_sub(since.elapsed()));
                return Ok(Start::Agent(agent, Limits { time, ..limits }));
            }
            Err(error) => error,
        };
        if !error.chain().any(|cause| cause.downcast_ref().is_some_and(|error| Shortage::of(error).is_some())) {
            return Err(error);
        }
        if workplace.is_cancelled() {
            return Ok(Start::Not(Ended { cancelled: true, ..Ended::default() }));
        }
        if limits.time.is_some_and(|time| since.elapsed() > time) {
            return Ok(Start::Not(Ended { timed_out: true, ..Ended::default() }));
        }
        std::thread::sleep(SHORTAGE_PAUSE);
    }
}

fn start(workplace: &Workplace, order: &Order) -> anyhow::Result<Agent> {
    let (program, arguments) = order.argv.split_first().ok_or_else(|| anyhow::anyhow!("the agent has no command"))?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(&order.worktree).envs(order.env.iter().map(|(name, value)| (name, value)));
    command.stdin(File::open(workplace.prompt())?).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0);
    let open_files = order.open_files;
    // SAFETY: between fork and exec only system calls are made, which are async-signal-safe.
    unsafe {
        command.pre_exec(move || {
            // Should the supervisor be killed, its agent must not go on unwatched.
            set_parent_process_death_signal(Some(Signal::KILL))?;
            open_files.map_or(Ok(()), open_files::set_limit)
        });
    }
    let mut child = command.spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound => anyhow::anyhow!("“{program}” is not installed, or not on the PATH of the server"),
        _ => {
            let words = format!("“{program}” could not be started: {error}");
            anyhow::Error::new(error).context(words)
        }
    })?;
    let agent = Agent { pid: child.id() as i32, stdout: child.stdout.take(), stderr: child.stderr.take() };
    let (stdout, stderr) = (agent.stdout.as_ref().map(AsFd::as_fd), agent.stderr.as_ref().map(AsFd::as_fd));
    for fd in [stdout, stderr].into_iter().flatten() {
        fcntl_setfl(fd, fcntl_getfl(fd)? | OFlags::NONBLOCK)?;
    }
    Ok(agent)
}

#[derive(Default)]
struct Ended {
    exit_code: Option<i32>,
    error: Option<String>,
    cancelled: bool,
    timed_out: bool,
    log_limit: Option<u64>,
}

/// The watch over a started agent.
struct Supervision<'a> {
    agent: Agent,
    workplace: &'a Workplace,
    journal: &'a mut Journal,
    stdout_lines: Lines,
    stderr_lines: Lines,
    exit_code: Option<i32>,
    started_at: Instant,
    limits: Limits,
    /// Since when it is being ended, and why.
    ending: Option<(Instant, Why)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    Cancelled,
    TimedOut,
    LogFull,
}

impl<'a> Supervision<'a> {
    fn new(agent: Agent, limits: Limits, workplace: &'a Workplace, journal: &'a mut Journal) -> Self {
        let (stdout_lines, stderr_lines) = (Lines::default(), Lines::default());
        let started_at = Instant::now();
        Self {
            agent,
            workplace,
            journal,
            stdout_lines,
            stderr_lines,
            exit_code: None,
            started_at,
            limits,
            ending: None,
        }
    }

    fn run(mut self) -> anyhow::Result<Ended> {
        while self.exit_code.is_none() {
            self.take_output(TICK)?;
            self.reap();
            self.end_when_due();
        }
        self.end_what_is_left()?;
        let limits = self.limits;
        let (journal, mut stdout, mut stderr) = (self.journal, self.stdout_lines, self.stderr_lines);
        stdout.finish(|piece, partial| journal.add(Stream::Stdout, piece, partial));
        stderr.finish(|piece, partial| journal.add(Stream::Stderr, piece, partial));
        journal.flush()?;
        let why = self.ending.map(|(_, why)| why);
        let (cancelled, timed_out) = (why == Some(Why::Cancelled), why == Some(Why::TimedOut));
        let log_limit = limits.log_bytes.filter(|_| why == Some(Why::LogFull));
        Ok(Ended { exit_code: self.exit_code, error: None, cancelled, timed_out, log_limit })
    }

    /// Waits for output, at most `limit`, and takes in what there is. True where something came.
    fn take_output(&mut self, limit: Duration) -> anyhow::Result<bool> {
        let mut fds = vec![];
        if let Some(stdout) = &self.agent.stdout {
            fds.push(PollFd::new(stdout, PollFlags::IN));
        }
        if let Some(stderr) = &self.agent.stderr {
            fds.push(PollFd::new(stderr, PollFlags::IN));
        }
        if fds.is_empty() {
            std::thread::sleep(limit.min(Duration::from_millis(20)));
            self.journal.flush()?;
            return Ok(false);
        }
        let limit = Timespec { tv_sec: 0, tv_nsec: limit.subsec_nanos().into() };
        match poll(&mut fds, Some(&limit)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        // What comes behind the limit is read, so that the agent can end, and dropped.
        let is_full = self.is_log_full();
        let journal = &mut *self.journal;
        let lines = &mut self.stdout_lines;
        let out = read_some(&mut self.agent.stdout, |bytes| {
            if !is_full {
                lines.push(bytes, |piece, partial| journal.add(Stream::Stdout, piece, partial));
            }
        })?;
        let lines = &mut self.stderr_lines;
        let err = read_some(&mut self.agent.stderr, |bytes| {
            if !is_full {
                lines.push(bytes, |piece, partial| journal.add(Stream::Stderr, piece, partial));
            }
        })?;
        self.journal.flush()?;
        Ok(out || err)
    }

    fn is_log_full(&self) -> bool {
        self.limits.log_bytes.is_some_and(|limit| self.journal.length >= limit)
    }

    /// Collects the children that have ended, the agent and its orphans.
    fn reap(&mut self) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if Some(pid) == Pid::from_raw(self.agent.pid) {
                self.exit_code =
                    status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal));
            }
        }
    }

    /// Asks the agent and all below it to end, where somebody wants that, or it has reached a limit; then makes them.
    fn end_when_due(&mut self) {
        if let Some((since, _)) = self.ending {
            if since.elapsed() > GRACE {
                tree::signal_all(&self.below(), Signal::KILL);
            }
            return;
        }
        let is_late = self.limits.time.is_some_and(|limit| self.started_at.elapsed() > limit);
        let reached = [
            (self.workplace.is_cancelled(), Why::Cancelled),
            (self.is_log_full(), Why::LogFull),
            (is_late, Why::TimedOut),
        ];
        if let Some((_, why)) = reached.into_iter().find(|(is_reached, _)| *is_reached) {
            self.ending = Some((Instant::now(), why));
            tree::signal_all(&self.below(), Signal::TERM);
        }
    }

    fn below(&self) -> Vec<ProcessId> {
        tree::descendants(getpid().as_raw_pid())
    }

    /// The agent itself has ended: what it left running ends too, and what is still in the pipes is taken in.
    fn end_what_is_left(&mut self) -> anyhow::Result<()> {
        let since = Instant::now();
        // What it left running may print without end.
        while self.take_output(Duration::from_millis(1))? && since.elapsed() < GRACE {}
        let since = Instant::now();
        let mut signal = Signal::TERM;
        loop {
            let left = self.below();
            if left.is_empty() {
                break;
            }
            tree::signal_all(&left, signal);
            if since.elapsed() > GRACE / 2 {
                signal = Signal::KILL;
            }
            self.take_output(TICK)?;
            self.reap();
        }
        let since = Instant::now();
        while (self.agent.stdout.is_some() || self.agent.stderr.is_some()) && since.elapsed() < DRAIN {
            self.take_output(TICK)?;
        }
        Ok(())
    }
}

/// Reads once, without waiting; closes the source at its end. True where something was read.
fn read_some<R: Read>(source: &mut Option<R>, take: impl FnOnce(&[u8])) -> anyhow::Result<bool> {
    let Some(reader) = source else { return Ok(false) };
    let mut buffer = [0; 64 * 1024];
    match reader.read(&mut buffer) {
        Ok(0) => *source = None,
        Ok(count) => {
            take(&buffer[..count]);
            return Ok(true);
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(false)
}

/// The journal being written.
struct Journal {
    file: File,
    buffer: Vec<u8>,
    length: u64,
    records: u64,
    digest: LogDigest,
    synced_at: Instant,
    /// Something was written since.
    is_unsynced: bool,
    clock: SteadyClock,
}

impl Journal {
    fn create(path: &Path, clock: SteadyClock) -> io::Result<Self> {
        let open = || OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        let file = when_there_is_room(open)?;
        file.set_len(0)?;
        let mut journal = Self {
            file,
            buffer: journal::header().to_vec(),
            length: 0,
            records: 0,
            digest: LogDigest::default(),
            synced_at: Instant::now(),
            is_unsynced: false,
            clock,
        };
        journal.flush()?;
        Ok(journal)
    }

    fn add(&mut self, stream: Stream, payload: &[u8], partial: bool) {
        journal::encode(stream, self.clock.now(), payload, partial, &mut self.buffer);
        self.digest.add_parts(journal::letter(stream, partial), payload);
        self.records += 1;
    }

    /// Writes what was added, and makes durable what has waited for that long enough: an agent that falls silent leaves
    /// nothing behind that a loss of power could take. Waits as long as the disk is full: nothing is dropped.
    fn flush(&mut self) -> io::Result<()> {
        let mut written = 0;
        while written < self.buffer.len() {
            match self.file.write(&self.buffer[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => wait_for_room(&error)?,
            }
        }
        self.length += written as u64;
        self.buffer.clear();
        self.is_unsynced |= written > 0;
        if self.is_unsynced && self.synced_at.elapsed() > SYNC_EVERY {
            self.sync()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        when_there_is_room(|| self.file.sync_data())?;
        (self.synced_at, self.is_unsynced) = (Instant::now(), false);
        Ok(())
    }
}

/// Tries until the machine has room for it.
fn when_there_is_room<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match attempt() {
            Ok(done) => return Ok(done),
            Err(error) => wait_for_room(&error)?,
        }
    }
}

/// Pauses if the trouble is a shortage, such as a full disk; any other is handed back.
fn wait_for_room(error: &io::Error) -> io::Result<()> {
    if Shortage::of(error).is_none() {
        return Err(io::Error::new(error.kind(), error.to_string()));
    }
    std::thread::sleep(SHORTAGE_PAUSE);
    Ok(())
}
