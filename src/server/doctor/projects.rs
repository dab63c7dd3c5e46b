//! The projects and their cards' worktrees: whether they are where Cardume looks for them, so that runs can go on.

use std::path::Path;

use super::{Finding, well, wrong};
use crate::domain::{Card, Project, Remedy, Workflow};
use crate::server::git::belonging;
use crate::server::git::worktree::Worktree;
use crate::server::store::{Store, StoreError};

/// What is wrong with projects; and which cards can't go on.
pub async fn examine(store: &Store) -> (Vec<Finding>, Vec<Finding>) {
    match look(store).await {
        Ok(found) => found,
        Err(error) => (vec![wrong("projects", format!("cannot be read: {error}"))], vec![]),
    }
}

async fn look(store: &Store) -> Result<(Vec<Finding>, Vec<Finding>), StoreError> {
    let (mut of_projects, mut of_runs) = (vec![], vec![]);
    let projects = store.projects().await?;
    for project in &projects {
        let cards = store.cards(Some(project.id)).await?;
        let is_unfinished = |card: &&Card| matches!(Workflow::of(card), Workflow::Working(_) | Workflow::Failed(_));
        let unfinished = cards.iter().filter(is_unfinished);
        let subject = format!("project {}", project.name);
        match belonging::obstacle(Path::new(&project.path)).await {
            Ok(None) => {
                for card in unfinished {
                    of_runs.extend(stuck(project, card).await);
                }
            }
            Ok(Some(obstacle)) => {
                of_projects.push(wrong(&subject, obstacle.to_string()));
                of_runs.extend(unfinished.map(|card| {
                    let why =
                        format!("card {} can't go on, because its project {} is not there", card.id, project.name);
                    wrong("runs", why)
                }));
            }
            Err(error) => {
                let what = format!("{}: {error}. Mend the repository, or its owner and permissions", project.path);
                of_projects.push(wrong(&subject, what));
            }
        }
    }
    if of_projects.is_empty() && !projects.is_empty() {
        of_projects.push(well("projects", format!("{}, each in its place", projects.len())));
    }
    Ok((of_projects, of_runs))
}

/// A card that can't go on because the repository knows neither its worktree nor its branch.
async fn stuck(project: &Project, card: &Card) -> Option<Finding> {
    let (path, branch) = (card.worktree_path.as_ref()?.into(), card.branch.clone()?);
    let worktree = Worktree { path, branch };
    match worktree.is_unknown(Path::new(&project.path)).await {
        Ok(false) => None,
        Ok(true) => {
            let (id, path, branch) = (card.id, worktree.path.display(), &worktree.branch);
            let what = format!(
                "card {id} can't go on: the repository {} knows neither its worktree {path} nor its branch {branch}. {}: \
                 cardume retry {id} --new-worktree",
                project.path,
                Remedy::NewWorktree.words()
            );
            Some(wrong("runs", what))
        }
        Err(error) => Some(wrong("runs", format!("the worktree of card {} cannot be looked at: {error}", card.id))),
    }
}
