//! `/api/projects`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::extract::{Body, Id, KeyHeader};
use super::problem::*;
use crate::domain::{NewProject, Project, ProjectEdit, ProjectId};
use crate::server::{App, Call};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_projects, add_project)).routes(routes!(edit_project, remove_project))
}

#[derive(Serialize, ToSchema)]
struct Projects {
    projects: Vec<Project>,
}

/// The projects.
#[utoipa::path(get, path = "/api/projects", tag = "projects", responses((status = 200, body = Projects)))]
async fn list_projects(State(app): State<App>) -> Answer<Json<Projects>> {
    Ok(Json(Projects { projects: app.projects().await? }))
}

/// Adds a project. A path that is known already answers the project that is there.
#[utoipa::path(
    post, path = "/api/projects", tag = "projects", params(KeyHeader), request_body = NewProject,
    responses(
        (status = 201, description = "It is new.", body = Project),
        (status = 200, description = "It was there already.", body = Project),
        Unreadable, TooLarge, WrongType, Invalid, Unavailable,
    )
)]
async fn add_project(
    State(app): State<App>,
    call: Call,
    Body(project): Body<NewProject>,
) -> Answer<(StatusCode, Json<Project>)> {
    let (project, is_new) = app.add_project(&call, project).await?;
    Ok((if is_new { StatusCode::CREATED } else { StatusCode::OK }, Json(project)))
}

/// Forgets a project with its cards and their logs. The repository stays, with the cards' branches. 409 while one of its
/// cards runs.
#[utoipa::path(
    delete, path = "/api/projects/{id}", tag = "projects", params(("id" = ProjectId, Path)),
    responses((status = 204, description = "It is gone."), Unreadable, Unknown, Conflict, Unavailable)
)]
async fn remove_project(State(app): State<App>, Id(id): Id<ProjectId>) -> Answer<StatusCode> {
    app.remove_project(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes a project. `path`: where its repository is now; 409 while an agent works on one of its cards, or if another
/// project has the path. `maskSecrets`: whether what looks like a secret (a token, an API key, a private key) is masked
/// in its logs; it holds for executions that begin from then on.
#[utoipa::path(
    patch, path = "/api/projects/{id}", tag = "projects", params(("id" = ProjectId, Path)), request_body = ProjectEdit,
    responses((status = 200, body = Project), Unreadable, Unknown, Conflict, TooLarge, WrongType, Invalid, Unavailable)
)]
async fn edit_project(
    State(app): State<App>,
    Id(id): Id<ProjectId>,
    Body(edit): Body<ProjectEdit>,
) -> Answer<Json<Project>> {
    Ok(Json(app.edit_project(id, edit).await?))
}
