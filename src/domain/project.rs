//! A project: a git repository on disk that agents work on.

use serde::{Deserialize, Serialize};

use super::{ProjectId, Timestamp};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Project {
    pub id: ProjectId,
    #[cfg_attr(feature = "ssr", schema(min_length = 1))]
    pub name: String,
    /// The top of the repository's working tree, absolute.
    #[cfg_attr(feature = "ssr", schema(min_length = 1, max_length = 4096))]
    pub path: String,
    pub created_at: Timestamp,
    /// What looks like a secret is masked in its logs.
    pub mask_secrets: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct NewProject {
    /// A folder of a git repository, absolute; at most 4096 bytes.
    #[cfg_attr(feature = "ssr", schema(min_length = 1, max_length = 4096, pattern = r"^[^\u0000]+$"))]
    pub path: String,
    /// At most 100 characters. Absent: the name of its folder.
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(max_length = 100, pattern = r"^[^\u0000]*$"))]
    pub name: Option<String>,
}

/// A change to a project. Absent fields stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProjectEdit {
    /// Whether what looks like a secret is masked in its logs. Holds for executions that begin from now on.
    #[serde(default)]
    pub mask_secrets: Option<bool>,
    /// Where the repository is now. Refused while an agent works on one of its cards.
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(min_length = 1, max_length = 4096, pattern = r"^[^\u0000]+$"))]
    pub path: Option<String>,
}
