//! What runs in a child process. `bench/sqlx-peer` uses this file too.

use std::io::{BufRead, Write, stdin, stdout};
use std::net::Ipv4Addr;

use axum::Router;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::{Error, Result};

/// Reads the configuration, and serves its application until standard input ends.
pub(crate) fn serve<C, F>(build: impl FnOnce(C) -> F) -> Result<()>
where
    C: DeserializeOwned,
    F: Future<Output = Result<Router>>,
{
    let config: C = read_message()?.ok_or("this server is started by other parts of the bench")?;
    let runtime = runtime()?;
    let app = runtime.block_on(build(config))?;
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    write_message(&listener.local_addr()?)?;
    runtime.spawn(axum::serve(listener, app).into_future());
    while read_message::<serde_json::Value>()?.is_some() {}
    runtime.shutdown_background();
    Ok(())
}

/// Returns the parent's next message, or `None` at the end of the input.
pub(crate) fn read_message<T: DeserializeOwned>() -> Result<Option<T>> {
    read_line(&mut stdin().lock())
}

/// Replies to the parent.
pub(crate) fn write_message(message: &impl Serialize) -> Result<()> {
    write_line(&mut stdout().lock(), message)
}

/// Returns a runtime like that of `#[tokio::main]`.
pub(crate) fn runtime() -> Result<Runtime> {
    Ok(Builder::new_multi_thread().enable_all().build()?)
}

pub(super) fn write_line(output: &mut impl Write, message: &impl Serialize) -> Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    output.write_all(&line)?;
    Ok(output.flush()?)
}

pub(super) fn read_line<T: DeserializeOwned>(input: &mut impl BufRead) -> Result<Option<T>> {
    let mut line = String::new();
    match input.read_line(&mut line)? {
        0 => Ok(None),
        _ => serde_json::from_str(&line).map(Some).map_err(Error::from),
    }
}
