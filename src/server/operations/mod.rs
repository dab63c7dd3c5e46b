//! What can be asked of Cardume: one function an operation, called by the REST API and by the server functions alike.
//!
//! Each checks its input, does one thing in the store, and answers in the words of [`crate::domain`]; its failures are
//! [`Problem`]s that may be shown to anybody. Operations never start a process: they record what is wanted, and the
//! engine does it.

mod boards;
mod call;
mod cards;
mod logs;
mod projects;
mod runs;
mod search;
mod usage;

use std::time::Duration;

use crate::domain::{Agent, Problem};
use crate::server::agents::Agents;
use crate::server::engine::Engine;
use crate::server::now;
use crate::server::store::{Store, StoreError};

pub use call::Call;

/// A server that has to wait longer than this before it can write is not well.
const WRITABLE_WITHIN: Duration = Duration::from_millis(1500);

/// The running server: what an operation needs. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub store: Store,
    pub agents: Agents,
    pub engine: Engine,
    known_board: boards::KnownBoard,
}

/// What an operation answers.
pub type Answer<T> = Result<T, Problem>;

impl App {
    pub fn new(store: Store, agents: Agents, engine: Engine) -> Self {
        Self { store, agents, engine, known_board: Default::default() }
    }

    /// `Err` (503) says why nothing can be written now. The answer comes soon, whatever the database does.
    pub async fn health(&self) -> Answer<()> {
        if let Some(reason) = self.store.lease().and_then(|lease| lease.proof().reason()) {
            return Err(Problem::unavailable(reason));
        }
        if self.store.is_damaged() {
            return Err(Problem::unavailable("The database is damaged. The log of the server says how to go on."));
        }
        if self.engine.is_disk_full() {
            return Err(Problem::unavailable(
                "The disk is full. Agents wait until there is room again; nothing is lost.",
            ));
        }
        match tokio::time::timeout(WRITABLE_WITHIN, self.store.check_writable(now())).await {
            Ok(written) => Ok(written?),
            Err(_) => Err(Problem::unavailable(
                "The database does not answer in time: something else holds it locked, or it is away.",
            )),
        }
    }

    /// Every agent, the default one first.
    pub async fn agents(&self) -> Vec<Agent> {
        let (mut agents, default) = (self.agents.list().await, self.agents.default_name().await);
        agents.sort_by_key(|agent| agent.name != default);
        agents
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(what) => Self::not_found(format!("There is no such {what}.")),
            StoreError::Conflict(why) => Self::conflict(why),
            StoreError::Unwritable(cause) => {
                tracing::warn!(%cause, "the database cannot be written now");
                Self::unavailable("The database cannot be written now. Nothing was changed; try again in a moment.")
            }
            StoreError::Unknown(cause) => {
                tracing::warn!(%cause, "the database did not say whether it has saved a change");
                Self::outcome_unknown()
            }
            StoreError::KeyReused => {
                Self::invalid("This Idempotency-Key was used for another request. Use a new key for each request.")
            }
            StoreError::Unproven(reason) => Self::unavailable(format!("{reason} Nothing was changed.")),
            StoreError::Database(cause) => {
                tracing::error!(%cause, "the database failed");
                Self::internal()
            }
        }
    }
}

/// Text that an agent gets, and that goes into a commit: NUL cannot.
fn without_nul(what: &str, text: &str) -> Answer<()> {
    if text.contains('\0') {
        return Err(Problem::invalid(format!("The {what} has a NUL character in it.")));
    }
    Ok(())
}
