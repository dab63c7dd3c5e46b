//! The server's side: composes store, engine and HTTP into a running server, and shuts them down.

pub mod agents;
pub mod assets;
pub mod config;
pub mod crash_points;
mod demo_project;
pub mod doctor;
pub mod engine;
pub mod http;
pub mod keeping;
pub mod operations;
pub mod process;
pub mod router;
mod security;
pub mod store;

use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;
use uuid::Uuid;

pub use config::{Config, ServeOptions};
pub use operations::App;

use crate::domain::{ExecutionId, Timestamp};
use agents::Agents;
use engine::{Engine, Parts};
use keeping::upkeep::Upkeep;
use security::Guard;
use store::Store;

/// How long answers under way may take once the server was told to stop.
const FINISH_WITHIN: Duration = Duration::from_secs(3);
/// How long a server that is on its way down may keep the data directory from the next one.
const LOCK_WITHIN: Duration = Duration::from_secs(6);

/// The present moment. Whoever needs it takes it at the edge and passes it on.
pub fn now() -> Timestamp {
    chrono::Utc::now().into()
}

/// Serves the board and the API until SIGTERM or SIGINT. Running agents go on.
pub fn serve(options: ServeOptions) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_env("CARDUME_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let runtime = tokio::runtime::Runtime::new()?;
    let served = runtime.block_on(run(options));
    // What is still being read from a disk or a database must not keep the process from ending.
    runtime.shutdown_timeout(Duration::from_millis(200));
    served
}

async fn run(options: ServeOptions) -> anyhow::Result<()> {
    let config = Config::load(&options)?;
    let _lock = lock(&config.data_dir).await?;
    let store = keeping::opening::open(&config).await?;
    let upkeep = Upkeep::new(&config, store.clone(), now);
    let app = compose(&config, store.clone())?;
    if config.demo {
        demo_project::make(&app, &config.data_dir).await.context("the demo project cannot be made")?;
    }
    let listener = tokio::net::TcpListener::bind(config.addr)
        .await
        .with_context(|| format!("cannot listen on {}; choose another with --addr", config.addr))?;
    let addr = listener.local_addr()?;

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (stop, stopping) = watch::channel(false);
    let engine = tokio::spawn(app.engine.clone().run(stopping.clone()));
    let upkeep = tokio::spawn(upkeep.run(stopping.clone()));
    let mut until = stopping.clone();
    let http = axum::serve(listener, router(app, &config, addr))
        .with_graceful_shutdown(async move { until.wait_for(|stop| *stop).await.map(drop).unwrap_or_default() });
    let mut http = tokio::spawn(http.into_future());

    let mut stdout = std::io::stdout();
    writeln!(stdout, "Cardume is listening on http://{addr}")?;
    stdout.flush()?;

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        served = &mut http => served??,
    }
    tracing::info!("stopping; running agents go on");
    let _ = stop.send(true);
    let _ = tokio::time::timeout(FINISH_WITHIN, http).await;
    let _ = tokio::time::timeout(Duration::from_secs(1), engine).await;
    let _ = tokio::time::timeout(Duration::from_millis(500), upkeep).await;
    let _ = tokio::time::timeout(Duration::from_millis(500), store.close()).await;
    Ok(())
}

fn router(app: App, config: &Config, addr: SocketAddr) -> axum::Router {
    let guard = Guard::new(addr, &config.host);
    if let Some(warning) = guard.warning() {
        tracing::warn!("{warning}");
    }
    router::router(app, guard, assets::bundle(), assets::router())
}

fn compose(config: &Config, store: Store) -> anyhow::Result<App> {
    let agents = agents(config)?;
    let engine = Engine::new(Parts {
        store: store.clone(),
        agents: agents.clone(),
        data_dir: config.data_dir.clone(),
        limits: config.stages,
        supervisor: this_program,
        clock: now,
        new_id: || ExecutionId(Uuid::now_v7()),
    });
    Ok(App { store, agents, engine })
}

/// The agents there are, built in and configured. It is an error if the default one is none of them.
fn agents(config: &Config) -> anyhow::Result<Agents> {
    // Who tries things on the demo project has no account yet.
    let default = config.default_agent.clone().or_else(|| config.demo.then(|| "demo".to_owned()));
    let agents = Agents::new(config.agent_programs(), default);
    if let Some(name) = config.default_agent.as_ref().filter(|name| agents.get(name).is_none()) {
        anyhow::bail!("there is no agent “{name}”; correct default_agent in cardume.toml ({})", agents.names());
    }
    Ok(agents)
}

/// The file of this program. Where another was put in its place meanwhile, what the kernel still has of it: supervisors
/// are of the server's own version.
fn this_program() -> PathBuf {
    let running = Path::new("/proc/self/exe");
    let same_file = |path: &PathBuf| match (path.metadata(), running.metadata()) {
        (Ok(there), Ok(here)) => (there.dev(), there.ino()) == (here.dev(), here.ino()),
        _ => false,
    };
    std::env::current_exe().ok().filter(same_file).unwrap_or_else(|| running.to_owned())
}

/// Keeps a second server away from the data directory. The kernel lets go of the lock however this process ends.
async fn lock(data_dir: &Path) -> anyhow::Result<File> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(data_dir.join("server.lock"))?;
    let since = std::time::Instant::now();
    while file.try_lock().is_err() {
        anyhow::ensure!(
            since.elapsed() < LOCK_WITHIN,
            "another Cardume serves {}; stop it first, or choose another --data-dir",
            data_dir.display()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(file)
}
