//! One server process, built like an application over a shared tier.

mod clock;
mod mutation;
mod routes;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};

use cloakroom::store::Store;
use cloakroom::{CookieConfig, SessionLayer, Sessions};
use cloakroom_redis::RedisStore;
use cloakroom_sqlx::PostgresStore;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::Error;
use crate::args::NodeArgs;
use crate::view::LISTENING;

pub(crate) use clock::ClockError;
use clock::WrongClock;
use mutation::MutatedStore;
pub(crate) use mutation::Mutation;

pub(crate) async fn serve(args: NodeArgs) -> Result<(), Error> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "off".into()))
        .with_writer(std::io::stderr)
        .init();
    match &args.postgres {
        Some(url) => serve_over(PostgresStore::builder().namespace(&args.namespace).connect(url).await?, &args).await,
        None => serve_over(connect(&args).await?, &args).await,
    }
}

async fn serve_over(store: impl Store, args: &NodeArgs) -> Result<(), Error> {
    match args.sabotage {
        None => listen(args.port, sessions(store, args.clock)?).await,
        Some(how) => listen(args.port, sessions(MutatedStore::new(store, how), args.clock)?).await,
    }
}

async fn connect(args: &NodeArgs) -> Result<RedisStore, Error> {
    let builder = RedisStore::builder(args.namespace.as_str());
    let builder = match (args.redis.as_slice(), &args.sentinel_master) {
        (sentinels, Some(master)) => builder.sentinels(sentinels, master),
        ([server], None) => builder.server(server),
        (seeds, None) => builder.cluster(seeds),
    };
    Ok(builder.connect().await?)
}

fn sessions(store: impl Store, clock: ClockError) -> Result<Sessions, Error> {
    Ok(Sessions::builder().store(store).clock(WrongClock::new(clock)).build()?)
}

async fn listen(port: u16, sessions: Sessions) -> Result<(), Error> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    writeln!(std::io::stdout(), "{LISTENING}{}", listener.local_addr()?)?;
    let router = routes::router(sessions.clone());
    let layer = SessionLayer::new(sessions).cookie(CookieConfig::insecure_for_localhost());
    tokio::select! {
        outcome = axum::serve(listener, router.layer(layer)).into_future() => Ok(outcome?),
        () = parent_exited() => Ok(()),
    }
}

/// Resolves when the parent process is gone, for whatever reason.
async fn parent_exited() {
    let mut input = tokio::io::stdin();
    let mut byte = [0];
    while !matches!(input.read(&mut byte).await, Ok(0) | Err(_)) {}
}
