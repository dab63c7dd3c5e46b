//! What comes in of a log: from the last row that the page has, while there is more to come.

use std::sync::Arc;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::window::{LogWindow, PAGE};
use crate::api::{Failure, read_log};
use crate::domain::{ExecutionId, ExecutionLog, LogLine, LogSlice};
use crate::ui::hooks::{FollowEnd, Next, Poll, use_poll};

const PACE_MS: u32 = 700;
const AFTER_FAILURE_MS: u32 = 5_000;

/// The log of the execution that is wanted.
#[derive(Clone, Copy)]
pub struct LogFeed {
    window: RwSignal<Option<LogWindow>>,
    wanted: Memo<Option<ExecutionId>>,
    pub follow: FollowEnd,
    poll: Poll,
    /// The last sequence at which the reader was at the end.
    seen: RwSignal<i64>,
    is_loading_earlier: RwSignal<bool>,
}

impl LogFeed {
    /// Begins with what the page was loaded with; calls `ended` when the wanted execution's log is complete.
    pub fn new(
        loaded: Option<ExecutionLog>,
        wanted: Memo<Option<ExecutionId>>,
        ended: impl Fn() + Clone + 'static,
    ) -> Self {
        let window = RwSignal::new(loaded.map(LogWindow::new));
        let follow = FollowEnd::new();
        let question = move || {
            let ask = question(wanted.get_untracked(), window, follow.at_end_untracked());
            async move {
                match ask {
                    Some((execution, slice, limit)) => read_log(execution, slice, limit).await.map(Some),
                    None => Ok(None),
                }
            }
        };
        let poll = use_poll(PACE_MS, question, move |answer| take(answer, wanted, window, follow, ended.clone()));
        let seen = RwSignal::new(window.with_untracked(|window| window.as_ref().map_or(0, LogWindow::last_sequence)));
        let feed = Self { window, wanted, follow, poll, seen, is_loading_earlier: RwSignal::new(false) };
        feed.keep_up();
        feed
    }

    /// Asks at once when another execution is wanted, or when the reader comes back to the end.
    fn keep_up(self) {
        Effect::new(move |_| {
            let wanted = self.wanted.get();
            if self.window.with_untracked(|window| window.as_ref().map(|window| window.execution)) != wanted {
                self.poll.wake();
            }
        });
        Effect::new(move |_| {
            if self.follow.at_end() {
                self.seen.set(self.of(LogWindow::last_sequence).unwrap_or(0));
                if self.window.with_untracked(|window| window.as_ref().is_some_and(|window| window.missing() > 0)) {
                    self.poll.wake();
                }
            }
        });
    }

    /// Asks now.
    pub fn wake(self) {
        self.poll.wake();
    }

    /// The execution whose rows are here. Lags behind the wanted one until its first rows have come.
    pub fn execution(self) -> Option<ExecutionId> {
        self.of(|window| window.execution)
    }

    /// The rows, each with the execution that it belongs to.
    pub fn rows(self) -> Vec<(ExecutionId, Arc<LogLine>)> {
        self.of(|window| window.rows().into_iter().map(|row| (window.execution, row)).collect()).unwrap_or_default()
    }

    pub fn is_complete(self) -> bool {
        self.of(LogWindow::is_complete).unwrap_or(false)
    }

    pub fn last_sequence(self) -> i64 {
        self.of(LogWindow::last_sequence).unwrap_or(0)
    }

    pub fn has_earlier(self) -> bool {
        self.of(LogWindow::has_earlier).unwrap_or(false)
    }

    /// How many rows have come since the reader left the end.
    pub fn unseen(self) -> i64 {
        if self.follow.at_end() { 0 } else { self.last_sequence() - self.seen.get() }
    }

    pub fn is_loading_earlier(self) -> bool {
        self.is_loading_earlier.get()
    }

    pub fn load_earlier(self) {
        let asked =
            self.window.with_untracked(|window| window.as_ref().map(|window| (window.execution, window.earlier())));
        let Some((execution, slice)) = asked else { return };
        if self.is_loading_earlier.get_untracked() {
            return;
        }
        self.is_loading_earlier.set(true);
        spawn_local(async move {
            let answer = read_log(execution, slice, PAGE).await;
            // The page may be gone by now, and its signals with it.
            if self.is_loading_earlier.try_set(false).is_some() {
                return;
            }
            let Ok(log) = answer else { return };
            self.follow.hold(|| {
                self.window.update(|window| {
                    // Another execution may have been chosen, or the window begun anew, in the meantime.
                    if let Some(window) = window
                        && window.execution == execution
                        && window.earlier() == slice
                    {
                        window.prepend(log);
                    }
                })
            });
        });
    }

    fn of<T>(self, read: impl FnOnce(&LogWindow) -> T) -> Option<T> {
        self.window.with(|window| window.as_ref().map(read))
    }
}

type Question = (ExecutionId, LogSlice, i64);

fn question(wanted: Option<ExecutionId>, window: RwSignal<Option<LogWindow>>, following: bool) -> Option<Question> {
    let wanted = wanted?;
    window.with_untracked(|window| match window {
        Some(window) if window.execution == wanted => {
            window.next(following).map(|(slice, limit)| (wanted, slice, limit))
        }
        _ => Some((wanted, LogSlice::Tail, PAGE)),
    })
}

fn take(
    answer: Result<Option<ExecutionLog>, Failure>,
    wanted: Memo<Option<ExecutionId>>,
    window: RwSignal<Option<LogWindow>>,
    follow: FollowEnd,
    ended: impl Fn(),
) -> Next {
    let log = match answer {
        Ok(Some(log)) => log,
        Ok(None) => return Next::WhenWoken,
        Err(_) => return Next::InMs(AFTER_FAILURE_MS),
    };
    if wanted.get_untracked() != Some(log.execution_id) {
        return Next::InMs(0);
    }
    let (complete, following) = (log.complete, follow.at_end_untracked());
    let is_other =
        window.with_untracked(|window| window.as_ref().map(|window| window.execution)) != Some(log.execution_id);
    if is_other {
        window.set(Some(LogWindow::new(log)));
        follow.to_end();
    } else {
        window.maybe_update(|window| window.as_mut().is_some_and(|window| window.append(log, following)));
        follow.grown();
    }
    if complete {
        ended();
    }
    window.with_untracked(|window| match window {
        Some(window) if window.next(following).is_none() => Next::WhenWoken,
        Some(window) if following && window.missing() > 0 => Next::InMs(0),
        _ => Next::InMs(PACE_MS),
    })
}
