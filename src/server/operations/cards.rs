//! Making and changing cards.

use uuid::Uuid;

use super::{Answer, App, without_nul};
use crate::domain::{Card, CardEdit, CardId, CardMove, NewCard, Problem, ProjectId};
use crate::server::now;

impl App {
    pub async fn cards(&self, project: Option<ProjectId>) -> Answer<Vec<Card>> {
        Ok(self.store.cards(project).await?)
    }

    /// Those that were put away, the last one first.
    pub async fn archived_cards(&self, project: Option<ProjectId>) -> Answer<Vec<Card>> {
        Ok(self.store.archived_cards(project).await?)
    }

    pub async fn card(&self, id: CardId) -> Answer<Card> {
        Ok(self.store.card(id).await?)
    }

    /// At the end of the backlog.
    pub async fn create_card(&self, card: NewCard) -> Answer<Card> {
        let title = title(&card.title)?;
        description(&card.description)?;
        let agent = match card.agent.as_deref().map(str::trim).filter(|name| !name.is_empty()) {
            Some(name) => self.known_agent(name)?,
            None => self.agents.default_name().await,
        };
        let id = CardId(Uuid::now_v7());
        match self.store.insert_card(id, card.project_id, title, &card.description, &agent, now()).await {
            Err(crate::server::store::StoreError::NotFound("project")) => {
                Err(Problem::invalid("There is no such project. Add it first, by its path."))
            }
            inserted => Ok(inserted?),
        }
    }

    pub async fn edit_card(&self, id: CardId, edit: CardEdit) -> Answer<Card> {
        let edit = CardEdit {
            title: edit.title.as_deref().map(title).transpose()?.map(str::to_owned),
            agent: edit.agent.as_deref().map(|name| self.known_agent(name.trim())).transpose()?,
            ..edit
        };
        edit.description.as_deref().map(description).transpose()?;
        Ok(self.store.edit_card(id, &edit, now()).await?)
    }

    pub async fn move_card(&self, id: CardId, to: CardMove) -> Answer<Card> {
        if to.position < 0 {
            return Err(Problem::invalid("A position is 0 or more: 0 is the top of the column."));
        }
        Ok(self.store.move_card(id, &to, now()).await?)
    }

    /// With its history, and what it left on disk. Its branch stays in the project's repository.
    pub async fn delete_card(&self, id: CardId) -> Answer<()> {
        let executions = self.store.executions(id).await?.into_iter().map(|execution| execution.id).collect();
        let card = self.store.delete_card(id).await?;
        let project = self.store.project(card.project_id).await?;
        self.engine.clear_away(card, project, executions);
        Ok(())
    }

    fn known_agent(&self, name: &str) -> Answer<String> {
        match self.agents.get(name) {
            Some(program) => Ok(program.name.clone()),
            None => Err(Problem::invalid(format!(
                "There is no agent of that name. Add it to cardume.toml, or choose one of: {}.",
                self.agents.names()
            ))),
        }
    }
}

fn title(title: &str) -> Answer<&str> {
    let title = title.trim();
    without_nul("title", title)?;
    if title.is_empty() {
        return Err(Problem::invalid("A card needs a title."));
    }
    if title.chars().count() > NewCard::TITLE_MAX_CHARS {
        return Err(Problem::invalid(format!("A title has at most {} characters.", NewCard::TITLE_MAX_CHARS)));
    }
    Ok(title)
}

fn description(description: &str) -> Answer<()> {
    without_nul("description", description)?;
    if description.len() > NewCard::DESCRIPTION_MAX_BYTES {
        let limit = NewCard::DESCRIPTION_MAX_BYTES / 1024;
        return Err(Problem::invalid(format!("A description has at most {limit} KiB.")));
    }
    Ok(())
}
