//! `cardume token` and `cardume password`: making and taking away what lets people and programs in.
//!
//! They work on the database itself, beside a running server or before the first one. No secret is ever an argument:
//! what is in a command line can be read by everybody on the machine.

use std::io::{IsTerminal, Read};
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};

use super::security::secret;
use super::store::{Store, StoreError};
use super::{Config, ServeOptions, keeping, now};
use crate::client::terminal::say;

const NAME_MAX_CHARS: usize = 64;
const PASSWORD_MIN_CHARS: usize = 8;
const PASSWORD_MAX_BYTES: usize = 1024;

/// Where the server keeps its data; the same words as for `cardume serve`.
#[derive(clap::Args)]
pub struct Place {
    /// Where everything is kept [default: the platform's place for user data]
    #[arg(long, env = "CARDUME_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// postgres://… or sqlite:FILE [default: SQLite in the data directory]
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    /// The configuration [default: cardume.toml in the data directory, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it; it cannot be shown again
    New {
        /// What it is for: letters, digits, “-”, “_” and “.”
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// List the tokens by name
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Let a token in no more, at once
    Revoke {
        name: String,
        #[command(flatten)]
        place: Place,
    },
}

/// Makes, lists or revokes tokens.
pub fn token(command: TokenCommand) -> anyhow::Result<()> {
    match command {
        TokenCommand::New { name, place } => {
            check_name(&name)?;
            let token = secret::new_token()?;
            let hash = secret::hash(&token);
            place.with_store(async |store| match store.add_token(&name, &hash, now()).await {
                Err(StoreError::Conflict(_)) => {
                    bail!("there is a token “{name}” already; take another name, or revoke it first")
                }
                added => Ok(added?),
            })?;
            eprintln!(
                "This token is shown once. Programs send it as “Authorization: Bearer …”; browsers log in with it."
            );
            say(&format!("{token}\n"))
        }
        TokenCommand::List { place } => {
            let tokens = place.with_store(async |store| Ok(store.tokens().await?))?;
            tokens.iter().try_for_each(|token| say(&format!("{}  {}\n", token.created_at(), token.name)))
        }
        TokenCommand::Revoke { name, place } => place.with_store(async |store| match store.revoke_token(&name).await {
            Err(StoreError::NotFound(_)) => {
                bail!("there is no token “{name}”; “cardume token list” tells which there are")
            }
            revoked => Ok(revoked?),
        }),
    }
}

/// Sets or removes the password. Whoever is logged in with the old one is logged out.
pub fn password(remove: bool, place: Place) -> anyhow::Result<()> {
    let hash = if remove { None } else { Some(secret::hash_password(&read_password()?)?) };
    place.with_store(async |store| Ok(store.set_password(hash.as_deref(), now()).await?))
}

/// Twice from a terminal; else the first line of standard input.
fn read_password() -> anyhow::Result<String> {
    let password = if std::io::stdin().is_terminal() {
        let password = rpassword::prompt_password("New password: ")?;
        ensure!(
            rpassword::prompt_password("The same again: ")? == password,
            "the two are not the same; nothing was changed"
        );
        password
    } else {
        let mut text = String::new();
        let limit = PASSWORD_MAX_BYTES as u64 + 2;
        std::io::stdin().take(limit).read_to_string(&mut text).context("the password cannot be read")?;
        text.lines().next().unwrap_or_default().to_owned()
    };
    let password = password.trim();
    ensure!(password.chars().count() >= PASSWORD_MIN_CHARS, "a password has at least {PASSWORD_MIN_CHARS} characters");
    ensure!(password.len() <= PASSWORD_MAX_BYTES, "a password has at most {PASSWORD_MAX_BYTES} bytes");
    Ok(password.to_owned())
}

fn check_name(name: &str) -> anyhow::Result<()> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_good = !name.is_empty() && name.len() <= NAME_MAX_CHARS && name.chars().all(is_plain);
    ensure!(is_good, "a token's name is made of up to {NAME_MAX_CHARS} letters, digits, “-”, “_” and “.”");
    Ok(())
}

impl Place {
    fn with_store<T>(self, act: impl AsyncFnOnce(&Store) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let Self { data_dir, database_url, config } = self;
        let options = ServeOptions { data_dir, database_url, config, ..ServeOptions::default() };
        let config = Config::load(&options)?;
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
            let (store, _lock) = keeping::opening::open_beside(&config).await?;
            let done = act(&store).await;
            store.close().await;
            done
        })
    }
}
