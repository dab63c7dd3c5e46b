//! The command line: parse, call one function.

use std::path::PathBuf;
use std::process::ExitCode;

use cardume::client::terminal::{NobodyReads, say};
use cardume::client::{self, Connection};
use cardume::domain::harmless::harmless_line;
use cardume::server::{self, config::ServeOptions, credentials::Place, credentials::TokenCommand};
use clap::{Args, Parser, Subcommand};

/// A kanban board that drives coding agents through plan, implement, test and review, and never loses a run.
#[derive(Parser)]
#[command(name = "cardume", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the board and the API
    Serve(ServeOptions),
    /// Make a card and run it; prints the card's id
    Run {
        #[command(flatten)]
        card: client::run::NewRun,
        #[command(flatten)]
        server: ServerOptions,
    },
    /// List the cards
    Cards {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: ServerOptions,
    },
    /// Print a card's log, all its stages and attempts
    Logs {
        /// A card's id, or enough of its beginning or end
        card: String,
        /// Go on printing until the run has ended
        #[arg(long, short)]
        follow: bool,
        /// Print JSON, a row a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: ServerOptions,
    },
    /// Stop a card's agent
    Cancel {
        /// A card's id, or enough of its beginning or end
        card: String,
        #[command(flatten)]
        server: ServerOptions,
    },
    /// Go on from the stage that failed
    Retry {
        /// A card's id, or enough of its beginning or end
        card: String,
        #[command(flatten)]
        options: client::cards::RetryOptions,
        #[command(flatten)]
        server: ServerOptions,
    },
    /// Write everything that is kept into one file; a server may be running or not
    Backup {
        /// The file to make; it must not be there yet
        file: PathBuf,
        #[command(flatten)]
        options: ServeOptions,
    },
    /// Restore a backup into a new data directory
    Restore(server::keeping::restore::RestoreOptions),
    /// Check what a server needs, and say how to mend what is wrong
    Doctor(ServeOptions),
    /// Make, list and revoke the tokens with which programs and browsers get in
    #[command(subcommand)]
    Token(TokenCommand),
    /// Set the password with which browsers get in; asked for, or read from standard input
    Password {
        /// Let no password in any more
        #[arg(long)]
        remove: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Start the agent whose order lies in DIR, and write down all that it says
    #[command(hide = true)]
    Supervise { dir: PathBuf },
    /// Play an agent that needs no account and no network
    #[command(hide = true)]
    DemoAgent {
        /// How long to take for a stage
        #[arg(long, default_value_t = 5.0)]
        seconds: f64,
    },
}

/// Which server to ask.
#[derive(Args)]
struct ServerOptions {
    /// The server's address
    #[arg(long, env = "CARDUME_SERVER", value_name = "URL", default_value = "http://127.0.0.1:3000")]
    server: String,
    /// The token to show it, where it wants one
    #[arg(long, env = "CARDUME_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

impl ServerOptions {
    fn connect(self) -> anyhow::Result<Connection> {
        Connection::to(&self.server, self.token)
    }
}

fn main() -> ExitCode {
    server::crash_points::arm();
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) if error.is::<NobodyReads>() => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cardume: {}", harmless_line(&server::log::harmless(&format!("{error:#}"))));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(options) => server::serve(options)?,
        Command::Run { card, server } => client::run::run(&server.connect()?, card)?,
        Command::Cards { json, server } => client::cards::list(&server.connect()?, json)?,
        Command::Logs { card, follow, json, server } => client::logs::print(&server.connect()?, &card, follow, json)?,
        Command::Cancel { card, server } => client::cards::cancel(&server.connect()?, &card)?,
        Command::Retry { card, options, server } => client::cards::retry(&server.connect()?, &card, options)?,
        Command::Backup { file, options } => say(&server::keeping::backup::run(&file, &options)?)?,
        Command::Restore(options) => say(&server::keeping::restore::run(&options)?)?,
        Command::Doctor(options) => {
            let report = server::doctor::examine(&options);
            say(&report.to_string())?;
            return Ok(if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Token(command) => server::credentials::token(command)?,
        Command::Password { remove, place } => server::credentials::password(remove, place)?,
        Command::Supervise { dir } => server::process::supervise(&dir, server::now)?,
        Command::DemoAgent { seconds } => {
            let status = server::agents::demo::play(seconds)?;
            return Ok(u8::try_from(status).map_or(ExitCode::FAILURE, ExitCode::from));
        }
    }
    Ok(ExitCode::SUCCESS)
}
