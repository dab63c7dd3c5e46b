//! How long the engine bears with what goes wrong: a pure answer to what happened, how often, and since when.
//!
//! A shortage passes, so a run waits for it as long as it takes. Any other error that repeats ends the run: nobody is
//! helped by a run that says “running” for ever.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use crate::server::git::GitError;
use crate::server::git::worktree::NotReady;
use crate::server::process::Shortage;
use crate::server::store::StoreError;

/// So many failures in a row end a run.
pub const TRIES: u32 = 5;
/// The pause after the first failure. It doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// A failure this long ago has nothing to do with the next one. Git alone may take ten minutes to fail.
const FORGET_AFTER: Duration = Duration::from_secs(30 * 60);
/// Shortages are looked at more often: what waits for room goes on soon after there is some.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What a run waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    Machine(Shortage),
    Database,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine(shortage) => shortage.fmt(f),
            Self::Database => f.write_str("the database can't be written"),
        }
    }
}

impl Lack {
    /// What this error is about, if that is something that passes by itself.
    pub fn behind(error: &anyhow::Error) -> Option<Self> {
        error.chain().find_map(|cause| {
            let git = match cause.downcast_ref() {
                Some(NotReady::Git(git)) => Some(git),
                _ => cause.downcast_ref(),
            };
            if let Some(GitError::NoRoom { shortage, .. }) = git {
                return Some(Self::Machine(*shortage));
            }
            if let Some(StoreError::Unwritable(_) | StoreError::Unproven(_)) = cause.downcast_ref() {
                return Some(Self::Database);
            }
            cause.downcast_ref::<io::Error>().and_then(Shortage::of).map(Self::Machine)
        })
    }
}

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Something is lacking that will be there again. `is_new`: nobody has been told of it yet.
    Wait {
        pause: Duration,
        lack: Lack,
        is_new: bool,
    },
    TryAgain {
        pause: Duration,
    },
    /// It has failed often enough. The pause is for those who fail even at giving up.
    GiveUp {
        pause: Duration,
    },
}

/// What one run has been through.
#[derive(Debug, Default)]
pub struct Patience {
    failures: u32,
    last: Option<Instant>,
    progress: i64,
    waits: u32,
    lacks: Vec<Lack>,
}

impl Patience {
    /// A try has failed at the time `now`. `progress` grows while a run gets somewhere; failures before that are forgotten.
    pub fn after(&mut self, lack: Option<Lack>, progress: i64, now: Instant) -> Next {
        if let Some(lack) = lack {
            let is_new = !self.lacks.contains(&lack);
            if is_new {
                self.lacks.push(lack);
            }
            self.waits = self.waits.saturating_add(1);
            return Next::Wait { pause: doubled(FIRST_WAIT, self.waits, LONGEST_WAIT), lack, is_new };
        }
        let is_old = self.last.is_some_and(|last| now.saturating_duration_since(last) > FORGET_AFTER);
        if is_old || progress > self.progress {
            self.failures = 0;
        }
        (self.last, self.progress) = (Some(now), progress.max(self.progress));
        self.failures = self.failures.saturating_add(1);
        match self.failures {
            ..TRIES => Next::TryAgain { pause: doubled(FIRST_PAUSE, self.failures, LONGEST_PAUSE) },
            TRIES => Next::GiveUp { pause: Duration::ZERO },
            _ => Next::GiveUp { pause: LONGEST_PAUSE },
        }
    }
}

/// The pause after the `count`th time.
fn doubled(first: Duration, count: u32, longest: Duration) -> Duration {
    first.saturating_mul(1 << count.saturating_sub(1).min(10)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISK: Option<Lack> = Some(Lack::Machine(Shortage::Disk));

    fn pause(next: Next) -> u64 {
        match next {
            Next::Wait { pause, .. } | Next::TryAgain { pause } | Next::GiveUp { pause } => pause.as_millis() as u64,
        }
    }

    #[test]
    fn what_repeats_is_given_up_after_five_tries_within_a_quarter_of_a_minute() {
        let (mut patience, mut now) = (Patience::default(), Instant::now());
        let since = now;
        for expected in [1_000, 2_000, 4_000, 8_000] {
            let next = patience.after(None, 0, now);
            assert_eq!((next, pause(next)), (Next::TryAgain { pause: Duration::from_millis(expected) }, expected));
            now += Duration::from_millis(expected);
        }
        assert_eq!(patience.after(None, 0, now), Next::GiveUp { pause: Duration::ZERO });
        assert_eq!(now - since, Duration::from_secs(15));
        // Where not even that can be written down, it is tried on, with pauses.
        assert_eq!(patience.after(None, 0, now), Next::GiveUp { pause: LONGEST_PAUSE });
    }

    #[test]
    fn a_shortage_is_waited_for_however_long_it_takes_and_told_once() {
        let (mut patience, now) = (Patience::default(), Instant::now());
        let told: Vec<bool> =
            (0..1000).map(|_| matches!(patience.after(DISK, 0, now), Next::Wait { is_new: true, .. })).collect();
        assert_eq!(told.iter().filter(|is_new| **is_new).count(), 1);
        assert_eq!(pause(patience.after(DISK, 0, now)), 2_000);
        let other = patience.after(Some(Lack::Database), 0, now);
        assert!(matches!(other, Next::Wait { is_new: true, lack: Lack::Database, .. }));
        // Waiting is no failure.
        assert_eq!(pause(patience.after(None, 0, now)), 1_000);
    }

    #[test]
    fn failures_that_have_nothing_to_do_with_each_other_do_not_add_up() {
        let (mut patience, mut now) = (Patience::default(), Instant::now());
        for _ in 0..20 {
            assert_eq!(pause(patience.after(None, 0, now)), 1_000);
            now += FORGET_AFTER + Duration::from_secs(1);
        }
        for progress in 1..20 {
            assert_eq!(pause(patience.after(None, progress, now)), 1_000);
        }
        // What was reached before is no progress.
        assert_eq!(pause(patience.after(None, 3, now)), 2_000);
        // Git that hangs again and again is given up, too.
        let mut patience = Patience::default();
        let hangs = (0..5).map(|n| patience.after(None, 0, now + Duration::from_secs(n * 601))).last();
        assert_eq!(hangs, Some(Next::GiveUp { pause: Duration::ZERO }));
    }

    #[test]
    fn only_what_passes_by_itself_is_a_lack() {
        let no_files = || io::Error::from(rustix::io::Errno::MFILE);
        assert_eq!(Lack::behind(&no_files().into()), Some(Lack::Machine(Shortage::Files)));
        assert_eq!(Lack::behind(&anyhow::Error::new(no_files()).context("more")), Some(Lack::Machine(Shortage::Files)));
        let git = GitError::NoRoom { command: "add".into(), shortage: Shortage::Disk };
        assert_eq!(Lack::behind(&NotReady::Git(git).into()), DISK);
        let git = GitError::NoRoom { command: "add".into(), shortage: Shortage::Disk };
        assert_eq!(Lack::behind(&git.into()), DISK);
        let git = GitError::Failed { command: "add".into(), message: "fatal".into() };
        assert_eq!(Lack::behind(&git.into()), None);
        assert_eq!(Lack::behind(&StoreError::NotFound("card").into()), None);
        assert_eq!(Lack::behind(&io::Error::from(io::ErrorKind::NotFound).into()), None);
    }
}
