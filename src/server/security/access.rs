//! The last question of the guard: a token, or a browser that is logged in.
//!
//! On loopback nobody is asked, until a token or a password is there or the configuration wants it. Once that was so in
//! a server's life it stays so: revoking the last token opens nothing.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, header};
use tokio::sync::Semaphore;

use super::attempts::Attempts;
use super::{cookie, secret};
use crate::domain::{Problem, Timestamp};
use crate::server::config::AccessConfig;
use crate::server::now;
use crate::server::store::{Grant, Store, StoreError};

const SESSION_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const LINK_LIFETIME: Duration = Duration::from_secs(15 * 60);
/// So many passwords are looked at at a time; each takes 19 MiB and a thread.
const PASSWORDS_AT_ONCE: usize = 2;
const PASSWORD_PATIENCE: Duration = Duration::from_secs(10);
/// No secret is longer.
const SECRET_MAX_BYTES: usize = 1024;

/// How a request came in. Goes along with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Nobody was asked.
    Open,
    Token,
    /// A browser that is logged in, and can log out.
    Session,
}

/// Why a request stays outside.
#[derive(Debug)]
pub enum Denial {
    /// It has shown nothing, or a session that has ended.
    Nothing,
    Wrong,
    /// There were too many wrong ones from there.
    TooMany {
        wait: Duration,
    },
    /// It cannot be told now.
    Unknown(Problem),
}

impl From<StoreError> for Denial {
    fn from(error: StoreError) -> Self {
        Self::Unknown(error.into())
    }
}

/// Who may come in. Cheap to clone.
#[derive(Clone)]
pub struct Access(Arc<Inner>);

struct Inner {
    store: Store,
    configured: Option<[u8; 32]>,
    is_required: AtomicBool,
    attempts: Attempts,
    passwords: Semaphore,
    cookie: String,
}

impl Access {
    /// For a server that listens at `bound`. Knows of what is in the database only after [`Access::look`].
    pub fn new(store: Store, config: &AccessConfig, bound: SocketAddr) -> Self {
        let is_required = config.required || !bound.ip().to_canonical().is_loopback();
        Self(Arc::new(Inner {
            store,
            configured: config.token.as_deref().map(secret::digest),
            is_required: AtomicBool::new(is_required),
            attempts: Attempts::new(),
            passwords: Semaphore::new(PASSWORDS_AT_ONCE),
            // Cookies know no ports: two boards on one machine must not log each other out.
            cookie: format!("cardume-{}", bound.port()),
        }))
    }

    /// Whether everybody is asked.
    pub fn is_required(&self) -> bool {
        self.0.is_required.load(Ordering::Acquire)
    }

