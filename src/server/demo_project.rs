//! `--demo`: a small real git repository in the data directory, with a few cards to try.

use std::path::Path;

use super::git::git;
use super::{App, Call};
use crate::domain::{NewCard, NewProject};

const README: &str = "# Demo project\n\nA small repository for trying Cardume. Its cards are worked on by the demo agent, \
which needs no account and no network.\n";

const HELLO: &str = "#!/bin/sh\n# Greets whoever is named, or the world.\necho \"Hello, ${1:-world}!\"\n";

/// Makes the project and its cards where they are not there yet.
pub async fn make(app: &App, data_dir: &Path) -> anyhow::Result<()> {
    let path = data_dir.join("demo-project");
    if !path.exists() {
        // Made beside its place: a server that is killed on the way leaves no half of it there.
        let beside = data_dir.join(".demo-project.new");
        let _ = std::fs::remove_dir_all(&beside);
        std::fs::create_dir_all(&beside)?;
        std::fs::write(beside.join("README.md"), README)?;
        std::fs::write(beside.join("hello.sh"), HELLO)?;
        git(&beside, &["init", "--quiet", "--initial-branch=main"]).await?;
        git(&beside, &["add", "--all"]).await?;
        git(&beside, &["commit", "--quiet", "--message=A project to try Cardume on"]).await?;
        std::fs::rename(&beside, &path)?;
    }
    let project = NewProject { path: path.to_string_lossy().into_owned(), name: Some("Demo project".to_owned()) };
    let (project, is_new) = app.add_project(&Call::default(), project).await?;
    if !is_new {
        return Ok(());
    }
    for (title, description) in [
        ("Greet in Portuguese", "`hello.sh` should say *Olá* when the environment asks for Portuguese."),
        ("Say goodbye, too", "A second script beside `hello.sh`."),
        (
            "See how a failure looks",
            "The demo agent does what a card tells it: fail in test. Retry goes on from the stage that failed.",
        ),
    ] {
        let card = NewCard {
            project_id: project.id,
            title: title.to_owned(),
            description: description.to_owned(),
            agent: Some("demo".to_owned()),
            model: None,
        };
        app.create_card(&Call::default(), card).await?;
    }
    Ok(())
}
