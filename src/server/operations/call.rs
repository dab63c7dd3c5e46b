//! What an operation that creates or starts something is given besides its arguments.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Answer;
use crate::domain::{Problem, RequestKey};
use crate::server::now;
use crate::server::store::Repeat;

/// How an operation was called.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// With a key, the call can be repeated: it is carried out once, and answered the same for a day.
    pub key: Option<RequestKey>,
}

impl Call {
    pub fn with_key(key: Option<RequestKey>) -> Self {
        Self { key }
    }

    /// Names this call of `operation`: with other arguments it is another request.
    pub(super) fn repeat(&self, operation: &str, arguments: &impl Serialize) -> Answer<Option<Repeat>> {
        let Some(key) = &self.key else { return Ok(None) };
        let request = serde_json::to_vec(&(operation, arguments)).map_err(|error| {
            tracing::error!(%error, operation, "the arguments of a call have no JSON");
            Problem::internal()
        })?;
        let fingerprint = Sha256::digest(request).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Some(Repeat { key: key.clone(), fingerprint, at: now() }))
    }
}
