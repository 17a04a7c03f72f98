//! Starting and stopping the server.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal;

use crate::args::Args;
use crate::db::{Db, DbError};
use crate::metrics;
use crate::routes::app;
use crate::sessions;
use crate::shop::Shop;

/// How long a shutdown waits for requests in progress.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a start waits for a PostgreSQL server that starts together with the shop.
const START_PATIENCE: Duration = Duration::from_secs(10);

/// The shop could not start, or stopped with an error. Each message names the remedy.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another program listens on the port.
    #[error("port {} on {} is taken by another program; stop it, or choose another port, such as --port {}", .0.port(), .0.ip(), .0.port().checked_add(1).unwrap_or(3000))]
    PortTaken(SocketAddr),
    /// The system refused to listen on the address.
    #[error("cannot listen on {address}: {source}; choose another --host or --port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The reason.
        source: io::Error,
    },
    /// The database cannot be opened.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The sessions' settings contradict each other.
    #[error("the session settings cannot work: {0}")]
    Sessions(#[from] cloakroom::ConfigError),
    /// The file of the sessions cannot be used.
    #[error("the sessions: {0}")]
    File(#[from] cloakroom_sqlx::OpenError),
    /// The Redis server cannot be used.
    #[error("--redis: {0}")]
    Redis(#[from] cloakroom_redis::ConnectError),
    /// The PostgreSQL database cannot be used.
    #[error("--postgres: {0}")]
    Postgres(#[from] cloakroom_sqlx::ConnectError),
    /// The port of the metrics cannot be used.
    #[error("--metrics-port: {0}; choose another one")]
    MetricsPort(io::Error),
    /// The metrics cannot be recorded.
    #[error("the metrics cannot be recorded: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// The server failed, or could not print its address.
    #[error("the server ended: {0}")]
    Io(#[from] io::Error),
}

/// Runs the shop until Ctrl-C or SIGTERM.
///
/// # Errors
///
/// If it cannot start; see [`StartError`].
pub async fn run(args: Args) -> Result<(), StartError> {
    let address = SocketAddr::from((args.host, args.port));
    // The port first, so that a second shop does not open the data of the first.
    let listener = TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::PortTaken(address),
        _ => StartError::Listen { address, source },
    })?;
    let metrics = match args.metrics_port {
        Some(port) => Some(metrics::bind(port).await.map_err(StartError::MetricsPort)?),
        None => None,
    };
    let shop = open(&args).await?;
    print_address(&args, listener.local_addr()?)?;
    // In the background, as the first page does not depend on it. Without a delay there is nothing to show.
    if !args.database_delay.is_zero() {
        let shop = shop.clone();
        tokio::spawn(async move { shop.measure().await });
    }
    if let Some(listener) = metrics {
        writeln!(io::stdout(), "\nMetrics: http://{}/metrics", listener.local_addr()?)?;
        metrics::serve(listener, shop.sessions().clone())?;
    }
    serve(listener, shop).await
}

async fn open(args: &Args) -> Result<Shop, StartError> {
    let is_volatile = args.data == Path::new(":memory:");
    let delay = args.database_delay;
    let db = if is_volatile { Db::in_memory(delay).await? } else { Db::open(&args.data, delay).await? };
    let settings = if args.short_timeouts { sessions::settings_with_short_timeouts() } else { sessions::settings() };
    let sessions = match (&args.redis, &args.postgres) {
        (Some(address), _) => sessions::over_redis(settings, address).await?,
        (None, Some(url)) => sessions::over_postgres(settings, url, START_PATIENCE).await?,
        (None, None) if is_volatile || args.memory => settings.build()?,
        (None, None) => sessions::in_folder(settings, &args.data).await?,
    };
    let shop = Shop::new(db, sessions, !args.no_session_cache);
    Ok(if let Some(node) = &args.node { shop.with_node_name(node) } else { shop })
}

fn print_address(args: &Args, address: SocketAddr) -> io::Result<()> {
    let site = format!(
        "http://{}",
        if address.ip().is_loopback() { format!("localhost:{}", address.port()) } else { address.to_string() }
    );
    let cache = if args.no_session_cache { "off" } else { "on" };
    let database = match args.database_delay {
        Duration::ZERO => "The database answers without delay".to_owned(),
        delay => format!("The database is {} away (simulated)", humantime::format_duration(delay)),
    };
    let sessions = match (&args.redis, &args.postgres) {
        (Some(_), _) => "in Redis",
        (None, Some(_)) => "in PostgreSQL",
        (None, None) if args.memory || args.data == Path::new(":memory:") => "in memory",
        (None, None) => "there too: stop the shop any way you like and start it again",
    };
    writeln!(
        io::stdout(),
        "The shop is open: {site}\n\
         Data in {}, sessions {sessions}.\n\
         {database}, the session cache is {cache}. Ctrl-C closes the shop.\n\n\
         Try it:\n  \
         curl -i -X POST {site}/cart/add/item123\n  \
         curl {site}/cart -H \"Cookie: session=…\"      (the value from the answer above)\n  \
         curl -H \"Accept: application/json\" {site}/",
        args.data.display(),
    )
}

async fn serve(listener: TcpListener, shop: Shop) -> Result<(), StartError> {
    let stop = {
        let shop = shop.clone();
        async move {
            shutdown_signal().await;
            shop.close();
        }
    };
    // With the address of each client, for the list of devices.
    let service = app(&shop).into_make_service_with_connect_info::<SocketAddr>();
    tokio::select! {
        result = axum::serve(listener, service).with_graceful_shutdown(stop).into_future() => result?,
        () = async { shop.closed().await; tokio::time::sleep(SHUTDOWN_TIMEOUT).await } => {
            tracing::warn!("some requests did not finish in time");
        }
    }
    shop.db().close().await;
    Ok(())
}

/// Resolves on Ctrl-C or SIGTERM.
async fn shutdown_signal() {
    tokio::select! {
        Ok(()) = signal::ctrl_c() => {}
        () = terminate() => {}
    }
}

#[cfg(unix)]
async fn terminate() {
    match signal::unix::signal(signal::unix::SignalKind::terminate()) {
        Ok(mut signals) => drop(signals.recv().await),
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminate() {
    std::future::pending().await
}
