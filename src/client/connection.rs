//! Asking the server, and waiting for it where it is being restarted.

use std::cell::Cell;
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::request::Builder;
use ureq::http::{Request, Uri};
use uuid::Uuid;

use crate::domain::{BadRequestKey, Problem, RequestKey};

/// A page of a log may hold several hundred rows of 256 KiB.
const ANSWER_MAX_BYTES: u64 = 512 * 1024 * 1024;
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
const ANSWER_PATIENCE: Duration = Duration::from_secs(60);
/// How long a server may be away before whoever follows a run gives up on it.
const RESTART_PATIENCE: Duration = Duration::from_secs(60);
/// How long a request is sent again of which nobody knows whether it was carried out.
const REPEAT_PATIENCE: Duration = Duration::from_secs(15);
const RETRY_EVERY: Duration = Duration::from_millis(300);

/// A server that can be asked.
pub struct Connection {
    agent: ureq::Agent,
    base: String,
    authorization: Option<String>,
    /// It has answered at least once: it is there, and worth waiting for.
    has_answered: Cell<bool>,
}

/// Why there is no good answer.
#[derive(Debug)]
pub enum Failure {
    /// There was no answer. The server may be on its way up or down.
    Away(String),
    /// There was no answer to a request that may have arrived.
    Unanswered(String),
    /// The server said no.
    Refused(Problem),
    Unintelligible(String),
}

impl std::error::Error for Failure {}

impl Failure {
    /// Worth trying again in a moment.
    fn is_transient(&self) -> bool {
        match self {
            Self::Away(_) | Self::Unanswered(_) => true,
            Self::Refused(problem) => problem.status == 503,
            Self::Unintelligible(_) => false,
        }
    }

    /// Nobody knows whether the request was carried out.
    fn is_outcome_unknown(&self) -> bool {
        match self {
            Self::Unanswered(_) => true,
            Self::Refused(problem) => problem.is_outcome_unknown(),
            Self::Away(_) | Self::Unintelligible(_) => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(why) => write!(f, "no answer from {why}. Does `cardume serve` run there?"),
            Self::Unanswered(why) => write!(
                f,
                "no answer from {why}, so it is unknown whether this was done. See `cardume cards` before you try again."
            ),
            Self::Refused(problem) if problem.is_outcome_unknown() => write!(
                f,
                "It is unknown whether this was saved: the database's answer was lost. See `cardume cards` before you try again."
            ),
            Self::Refused(problem) => f.write_str(&problem.detail),
            Self::Unintelligible(why) => write!(f, "the answer makes no sense ({why}). Is this a Cardume server?"),
        }
    }
}

impl Connection {
    /// Says nothing to the server yet.
    pub fn to(server: &str, token: Option<String>) -> anyhow::Result<Self> {
        let base = server.trim_end_matches('/').to_owned();
        let uri: Uri = base.parse().with_context(|| format!("“{server}” is no URL"))?;
        let Some(host) = uri.host().filter(|_| matches!(uri.scheme_str(), Some("http" | "https"))) else {
            bail!("“{server}” is no server's URL; write it like http://127.0.0.1:3000");
        };
        let is_here = host == "localhost" || host == "[::1]" || host.starts_with("127.");
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_PATIENCE))
            .timeout_global(Some(ANSWER_PATIENCE));
        if is_here {
            config = config.proxy(None);
        }
        let authorization = token.filter(|token| !token.is_empty()).map(|token| format!("Bearer {token}"));
        Ok(Self { agent: config.build().into(), base, authorization, has_answered: Cell::new(false) })
    }

    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.ask(Request::get(self.address(path)), None)
    }

    /// Creates or starts something, once. Where nobody knows whether it was done, the same request is sent again, with
    /// the same key: the server does it only if it hasn't, and answers the same.
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        let body = serde_json::to_string(body).map_err(|error| Failure::Unintelligible(error.to_string()))?;
        let key = new_key()?;
        let mut is_unknown = false;
        self.patiently(
            || {
                let request = Request::post(self.address(path)).header("idempotency-key", key.as_str());
                self.ask(request, Some(&body)).map_err(|failure| match failure {
                    // The request before this one may have arrived.
                    failure if is_unknown && failure.is_transient() => Failure::Unanswered(self.base.clone()),
                    failure => {
                        is_unknown |= failure.is_outcome_unknown();
                        failure
                    }
                })
            },
            Failure::is_outcome_unknown,
            REPEAT_PATIENCE,
        )
    }

    /// Goes on asking where a server that has answered before is away, for a minute.
    pub fn get_patiently<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.patiently(|| self.get(path), |failure| failure.is_transient() && self.has_answered.get(), RESTART_PATIENCE)
    }

    fn patiently<T>(
        &self,
        mut ask: impl FnMut() -> Result<T, Failure>,
        is_worth_it: impl Fn(&Failure) -> bool,
        patience: Duration,
    ) -> Result<T, Failure> {
        let mut away_since = None;
        loop {
            let failure = match ask() {
                Err(failure) if is_worth_it(&failure) => failure,
                answer => return answer,
            };
            let since = *away_since.get_or_insert_with(|| {
                eprintln!("cardume: the server does not answer; reconnecting …");
                Instant::now()
            });
            if since.elapsed() > patience {
                return Err(failure);
            }
            std::thread::sleep(RETRY_EVERY);
        }
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn ask<T: DeserializeOwned>(&self, mut request: Builder, body: Option<&str>) -> Result<T, Failure> {
        let changes_something = body.is_some();
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let answer = match body {
            Some(body) => {
                let request = request.header("content-type", "application/json").body(body.to_owned());
                request.map_err(ureq::Error::from).and_then(|request| self.agent.run(request))
            }
            None => request.body(()).map_err(ureq::Error::from).and_then(|request| self.agent.run(request)),
        };
        let away = |error: ureq::Error| {
            let why = format!("{} ({error})", self.base);
            if changes_something && may_have_arrived(&error) { Failure::Unanswered(why) } else { Failure::Away(why) }
        };
        let mut answer = answer.map_err(away)?;
        let status = answer.status();
        let text = answer.body_mut().with_config().limit(ANSWER_MAX_BYTES).read_to_string().map_err(away)?;
        if status.is_success() {
            self.has_answered.set(true);
            return serde_json::from_str(&text).map_err(|error| Failure::Unintelligible(error.to_string()));
        }
        match serde_json::from_str(&text) {
            Ok(problem) => Err(Failure::Refused(problem)),
            // A proxy's words for the same.
            Err(_) if matches!(status.as_u16(), 502..=504) => {
                let why = format!("{} (status {status})", self.base);
                Err(if changes_something { Failure::Unanswered(why) } else { Failure::Away(why) })
            }
            Err(_) => Err(Failure::Unintelligible(format!("status {status}"))),
        }
    }
}

/// Not where there was no connection, over which it could have gone.
fn may_have_arrived(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Io(error) => error.kind() != std::io::ErrorKind::ConnectionRefused,
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => false,
        ureq::Error::Timeout(phase) => !matches!(phase, ureq::Timeout::Resolve | ureq::Timeout::Connect),
        _ => true,
    }
}

fn new_key() -> Result<RequestKey, Failure> {
    let key = format!("terminal/{}", Uuid::now_v7());
    key.parse().map_err(|error: BadRequestKey| Failure::Unintelligible(error.to_string()))
}
