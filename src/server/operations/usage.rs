//! What agents used.

use super::{Answer, App};
use crate::api::UsageShown;
use crate::domain::{Period, Problem, ProjectId, UsageReport};
use crate::server::now;
use crate::server::store::StoreError;

impl App {
    /// What was used in the last 7, 30 or 90 days, in all projects or in one.
    pub async fn usage(&self, days: i64, project: Option<ProjectId>) -> Answer<UsageReport> {
        let period =
            Period::of_days(days).ok_or_else(|| Problem::invalid("days: usage is told of 7, 30 or 90 days."))?;
        if let Some(project) = project {
            match self.store.project(project).await {
                Err(StoreError::NotFound(_)) => return Err(Problem::invalid("projectId: there is no such project.")),
                project => project?,
            };
        }
        Ok(self.store.usage(period, project, now()).await?)
    }

    /// The same with all projects, for who wants to choose another one.
    pub async fn usage_shown(&self, days: i64, project: Option<ProjectId>) -> Answer<UsageShown> {
        let report = self.usage(days, project).await?;
        let projects = self.store.projects().await?.into_iter().map(|project| (project.id, project.name));
        Ok(UsageShown { report, projects: projects.collect() })
    }
}
