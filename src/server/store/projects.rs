//! Projects.

use sqlx::FromRow;

use super::decode::parse;
use super::{Project, ProjectEdit, ProjectId, Store, StoreError, Stored, Timestamp};

#[derive(FromRow)]
struct ProjectRow {
    id: String,
    name: String,
    path: String,
    created_at: i64,
    mask_secrets: i64,
}

macro_rules! select_projects {
    ($where:literal) => {
        concat!("select id, name, path, created_at, mask_secrets from (select * from projects where purging_path is null) p ", $where)
    };
}

impl TryFrom<ProjectRow> for Project {
    type Error = sqlx::Error;

    fn try_from(row: ProjectRow) -> Result<Self, sqlx::Error> {
        let created_at = Timestamp::from_millis(row.created_at);
        let mask_secrets = row.mask_secrets == 1;
        Ok(Self { id: parse(&row.id)?, name: row.name, path: row.path, created_at, mask_secrets })
    }
}

impl Store {
    /// Adds a project, and says whether it is new: one whose path is known already stays as it is. Once for a request that
    /// may come again.
    pub async fn insert_project(&self, project: &Project) -> Stored<(Project, bool)> {
        let mut tx = self.begin_board().await?;
        if let Some(first) = self.first_answer_in(&mut tx).await? {
            return Ok(first);
        }
        let inserted = sqlx::query(
            "insert into projects (id, name, path, created_at, mask_secrets) values ($1, $2, $3, $4, $5)
             on conflict (path) do nothing",
        )
        .bind(project.id.to_string())
        .bind(project.name.as_str())
        .bind(project.path.as_str())
        .bind(project.created_at.as_millis())
        .bind(i64::from(project.mask_secrets))
        .execute(&mut *tx)
        .await?;
        let row: ProjectRow =
            sqlx::query_as(select_projects!("where path = $1")).bind(project.path.as_str()).fetch_one(&mut *tx).await?;
        self.commit_answer(tx, (row.try_into()?, inserted.rows_affected() > 0)).await
    }

    /// By name.
    pub async fn projects(&self) -> Stored<Vec<Project>> {
        let rows: Vec<ProjectRow> =
            sqlx::query_as(select_projects!("order by name, id")).fetch_all(self.reader()).await?;
        Ok(rows.into_iter().map(Project::try_from).collect::<Result<_, _>>()?)
    }

    pub async fn project(&self, id: ProjectId) -> Stored<Project> {
        let row: Option<ProjectRow> = sqlx::query_as(select_projects!("where id = $1"))
            .bind(id.to_string())
            .fetch_optional(self.reader())
            .await?;
        Ok(row.ok_or(StoreError::NotFound("project"))?.try_into()?)
    }

    pub async fn project_at(&self, path: &str) -> Stored<Option<Project>> {
        let row: Option<ProjectRow> =
            sqlx::query_as(select_projects!("where path = $1")).bind(path).fetch_optional(self.reader()).await?;
        Ok(row.map(Project::try_from).transpose()?)
    }

    /// `Conflict` where another project has the path.
    pub async fn edit_project(&self, id: ProjectId, edit: &ProjectEdit) -> Stored<Project> {
        let mut tx = self.begin_write().await?;
        sqlx::query(
            "update projects set mask_secrets = coalesce($2, mask_secrets), path = coalesce($3, path)
             where id = $1 and purging_path is null",
        )
        .bind(id.to_string())
        .bind(edit.mask_secrets.map(i64::from))
        .bind(edit.path.as_deref())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        self.project(id).await
    }
}
