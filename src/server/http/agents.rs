//! `/api/agents`

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::domain::Agent;
use crate::server::App;

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_agents))
}

#[derive(Serialize, ToSchema)]
struct Agents {
    /// The default one first.
    agents: Vec<Agent>,
}

/// The agents that cards can be given to, and whether their programs are installed.
#[utoipa::path(get, path = "/api/agents", tag = "agents", responses((status = 200, body = Agents)))]
async fn list_agents(State(app): State<App>) -> Json<Agents> {
    Json(Agents { agents: app.agents().await })
}
