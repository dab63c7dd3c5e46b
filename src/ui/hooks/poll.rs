//! Asking the server again and again: one question at a time, slower while nobody looks, patient while it is away.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::on_page_wake;
use super::timer::Timeout;
use crate::api::Failure;

/// A hidden page asks no more often than this.
const HIDDEN_MS: u32 = 15_000;
/// A question without an answer for this long counts as failed.
const PATIENCE_MS: u32 = 10_000;
/// After failures the pause doubles from the first to the second of these.
const BACKOFF_MS: (u32, u32) = (500, 5_000);

/// When to ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    InMs(u32),
    /// Only when woken.
    WhenWoken,
}

/// Whether the server answers. One for the whole page.
#[derive(Clone, Copy)]
pub struct Connection {
    lost: RwSignal<bool>,
    logged_out: RwSignal<bool>,
}

impl Connection {
    pub fn is_lost(self) -> bool {
        self.lost.get()
    }

    /// Whether the server answers, and wants a login first.
    pub fn is_logged_out(self) -> bool {
        self.logged_out.get()
    }

    /// Tells how a question ended.
    pub fn note(self, answered: bool) {
        if self.lost.get_untracked() == answered {
            self.lost.set(!answered);
        }
        if self.logged_out.get_untracked() {
            self.logged_out.set(false);
        }
    }

    fn log_out(self) -> Next {
        self.logged_out.set(true);
        Next::WhenWoken
    }
}

pub fn provide_connection() {
    provide_context(Connection { lost: RwSignal::new(false), logged_out: RwSignal::new(false) });
}

pub fn use_connection() -> Connection {
    expect_context()
}

/// A question that is asked again and again.
#[derive(Clone, Copy)]
pub struct Poll(StoredValue<Option<StoredValue<Rc<Asker>, LocalStorage>>>);

impl Poll {
    /// Asks now; or, if a question is on its way, as soon as that is answered.
    pub fn wake(self) {
        if let Some(asker) = self.0.try_get_value().flatten().and_then(|asker| asker.try_get_value()) {
            asker.wake();
        }
    }
}

/// Asks `question` after `first_ms`, gives the answer to `take`, and goes on as that says, until the owner is gone.
///
/// A failure to be waited out never reaches `take`: the page says that it reconnects, and the question is asked again.
/// Nor does that one must log in again: the page says so, and asks no more until somebody comes back to it.
pub fn use_poll<T, F>(
    first_ms: u32,
    question: impl Fn() -> F + 'static,
    take: impl Fn(Result<T, Failure>) -> Next + 'static,
) -> Poll
where
    T: 'static,
    F: Future<Output = Result<T, Failure>> + 'static,
{
    let poll = Poll(StoredValue::new(None));
    let connection = use_connection();
    let take = Rc::new(take);
    let ask = move || -> Asked {
        let (answer, take) = (question(), take.clone());
        Box::pin(async move {
            match answer.await {
                Err(failure) if failure.is_transient() => None,
                Err(failure) if failure.0.status == 401 => Some(Box::new(move || connection.log_out()) as Taken),
                answer => Some(Box::new(move || take(answer)) as Taken),
            }
        })
    };
    let ask: Rc<dyn Fn() -> Asked> = Rc::new(ask);
    Effect::new(move |_| {
        let asker = Asker::new(ask.clone(), connection);
        asker.clone().rest(first_ms);
        let asker = StoredValue::new_local(asker);
        poll.0.set_value(Some(asker));
        on_page_wake(move || poll.wake());
        on_cleanup(move || {
            if let Some(asker) = asker.try_get_value() {
                asker.stop();
            }
        });
    });
    poll
}

/// What to do with an answer.
type Taken = Box<dyn FnOnce() -> Next>;
/// `None`: no answer.
type Asked = Pin<Box<dyn Future<Output = Option<Taken>>>>;

struct Asker {
    ask: Rc<dyn Fn() -> Asked>,
    connection: Connection,
    timer: RefCell<Option<Timeout>>,
    /// Counts the questions: the answer to an earlier one than the last is no longer wanted.
    question: Cell<u32>,
    in_flight: Cell<bool>,
    woken: Cell<bool>,
    failures: Cell<u32>,
}

impl Asker {
    fn new(ask: Rc<dyn Fn() -> Asked>, connection: Connection) -> Rc<Self> {
        Rc::new(Self {
            ask,
            connection,
            timer: RefCell::new(None),
            question: Cell::new(0),
            in_flight: Cell::new(false),
            woken: Cell::new(false),
            failures: Cell::new(0),
        })
    }

    fn wake(self: Rc<Self>) {
        if self.in_flight.get() {
            self.woken.set(true);
        } else {
            self.ask();
        }
    }

    fn stop(&self) {
        self.question.set(self.question.get().wrapping_add(1));
        self.in_flight.set(true);
        self.timer.take();
    }

    fn rest(self: Rc<Self>, pause_ms: u32) {
        let asker = self.clone();
        let timer = Timeout::new(pause_ms, move || asker.ask());
        self.timer.replace(Some(timer));
    }

    fn ask(self: Rc<Self>) {
        let number = self.question.get().wrapping_add(1);
        self.question.set(number);
        self.in_flight.set(true);
        let asker = self.clone();
        let patience = Timeout::new(PATIENCE_MS, move || asker.heard(number, None));
        self.timer.replace(Some(patience));
        let answer = (self.ask)();
        spawn_local(async move {
            let answer = answer.await;
            self.heard(number, answer);
        });
    }

    fn heard(self: Rc<Self>, number: u32, answer: Option<Taken>) {
        if self.question.get() != number || !self.in_flight.replace(false) {
            return;
        }
        self.timer.take();
        self.connection.note(answer.is_some());
        let next = match answer {
            Some(take) => {
                self.failures.set(0);
                take()
            }
            None => {
                let failures = self.failures.get();
                self.failures.set(failures.saturating_add(1));
                Next::InMs((BACKOFF_MS.0 << failures.min(8)).min(BACKOFF_MS.1))
            }
        };
        // Taking the answer may have ended this very poll.
        if self.question.get() != number {
            return;
        }
        match next {
            _ if self.woken.replace(false) => self.ask(),
            Next::InMs(pause) if document().hidden() => self.rest(pause.max(HIDDEN_MS)),
            Next::InMs(pause) => self.rest(pause),
            Next::WhenWoken => {}
        }
    }
}
