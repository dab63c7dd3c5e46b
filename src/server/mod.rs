//! The server's side: composes store, engine and HTTP into a running server, and shuts them down.

pub mod agents;
pub mod assets;
pub mod config;
pub mod crash_points;
pub mod credentials;
mod demo_project;
pub mod doctor;
pub mod engine;
pub mod git;
pub mod http;
pub mod keeping;
mod listener;
pub mod log;
pub mod markdown;
pub mod operations;
pub mod process;
pub mod router;
pub mod secrets;
mod security;
pub mod store;

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use uuid::Uuid;

pub use config::{Config, ServeOptions};
pub use operations::{App, Call};

use crate::domain::{ExecutionId, Timestamp};
use agents::Agents;
use engine::{Engine, Parts, StageLimits};
use keeping::indexing::Indexing;
use keeping::owner;
use keeping::purging::Purging;
use keeping::upkeep::Upkeep;
use security::Guard;
use security::access::Access;
use store::{Database, Store};

/// How long answers under way may take once the server was told to stop.
const FINISH_WITHIN: Duration = Duration::from_secs(3);
/// How soon a server that asked nobody learns that there is a token now.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The present moment. Whoever needs it takes it at the edge and passes it on.
pub fn now() -> Timestamp {
    chrono::Utc::now().into()
}

/// Serves the board and the API until SIGTERM or SIGINT. Running agents go on.
pub fn serve(options: ServeOptions) -> anyhow::Result<()> {
    log::begin();
    // Each agent that is followed, each page and each database connection takes some.
    process::open_files::raise_limit();
    let runtime = tokio::runtime::Runtime::new()?;
    let served = runtime.block_on(run(options));
    // What is still being read from a disk or a database must not keep the process from ending.
    runtime.shutdown_timeout(Duration::from_millis(200));
    served
}

async fn run(options: ServeOptions) -> anyhow::Result<()> {
    let config = Config::load(&options)?;
    if let Database::Postgres(url) = &config.database {
        log::keep_password_secret(url);
    }
    if let Some(token) = &config.access.token {
        log::keep_secret(token);
    }
    let deadline = Instant::now() + owner::LOCK_WITHIN;
    let data_dir_lock = owner::lock_data_dir(&config.data_dir, deadline).await?;
    let lock = owner::lock_database(&config.database, deadline).await?;
    let store = keeping::opening::open(&config).await?;
    let (store, mut ownership) = owner::claim(&config, store, lock).await?;
    let upkeep = Upkeep::new(&config, store.in_background(), now);
    let indexing = Indexing::new(store.in_background());
    may_listen_there(&config, &store).await?;
    let app = compose(&config, store.clone())?;
    let purging = Purging::new(store.in_background(), app.engine.clone(), &config.data_dir, now);
    if config.demo {
        demo_project::make(&app, &config.data_dir).await.context("the demo project cannot be made")?;
    }
    let listener = tokio::net::TcpListener::bind(config.addr)
        .await
        .with_context(|| format!("cannot listen on {}; choose another with --addr", config.addr))?;
    let addr = listener.local_addr()?;
    let holder = ownership.announce(format!("http://{addr}")).await.context("the database cannot be written")?;
    data_dir_lock.announce(holder).context("the data directory cannot be written")?;

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (stop, stopping) = watch::channel(false);
    let ownership = tokio::spawn(ownership.keep(stopping.clone()));
    let engine = tokio::spawn(app.engine.clone().run(stopping.clone()));
    let upkeep = tokio::spawn(upkeep.run(stopping.clone()));
    let indexing = tokio::spawn(indexing.run(stopping.clone()));
    let purging = tokio::spawn(purging.run(stopping.clone()));
    let access = Access::new(store.clone(), &config.access, addr);
    access.look().await.context("the database cannot be read")?;
    let guard = Guard::new(addr, &config.host, &config.access.hosts, access.clone());
    let router = router::router(app, guard, assets::bundle(), assets::router());
    let mut http = tokio::spawn(listener::serve(listener, router, stopping.clone()));
    if access.is_required() {
        let code = access.new_link().await.context("the link to log in cannot be made")?;
        // Not in the log, which somebody may have turned off, or keep.
        eprintln!("Open http://{}/login/{code} to log in; it works once, within 15 minutes", reachable(addr));
    } else {
        tokio::spawn(look_again(access, stopping.clone()));
    }

    let mut stdout = std::io::stdout();
    writeln!(stdout, "Cardume is listening on http://{addr}")?;
    stdout.flush()?;

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        served = &mut http => served?,
    }
    tracing::info!("stopping; running agents go on");
    let _ = stop.send(true);
    let _ = tokio::time::timeout(FINISH_WITHIN, http).await;
    let _ = tokio::time::timeout(Duration::from_secs(1), engine).await;
    let _ = tokio::time::timeout(Duration::from_millis(500), upkeep).await;
    let _ = tokio::time::timeout(Duration::from_millis(200), indexing).await;
    let _ = tokio::time::timeout(Duration::from_millis(200), purging).await;
    let _ = tokio::time::timeout(Duration::from_millis(500), store.close()).await;
    // Only now may the next server begin.
    drop(tokio::time::timeout(Duration::from_millis(200), ownership).await);
    drop(data_dir_lock);
    Ok(())
}

/// On an address that others can reach, nobody listens without a secret that keeps them out.
async fn may_listen_there(config: &Config, store: &Store) -> anyhow::Result<()> {
    let is_here = config.addr.ip().to_canonical().is_loopback();
    if is_here || config.access.token.is_some() || store.has_credentials().await? {
        return Ok(());
    }
    anyhow::bail!(
        "others can reach {}, and there is no token yet: make one with “cardume token new NAME”, or set a password with \
         “cardume password” (with the same --data-dir or --database-url), or set CARDUME_TOKEN; or listen on 127.0.0.1",
        config.addr
    )
}

/// An address of this server that a browser on this machine reaches.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

/// Whoever makes the first token or password beside a running server wants it asked for from then on.
async fn look_again(access: Access, mut stopping: watch::Receiver<bool>) {
    while !access.is_required() {
        let is_stopping = tokio::time::timeout(LOOK_EVERY, stopping.wait_for(|stop| *stop)).await.is_ok();
        if is_stopping {
            return;
        }
        // A database that is away is told of elsewhere.
        let _ = access.look().await;
    }
    tracing::info!("a token or a password was made: from now on it is asked for");
}

fn compose(config: &Config, store: Store) -> anyhow::Result<App> {
    let agents = agents(config)?;
    let engine = Engine::new(Parts {
        // It follows hundreds of executions at once, if need be, and the board is to answer all the same.
        store: store.in_background(),
        agents: agents.clone(),
        data_dir: config.data_dir.clone(),
        limits: StageLimits { log_bytes: config.logs.max_bytes, ..config.stages },
        supervisor: this_program,
        clock: now,
        new_id: || ExecutionId(Uuid::now_v7()),
    });
    Ok(App::new(store, agents, engine))
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
