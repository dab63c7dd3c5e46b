//! Projects.

use sqlx::FromRow;

use super::decode::parse;
use super::{Project, ProjectId, Store, StoreError, Stored, Timestamp};

#[derive(FromRow)]
struct ProjectRow {
    id: String,
    name: String,
    path: String,
    created_at: i64,
}

impl TryFrom<ProjectRow> for Project {
    type Error = sqlx::Error;

    fn try_from(row: ProjectRow) -> Result<Self, sqlx::Error> {
        let created_at = Timestamp::from_millis(row.created_at);
        Ok(Self { id: parse(&row.id)?, name: row.name, path: row.path, created_at })
    }
}

impl Store {
    /// `Conflict` where the path is known already.
    pub async fn insert_project(&self, project: &Project) -> Stored<()> {
        let inserted = sqlx::query(
            "insert into projects (id, name, path, created_at) values ($1, $2, $3, $4) on conflict (path) do nothing",
        )
        .bind(project.id.to_string())
        .bind(project.name.as_str())
        .bind(project.path.as_str())
        .bind(project.created_at.as_millis())
        .execute(self.writer())
        .await?;
        match inserted.rows_affected() {
            0 => Err(StoreError::conflict("This repository is a project already.")),
            _ => Ok(()),
        }
    }

    /// By name.
    pub async fn projects(&self) -> Stored<Vec<Project>> {
        let rows: Vec<ProjectRow> = sqlx::query_as("select id, name, path, created_at from projects order by name, id")
            .fetch_all(self.reader())
            .await?;
        Ok(rows.into_iter().map(Project::try_from).collect::<Result<_, _>>()?)
    }

    pub async fn project(&self, id: ProjectId) -> Stored<Project> {
        let row: Option<ProjectRow> = sqlx::query_as("select id, name, path, created_at from projects where id = $1")
            .bind(id.to_string())
            .fetch_optional(self.reader())
            .await?;
        Ok(row.ok_or(StoreError::NotFound("project"))?.try_into()?)
    }

    pub async fn project_at(&self, path: &str) -> Stored<Option<Project>> {
        let row: Option<ProjectRow> = sqlx::query_as("select id, name, path, created_at from projects where path = $1")
            .bind(path)
            .fetch_optional(self.reader())
            .await?;
        Ok(row.map(Project::try_from).transpose()?)
    }
}
