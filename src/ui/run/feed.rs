//! What comes in of a log: from the last row that the page has, while there is more to come; and the rows around wherever
//! the reader goes.

use std::sync::Arc;
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::range::LineRange;
use super::window::{LogWindow, PAGE, Row};
use crate::api::{Failure, LogPage, read_log};
use crate::domain::{ExecutionId, LogLine, LogSlice, Timestamp};
use crate::ui::hooks::{FollowEnd, Next, Poll, Wanted, use_poll};

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
    is_loading: RwSignal<bool>,
    /// Counts what was asked for on the reader's way: only the answer to the last is wanted.
    asked: StoredValue<u32>,
}

impl LogFeed {
    /// Begins with what the page was loaded with; calls `ended` when the wanted execution's log is complete.
    pub fn new(
        loaded: Option<LogPage>,
        wanted: Memo<Option<ExecutionId>>,
        lines: Memo<Option<LineRange>>,
        ended: impl Fn() + Clone + 'static,
    ) -> Self {
        let window = RwSignal::new(loaded.map(LogWindow::new));
        let follow = FollowEnd::new(lines.get_untracked().is_none());
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
        let (is_loading, asked) = (RwSignal::new(false), StoredValue::new(0));
        let feed = Self { window, wanted, follow, poll, seen, is_loading, asked };
        feed.keep_up();
        Effect::new(move |before: Option<()>| {
            if let Some(lines) = lines.get() {
                feed.bring(lines.first, if before.is_none() { FollowEnd::open_at } else { FollowEnd::reveal });
            }
        });
        feed
    }

