//! Projects: git repositories that agents work on.

use std::path::Path;

use uuid::Uuid;

use super::{Answer, App, Call, without_nul};
use crate::domain::{NewProject, Problem, Project, ProjectEdit, ProjectId};
use crate::server::git;
use crate::server::now;

/// A project's name is at most this long.
const NAME_MAX_CHARS: usize = 100;
/// No path that the kernel takes is longer.
const PATH_MAX_BYTES: usize = 4096;

impl App {
    pub async fn projects(&self) -> Answer<Vec<Project>> {
        Ok(self.store.projects().await?)
    }

    /// A new path must lead to a repository that is no other project's. Refused while an agent works on one of the
    /// project's cards; a run that can't continue is none.
    pub async fn edit_project(&self, id: ProjectId, mut edit: ProjectEdit) -> Answer<Project> {
        let project = self.store.project(id).await?;
        let Some(path) = &edit.path else { return Ok(self.store.edit_project(id, &edit).await?) };
        let path = self.repository_at(path).await?;
        if path == project.path {
            edit.path = None;
            return Ok(self.store.edit_project(id, &edit).await?);
        }
        if let Some(other) = self.store.project_at(&path).await? {
            return Err(taken(&other));
        }
        if let Some(card) = self.engine.card_with_agent_at_work(id).await? {
            return Err(Problem::conflict(format!(
                "An agent works on the card “{}”. Wait until it has ended, or cancel it, then change the path.",
                card.title
            )));
        }
        edit.path = Some(path);
        Ok(self.store.edit_project(id, &edit).await?)
    }

    /// Deletes a project for good, with its cards and their logs: gone for everybody at once, and purged in the
    /// background. The repository stays, with the cards' branches. Refused while one of its cards runs.
    pub async fn remove_project(&self, id: ProjectId) -> Answer<()> {
        Ok(self.store.purge_project(id, now()).await?)
    }

    /// The top of the git repository that a path leads to, if there is one.
    pub async fn repository_at(&self, path: &str) -> Answer<String> {
        without_nul("path", path)?;
        if path.len() > PATH_MAX_BYTES {
            return Err(Problem::invalid(format!("A path has at most {PATH_MAX_BYTES} bytes.")));
        }
        // A folder's name may end in a space or a line feed; a path that was pasted may, too.
        let path = if Path::new(path).is_dir() { path } else { path.trim() };
        let top = git::repository_at(path).await.map_err(|error| Problem::invalid(error.to_string()))?;
        match top.into_os_string().into_string() {
            Ok(path) => Ok(path),
            Err(_) => Err(Problem::invalid("The path has characters that are not UTF-8. Rename the folder.")),
        }
    }

    /// Adds a project, and says whether it is new: one whose path is known already is answered as it is.
    pub async fn add_project(&self, call: &Call, project: NewProject) -> Answer<(Project, bool)> {
        let store = self.store.for_request(call.repeat("add_project", &project)?);
        if let Some(first) = store.first_answer().await? {
            return Ok(first);
        }
        let path = &*self.repository_at(&project.path).await?;
        let name = project.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
        if let Some(name) = name {
            without_nul("name", name)?;
            if name.chars().count() > NAME_MAX_CHARS {
                return Err(Problem::invalid(format!("A project's name has at most {NAME_MAX_CHARS} characters.")));
            }
        }
        let name = name.map(str::to_owned).unwrap_or_else(|| folder_name(Path::new(path)));
        let new = Project {
            id: ProjectId(Uuid::now_v7()),
            name,
            path: path.to_owned(),
            created_at: now(),
            mask_secrets: true,
        };
        Ok(store.insert_project(&new).await?)
    }
}

fn taken(other: &Project) -> Problem {
    Problem::conflict(format!(
        "The project “{}” has this path already. Give another one, or remove that project.",
        other.name
    ))
}

fn folder_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}
