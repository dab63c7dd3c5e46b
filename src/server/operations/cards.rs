//! Making and changing cards.

use uuid::Uuid;

use super::{Answer, App, Call, without_nul};
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
    pub async fn create_card(&self, call: &Call, card: NewCard) -> Answer<Card> {
        let store = self.store.for_request(call.repeat("create_card", &card)?);
        if let Some(first) = store.first_answer().await? {
            return Ok(first);
        }
        let title = title(&card.title)?.to_owned();
        description(&card.description)?;
        let agent = match card.agent.as_deref().map(str::trim).filter(|name| !name.is_empty()) {
            Some(name) => self.known_agent(name)?,
            None => self.agents.default_name().await,
        };
        let id = CardId(Uuid::now_v7());
        let model = card.model.as_deref().map(str::trim).filter(|model| !model.is_empty());
        self.check_model(&agent, model)?;
        let card = NewCard { title, model: model.map(str::to_owned), ..card };
        match store.insert_card(id, &card, &agent, now()).await {
            Err(crate::server::store::StoreError::NotFound("project")) => {
                Err(Problem::invalid("There is no such project. Add it first, by its path."))
            }
            inserted => Ok(inserted?),
        }
    }

    pub async fn edit_card(&self, id: CardId, edit: CardEdit) -> Answer<Card> {
        let mut edit = CardEdit {
            title: edit.title.as_deref().map(title).transpose()?.map(str::to_owned),
            agent: edit.agent.as_deref().map(|name| self.known_agent(name.trim())).transpose()?,
            ..edit
        };
        edit.description.as_deref().map(description).transpose()?;
        edit.model = edit.model.map(|model| model.trim().to_owned());
        if edit.agent.is_some() || edit.model.is_some() {
            let card = self.store.card(id).await?;
            let agent = edit.agent.as_ref().unwrap_or(&card.agent);
            self.check_model(agent, edit.model.as_deref().filter(|model| !model.is_empty()))?;
            // The model was another agent's.
            if edit.model.is_none() && *agent != card.agent {
                edit.model = Some(String::new());
            }
        }
        Ok(self.store.edit_card(id, &edit, now()).await?)
    }

    pub async fn move_card(&self, id: CardId, to: CardMove) -> Answer<Card> {
        if to.position < 0 {
            return Err(Problem::invalid("A position is 0 or more: 0 is the top of the column."));
        }
        Ok(self.store.move_card(id, &to, now()).await?)
    }

    /// Deletes a card for good. It is gone for everybody at once; its history, and what it has on disk, are purged in the
    /// background. Its branch stays in the project's repository.
    pub async fn delete_card(&self, id: CardId) -> Answer<()> {
        Ok(self.store.purge_card(id, now()).await?)
    }

    fn check_model(&self, agent: &str, model: Option<&str>) -> Answer<()> {
        let Some(model) = model else { return Ok(()) };
        check_model_name(model)?;
        match self.agents.get(agent) {
            Some(program) if !program.takes_model() => Err(Problem::invalid(format!(
                "The agent “{agent}” is not told which model to use. Leave it empty, or say how in cardume.toml: \
                 model = [\"--model\", \"{{model}}\"] under [agents.{agent}]."
            ))),
            _ => Ok(()),
        }
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

/// It becomes an argument of the agent's: never one that could be taken for an option.
fn check_model_name(model: &str) -> Answer<()> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/@[]".contains(c);
    if model.starts_with('-') || model.len() > Card::MODEL_MAX_CHARS || !model.chars().all(is_plain) {
        return Err(Problem::invalid(format!(
            "A model's name has up to {} letters, digits and “- _ . : / @ [ ]”, and does not begin with “-”.",
            Card::MODEL_MAX_CHARS
        )));
    }
    Ok(())
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
