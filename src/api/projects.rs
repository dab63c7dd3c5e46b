//! Projects and agents: what a new card can choose from.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;

use super::Failure;
use crate::domain::{Agent, NewProject, Project, ProjectEdit, ProjectId};

/// Adds a project; answers the one that is there if its path is known already. 422 for what is no git repository.
#[server(prefix = "/fn", endpoint = "add_project", input = Json)]
pub async fn add_project(project: NewProject) -> Result<Project, Failure> {
    let app = expect_context::<crate::server::App>();
    Ok(app.add_project(project).await?.0)
}

/// Changes a project; answers it as it is now.
#[server(prefix = "/fn", endpoint = "edit_project", input = Json)]
pub async fn edit_project(id: ProjectId, edit: ProjectEdit) -> Result<Project, Failure> {
    let app = expect_context::<crate::server::App>();
    Ok(app.edit_project(id, edit).await?)
}

/// The agents, the default one first.
#[server(prefix = "/fn", endpoint = "agents", input = Json)]
pub async fn agents() -> Result<Vec<Agent>, Failure> {
    let app = expect_context::<crate::server::App>();
    Ok(app.agents().await)
}