    /// Looks whether a token or a password is there by now.
    pub async fn look(&self) -> Result<(), StoreError> {
        if !self.is_required() && self.0.store.has_credentials().await? {
            self.0.is_required.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Lets a request in, or says why not.
    pub async fn admit(&self, headers: &HeaderMap, peer: IpAddr) -> Result<Entry, Denial> {
        if !self.is_required() {
            return Ok(Entry::Open);
        }
        if let Some(token) = bearer(headers) {
            return self.admit_token(token, peer).await.map(|()| Entry::Token);
        }
        match self.session(headers) {
            Some(session) if self.0.store.has_session(&session, now()).await? => Ok(Entry::Session),
            _ => Err(Denial::Nothing),
        }
    }

    /// Nobody guesses a token of ours, which is random: it is good even where others from the same address were wrong.
    /// One that somebody has thought up is not even looked at there.
    async fn admit_token(&self, token: &str, peer: IpAddr) -> Result<(), Denial> {
        if self.0.configured.is_some()
            && let Ok(attempt) = self.0.attempts.begin(peer).await
        {
            let is_configured = self.is_configured(token);
            attempt.forgive();
            if is_configured {
                return Ok(());
            }
        }
        if self.0.store.token_of(&secret::hash(token)).await?.is_some() {
            return Ok(());
        }
        match self.0.attempts.begin(peer).await {
            Ok(_counted) => Err(Denial::Wrong),
            Err(wait) => Err(Denial::TooMany { wait }),
        }
    }

    fn is_configured(&self, token: &str) -> bool {
        self.0.configured.as_ref().is_some_and(|configured| secret::is_same(configured, &secret::digest(token)))
    }

    /// Logs a browser in with a token or the password; answers its cookie.
    pub async fn log_in(&self, given: &str, peer: IpAddr) -> Result<String, Denial> {
        if given.is_empty() || given.len() > SECRET_MAX_BYTES {
            return Err(Denial::Wrong);
        }
        let attempt = self.0.attempts.begin(peer).await.map_err(|wait| Denial::TooMany { wait })?;
        let grant = self.grant(given).await?.ok_or(Denial::Wrong)?;
        attempt.forgive();
        self.open_session(&grant).await
    }

    async fn grant(&self, given: &str) -> Result<Option<Grant>, Denial> {
        if self.is_configured(given) {
            return Ok(Some(Grant::Configured));
        }
        if let Some(name) = self.0.store.token_of(&secret::hash(given)).await? {
            return Ok(Some(Grant::Token(name)));
        }
        let Some(hash) = self.0.store.password().await? else { return Ok(None) };
        let busy = Denial::TooMany { wait: PASSWORD_PATIENCE };
        let Ok(Ok(_turn)) = tokio::time::timeout(PASSWORD_PATIENCE, self.0.passwords.acquire()).await else {
            return Err(busy);
        };
        let given = given.to_owned();
        let is_right = tokio::task::spawn_blocking(move || secret::is_password(&given, &hash)).await;
        Ok(is_right.unwrap_or(false).then_some(Grant::Password))
    }

    /// Logs a browser in with the code of a link, which is used up by it; answers its cookie.
    pub async fn redeem(&self, code: &str, peer: IpAddr) -> Result<String, Denial> {
        let attempt = self.0.attempts.begin(peer).await.map_err(|wait| Denial::TooMany { wait })?;
        let taken = self.0.store.take_link(&secret::hash(code), now()).await?;
        if !taken {
            return Err(Denial::Wrong);
        }
        attempt.forgive();
        self.open_session(&Grant::Link).await
    }

    async fn open_session(&self, grant: &Grant) -> Result<String, Denial> {
        let session = secret::random::<32>().map_err(|error| {
            tracing::error!("{error}");
            Denial::Unknown(Problem::internal())
        })?;
        let begin = now();
        let (hash, end) = (secret::hash(&session), later(begin, SESSION_LIFETIME));
        self.0.store.open_session(&hash, grant, begin, end).await?;
        Ok(self.cookie(&session, SESSION_LIFETIME))
    }

    /// Ends the browser's session; answers the cookie that takes its place.
    pub async fn log_out(&self, headers: &HeaderMap) -> Result<String, StoreError> {
        if let Some(session) = self.session(headers) {
            self.0.store.end_session(&session).await?;
        }
        Ok(self.cookie("", Duration::ZERO))
    }

    /// The code of a new link.
    pub async fn new_link(&self) -> anyhow::Result<String> {
        let (code, begin) = (secret::random::<16>()?, now());
        self.0.store.add_link(&secret::hash(&code), begin, later(begin, LINK_LIFETIME)).await?;
        Ok(code)
    }

    /// Not `Secure`: whether the browser came over https is known to the proxy in between, and not to us.
    fn cookie(&self, value: &str, lifetime: Duration) -> String {
        let (name, seconds) = (&self.0.cookie, lifetime.as_secs());
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict")
    }

    /// The hash of the session that the request's cookie names.
    fn session(&self, headers: &HeaderMap) -> Option<String> {
        let session = cookie(headers, &self.0.cookie)?;
        (session.len() == 64).then(|| secret::hash(session))
    }
}

/// The token of `Authorization: Bearer …`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.len() <= SECRET_MAX_BYTES).then_some(token)
}

fn later(moment: Timestamp, by: Duration) -> Timestamp {
    let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(moment.as_millis().saturating_add(by))
}
