//! Asking the server, and waiting for it where it is being restarted.

use std::cell::Cell;
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::{Method, Request, Uri};

use crate::domain::Problem;

/// A page of a log may hold several hundred rows of 256 KiB.
const ANSWER_MAX_BYTES: u64 = 512 * 1024 * 1024;
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
const ANSWER_PATIENCE: Duration = Duration::from_secs(60);
/// How long a server may be away before whoever follows a run gives up on it.
const RESTART_PATIENCE: Duration = Duration::from_secs(60);
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
    /// The server said no.
    Refused(Problem),
    Unintelligible(String),
}

impl std::error::Error for Failure {}

impl Failure {
    /// Worth trying again in a moment.
    fn is_transient(&self) -> bool {
        match self {
            Self::Away(_) => true,
            Self::Refused(problem) => problem.status == 503,
            Self::Unintelligible(_) => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(why) => write!(f, "no answer from {why}. Does `cardume serve` run there?"),
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
        self.ask(Method::GET, path, None)
    }

    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        let body = serde_json::to_string(body).map_err(|error| Failure::Unintelligible(error.to_string()))?;
        self.ask(Method::POST, path, Some(body))
    }

    /// Goes on asking where a server that has answered before is away, for a minute. Only for questions: what changes
    /// something might be done twice.
    pub fn get_patiently<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let mut away_since = None;
        loop {
            let failure = match self.get(path) {
                Err(failure) if failure.is_transient() && self.has_answered.get() => failure,
                answer => return answer,
            };
            let since = *away_since.get_or_insert_with(|| {
                eprintln!("cardume: the server does not answer; reconnecting …");
                Instant::now()
            });
            if since.elapsed() > RESTART_PATIENCE {
                return Err(failure);
            }
            std::thread::sleep(RETRY_EVERY);
        }
    }

    fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: Option<String>) -> Result<T, Failure> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let answer = match body {
            Some(body) => {
                let request = request.header("content-type", "application/json").body(body);
                request.map_err(ureq::Error::from).and_then(|request| self.agent.run(request))
            }
            None => request.body(()).map_err(ureq::Error::from).and_then(|request| self.agent.run(request)),
        };
        let away = |error: ureq::Error| Failure::Away(format!("{} ({error})", self.base));
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
                Err(Failure::Away(format!("{} (status {status})", self.base)))
            }
            Err(_) => Err(Failure::Unintelligible(format!("status {status}"))),
        }
    }
}
