//! Projects and agents: what a new card can choose from.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use serde::{Deserialize, Serialize};

use super::Failure;
use crate::domain::{Agent, NewProject, Project, ProjectEdit, ProjectId, RequestKey};

/// Adds a project, once for each `key`; answers the one that is there if its path is known already. 422 for what is no git repository.
#[server(prefix = "/fn", endpoint = "add_project", input = Json)]
pub async fn add_project(project: NewProject, key: Option<RequestKey>) -> Result<Project, Failure> {
    let app = expect_context::<crate::server::App>();
    Ok(app.add_project(&crate::server::Call::with_key(key), project).await?.0)
}

/// Changes a project; answers it as it is now. 422 where its new path leads to no git repository; 409 while an agent works
/// on one of its cards.
#[server(prefix = "/fn", endpoint = "edit_project", input = Json)]
pub async fn edit_project(id: ProjectId, edit: ProjectEdit) -> Result<Project, Failure> {
    let app = expect_context::<crate::server::App>();
    Ok(app.edit_project(id, edit).await?)
}

/// Forgets a project, its cards and their logs; the repository stays. 409 while one of its cards runs.
#[server(prefix = "/fn", endpoint = "remove_project", input = Json)]
pub async fn remove_project(id: ProjectId) -> Result<(), Failure> {
    let app = expect_context::<crate::server::App>();
    Ok(app.remove_project(id).await?)
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PathTarget {
    /// A git repository, whose top this is.
    Repository(String),
    /// None, and why.
    Other(String),
}

/// What a path leads to. That it is no repository is no failure: somebody may still be typing.
#[server(prefix = "/fn", endpoint = "look_at_path", input = Json)]
pub async fn look_at_path(path: String) -> Result<PathTarget, Failure> {
    let app = expect_context::<crate::server::App>();
    Ok(match app.repository_at(&path).await {
        Ok(top) => PathTarget::Repository(top),
        Err(problem) => PathTarget::Other(Failure(problem).to_string()),
    })
}

/// The agents, the default one first.
#[server(prefix = "/fn", endpoint = "agents", input = Json)]
pub async fn agents() -> Result<Vec<Agent>, Failure> {
    let app = expect_context::<crate::server::App>();
    Ok(app.agents().await)
}
