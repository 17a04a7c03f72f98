//! The faults of PostgreSQL.

use std::time::{Duration, Instant};

use cloakroom_testbed::{Postgres, until};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, Executor};
use tokio::time::sleep;

use super::faults::{EFFECT_LIMIT, FREEZE, REST};
use crate::Error;

/// More than the nodes need, and few enough to be taken quickly.
const CONNECTIONS: &str = "60";
/// How long a transaction waits before the server looks for a deadlock: less than the deadline of a
/// call, so that it is repeated.
const DEADLOCK_TIMEOUT: &str = "100ms";
/// The longest time for which somebody else holds locks, and for how many sessions.
const LOCKED: Duration = Duration::from_millis(200);
const LOCKED_SESSIONS: i32 = 8;

/// Starts a server that is only ever killed as a process, so that it need not sync its files.
pub(super) async fn start() -> Result<Postgres, Error> {
    let builder = Postgres::builder().setting("fsync", "off").setting("max_connections", CONNECTIONS);
    Ok(builder.setting("deadlock_timeout", DEADLOCK_TIMEOUT).start().await?)
}

/// The name and version that the server under test reports.
pub(crate) async fn version() -> Result<String, Error> {
    let server = Postgres::start().await?;
    let version: String = sqlx::query_scalar("SHOW server_version").fetch_one(&mut connect(&server).await?).await?;
    Ok(format!("PostgreSQL {}", version.split(' ').next().unwrap_or("?")))
}

pub(super) async fn stop(server: &Postgres) -> Result<(), Error> {
    server.stop().await?;
    sleep(FREEZE).await;
    Ok(server.restart().await?)
}

/// The server recovers from its log, and empties the tables that are not logged.
pub(super) async fn crash(server: &Postgres) -> Result<(), Error> {
    server.kill().await?;
    sleep(REST / 4).await;
    Ok(server.restart().await?)
}

pub(super) async fn cut_clients(server: &Postgres) -> Result<(), Error> {
    cut_all(&mut connect(server).await?).await
}

/// Nodes lose their connections and find none in their place, at first because of those that others
/// hold, and then because of those that others take.
pub(super) async fn take_all_connections(server: &Postgres) -> Result<(), Error> {
    let mut admin = connect(server).await?;
    let mut taken = Vec::new();
    let end = Instant::now() + FREEZE;
    while Instant::now() < end {
        while let Ok(connection) = connect(server).await {
            taken.push(connection);
        }
        cut_all(&mut admin).await?;
        sleep(REST / 50).await;
    }
    Ok(())
}

/// The snapshots of all others contain this transaction until it ends.
pub(super) async fn hold_snapshot(server: &Postgres, end: Instant) -> Result<(), Error> {
    let mut admin = connect(server).await?;
    let mut transaction = admin.begin().await?;
    transaction.execute("SELECT pg_current_xact_id()").await?;
    sleep(end.saturating_duration_since(Instant::now()).max(REST * 2)).await;
    Ok(transaction.rollback().await?)
}

pub(super) async fn make_serializable(server: &Postgres) -> Result<(), Error> {
    let mut admin = connect(server).await?;
    admin.execute("ALTER DATABASE postgres SET default_transaction_isolation = 'serializable'").await?;
    // It applies to new connections.
    cut_all(&mut admin).await?;
    sleep(REST * 2).await;
    reported(server, "could not serialize access").await?;
    admin.execute("ALTER DATABASE postgres RESET default_transaction_isolation").await?;
    cut_all(&mut admin).await
}

/// Locks values first and their sessions afterwards, which is the opposite of what nodes do.
pub(super) async fn lock_rows(server: &Postgres) -> Result<(), Error> {
    let mut admin = connect(server).await?;
    let begin = Instant::now();
    let done = |error: &str| begin.elapsed() > REST * 2 && server.log().contains(error);
    while !done("deadlock detected") {
        if begin.elapsed() > EFFECT_LIMIT {
            return Err("the server detected no deadlock".into());
        }
        let mut transaction = admin.begin().await?;
        let chosen = "SELECT array_agg(id) FROM \
             (SELECT id FROM cloakroom_sessions ORDER BY last_seen DESC LIMIT $1) AS chosen";
        let chosen: Option<Vec<i64>> =
            sqlx::query_scalar(chosen).bind(LOCKED_SESSIONS).fetch_one(&mut *transaction).await?;
        let chosen = chosen.unwrap_or_default();
        let values = "SELECT FROM cloakroom_values WHERE session = ANY($1) ORDER BY session DESC FOR UPDATE";
        let sessions = "SELECT FROM cloakroom_sessions WHERE id = ANY($1) ORDER BY id DESC FOR UPDATE";
        let mut locked = Ok(());
        for lock in [values, sessions] {
            // The server may choose this transaction to end a deadlock.
            locked = locked.and(sqlx::query(lock).bind(&chosen).execute(&mut *transaction).await.map(drop));
            sleep(LOCKED.mul_f64(fastrand::f64() / 2.0)).await;
        }
        transaction.rollback().await?;
    }
    Ok(())
}

/// Waits until the server has reported an error: on a busy machine, clients need their time to
/// cause it.
async fn reported(server: &Postgres, error: &str) -> Result<(), Error> {
    until(&format!("the server reports `{error}`"), EFFECT_LIMIT, || async {
        let missing = || cloakroom_testbed::Error::Unexpected("its log has no such line".to_owned());
        server.log().contains(error).then_some(()).ok_or_else(missing)
    })
    .await?;
    Ok(())
}

/// Ends all connections of others.
async fn cut_all(admin: &mut PgConnection) -> Result<(), Error> {
    let nodes = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cloakroom'";
    Ok(admin.execute(nodes).await.map(drop)?)
}

async fn connect(server: &Postgres) -> Result<PgConnection, Error> {
    let options: PgConnectOptions = server.url().parse()?;
    Ok(options.application_name("checker").disable_statement_logging().connect().await?)
}
