//! An agent, as the board offers it.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Agent {
    #[cfg_attr(feature = "ssr", schema(min_length = 1))]
    pub name: String,
    /// Whether its program is installed on the server.
    pub available: bool,
    pub version: Option<String>,
    /// Where it is not available: why, and what to do.
    pub reason: Option<String>,
    /// Whether a card may name the model that it works with.
    #[serde(default)]
    pub takes_model: bool,
    /// Names of models that it is known to take. There may be others.
    #[serde(default)]
    pub models: Vec<String>,
}