    /// Asks at once when another execution is wanted, or when the reader comes back to the end; and makes space for the
    /// rows that are not here.
    fn keep_up(self) {
        let absent = Memo::new(move |_| self.of(|window| (window.first() - 1, window.missing())).unwrap_or((0, 0)));
        Effect::new(move |before: Option<()>| {
            let (earlier, later) = absent.get();
            match before {
                None => self.follow.begin(earlier, later),
                Some(()) => self.follow.make_space(earlier, later),
            }
        });
        Effect::new(move |_| {
            let wanted = self.wanted.get();
            if self.window.with_untracked(|window| window.as_ref().map(|window| window.execution)) != wanted {
                self.poll.wake();
            }
        });
        Effect::new(move |_| {
            if self.follow.at_end() {
                self.seen.set(self.of(LogWindow::last_sequence).unwrap_or(0));
                if self.window.with_untracked(|window| window.as_ref().is_some_and(LogWindow::is_lacking)) {
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

    pub fn execution_untracked(self) -> Option<ExecutionId> {
        self.window.with_untracked(|window| window.as_ref().map(|window| window.execution))
    }

    /// When the execution whose rows are here began.
    pub fn started_untracked(self) -> Option<Timestamp> {
        self.window.with_untracked(|window| window.as_ref().map(|window| window.started_at))
    }

    /// The rows, each with the execution that it belongs to.
    pub fn rows(self) -> Vec<(ExecutionId, Arc<Row>)> {
        self.of(|window| window.rows().into_iter().map(|row| (window.execution, row)).collect()).unwrap_or_default()
    }

    /// What some lines say, as it was printed; `None` where not all of them are here.
    pub fn text(self, lines: LineRange) -> Option<String> {
        self.window.with_untracked(|window| {
            let window = window.as_ref().filter(|window| window.has(lines.first) && window.has(lines.last))?;
            let rows = window.rows();
            Some(LogLine::printed(rows.iter().map(|row| &row.line).filter(|line| lines.has(line.sequence))))
        })
    }

    pub fn is_complete(self) -> bool {
        self.of(LogWindow::is_complete).unwrap_or(false)
    }

    pub fn last_sequence(self) -> i64 {
        self.of(LogWindow::last_sequence).unwrap_or(0)
    }

    /// How many rows have come since the reader left the end.
    pub fn unseen(self) -> i64 {
        if self.follow.at_end() { 0 } else { self.last_sequence() - self.seen.get() }
    }

    pub fn is_loading(self) -> bool {
        self.is_loading.get()
    }

    /// The sequences of the first and the last row that are here.
    pub fn bounds(self) -> (i64, i64) {
        self.of(|window| (window.first(), window.last())).unwrap_or((1, 0))
    }

    /// Call when the list has been scrolled: loads what is wanted where the reader is now.
    pub fn scrolled(self) {
        self.follow.scrolled();
        self.load_wanted();
    }

    fn load_wanted(self) {
        if self.is_loading.get_untracked() || self.follow.at_end_untracked() {
            return;
        }
        match self.follow.wanted() {
            Some(Wanted::Earlier) => {
                self.load(LogWindow::earlier, |feed, log| feed.change(|window| window.prepend(log)))
            }
            Some(Wanted::Later) => self.load(LogWindow::later, |feed, log| feed.change(|window| window.extend(log))),
            Some(Wanted::Around(sequence)) => self.open_at(sequence),
            None => {}
        }
    }

    /// Brings a row into view, loads what is around it where that is not here, and follows the end no longer.
    pub fn go_to(self, sequence: i64) {
        self.bring(sequence, FollowEnd::reveal);
    }

    fn bring(self, sequence: i64, show: fn(FollowEnd, i64)) {
        let last = self.window.with_untracked(|window| window.as_ref().map_or(0, LogWindow::last_sequence));
        let sequence = sequence.clamp(1, last.max(1));
        if self.window.with_untracked(|window| window.as_ref().is_some_and(|window| window.has(sequence))) {
            show(self.follow, sequence);
        } else {
            self.open_at(sequence);
        }
    }

    fn open_at(self, sequence: i64) {
        self.load(
            move |_| LogWindow::around(sequence),
            move |feed, log| {
                feed.window.set(Some(LogWindow::new(log)));
                feed.follow.reveal(sequence);
            },
        );
    }

    /// Changes the window while what is being read stays where it is.
    fn change(self, change: impl FnOnce(&mut LogWindow)) {
        self.follow.hold(|| {
            self.window.update(|window| {
                if let Some(window) = window {
                    change(window);
                }
            })
        });
    }

    /// Loads what `slice` names, and lets `take` have it where the reader still wants it.
    fn load(self, slice: impl Fn(&LogWindow) -> LogSlice + 'static, take: impl FnOnce(Self, LogPage) + 'static) {
        let asked =
            self.window.with_untracked(|window| window.as_ref().map(|window| (window.execution, slice(window))));
        let Some((execution, asked_for)) = asked else { return };
        let number = self.asked.get_value().wrapping_add(1);
        self.asked.set_value(number);
        self.is_loading.set(true);
        spawn_local(async move {
            let answer = read_log(execution, asked_for, PAGE).await;
            // The page may be gone by now, and its signals with it; or the reader be elsewhere.
            if self.asked.try_get_value() != Some(number) {
                return;
            }
            self.is_loading.set(false);
            // Another execution may have been chosen, or the window begun anew, in the meantime.
            let is_wanted = self.window.with_untracked(|window| {
                window.as_ref().is_some_and(|window| window.execution == execution && slice(window) == asked_for)
            });
            let go_on = move || {
                if self.is_loading.try_get_untracked().is_some() {
                    self.load_wanted();
                }
            };
            match answer {
                Ok(log) if is_wanted => {
                    take(self, log);
                    // The reader may have gone on meanwhile.
                    request_animation_frame(move || request_animation_frame(go_on));
                }
                Ok(_) => {}
                // The server is away. Whoever reads where nothing is yet does not have to scroll for it to come.
                Err(_) => set_timeout(go_on, Duration::from_millis(AFTER_FAILURE_MS.into())),
            }
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
    answer: Result<Option<LogPage>, Failure>,
    wanted: Memo<Option<ExecutionId>>,
    window: RwSignal<Option<LogWindow>>,
    follow: FollowEnd,
    ended: impl Fn(),
) -> Next {
    let page = match answer {
        Ok(Some(page)) => page,
        Ok(None) => return Next::WhenWoken,
        Err(_) => return Next::InMs(AFTER_FAILURE_MS),
    };
    let (execution, complete) = (page.log.execution_id, page.log.complete);
    if wanted.get_untracked() != Some(execution) {
        return Next::InMs(0);
    }
    let following = follow.at_end_untracked();
    let is_other = window.with_untracked(|window| window.as_ref().map(|window| window.execution)) != Some(execution);
    if is_other {
        window.set(Some(LogWindow::new(page)));
        follow.to_end();
    } else {
        window.maybe_update(|window| window.as_mut().is_some_and(|window| window.append(page, following)));
        follow.grown();
    }
    if complete {
        ended();
    }
    window.with_untracked(|window| match window {
        Some(window) if window.next(following).is_none() => Next::WhenWoken,
        Some(window) if following && window.is_lacking() => Next::InMs(0),
        _ => Next::InMs(PACE_MS),
    })
}
