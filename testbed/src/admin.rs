//! The testbed's own connection to a server, separate from those of the code under test.

use crate::Error;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, RedisResult, Value,
};
use std::{net::Ipv4Addr, time::Duration};
use tokio::time::timeout;

/// An account that every server has in addition to those of the test, because a test may lock the
/// default user.
pub(crate) const USER: &str = "testbed";
pub(crate) const PASSWORD: &str = "testbed-password";
/// A local server answers within milliseconds, and a frozen one must not block a test for long.
const LIMIT: Duration = Duration::from_secs(5);

/// Sends a command to the server on `port`, over a new connection each time.
///
/// A kept connection would have to survive every fault that a test injects, and would belong to the
/// runtime of the test that opened it.
pub(crate) async fn ask(port: u16, command: &Cmd) -> Result<Value, Error> {
    ask_within(LIMIT, port, command).await
}

pub(crate) async fn ask_within(limit: Duration, port: u16, command: &Cmd) -> Result<Value, Error> {
    let failed = |reason: String| Error::Command { command: first_words(command), port, reason };
    match timeout(limit, connect_and_ask(port, command)).await {
        Ok(answer) => answer.map_err(|error| failed(error.to_string())),
        Err(_) => Err(failed(format!("no answer within {limit:?}"))),
    }
}

async fn connect_and_ask(port: u16, command: &Cmd) -> RedisResult<Value> {
    let account = RedisConnectionInfo::default().set_username(USER).set_password(PASSWORD).set_skip_set_lib_name();
    let address = ConnectionAddr::Tcp(Ipv4Addr::LOCALHOST.to_string(), port);
    let client = Client::open(address.into_connection_info()?.set_redis_settings(account))?;
    // Only the caller's limit applies: the client's default timeouts would be shorter.
    let patient = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    let mut connection = Box::pin(client.get_multiplexed_async_connection_with_config(&patient)).await?;
    command.query_async(&mut connection).await
}

/// The command without its values, such as `CONFIG GET`: a value may be a password.
fn first_words(command: &Cmd) -> String {
    let words = command.args_iter().take(2).filter_map(|word| match word {
        redis::Arg::Simple(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The text of a reply that is one string; an error for any other reply.
pub(crate) fn text(answer: Value) -> Result<String, Error> {
    match answer {
        Value::BulkString(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Ok(text),
        Value::Okay => Ok("OK".to_owned()),
        other => Err(Error::unexpected(format!("the server answered {other:?} instead of a string"))),
    }
}
