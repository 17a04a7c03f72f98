//! Sends a request to a master and interprets redirections.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::store::{Lease, StoreError};
use redis::{ErrorKind, RedisError, ServerErrorKind, Value};

use super::slot_map::{Address, Master};
use crate::connection::{ConnectionPair, timed};
use crate::fault;
use crate::topology::{Request, RequestKind};

/// The next step after a reply.
pub(super) enum Redirect {
    Done(Value, Lease),
    Fail(StoreError),
    /// The slot map is wrong: the slot belongs to this server, if the address is known.
    Moved(Option<Address>),
    /// The key is being moved: send this one request to this server.
    Ask(Address),
    Wait(StoreError),
}

pub(super) async fn send_following(
    master: &Master,
    key: &str,
    request: &Request,
    kind: RequestKind,
    left: Duration,
    asking: bool,
) -> Redirect {
    let pair: Arc<ConnectionPair> = match master.connection.pair(left).await {
        Ok(pair) => pair,
        // The master's replica may be taking over.
        Err(error) => return Redirect::Wait(fault::before_send(error)),
    };
    let lease = if asking { Lease::NONE } else { pair.lease() };
    let answer =
        if asking { timed(left, request.send_asking(&pair)).await } else { request.send(&pair, key, kind, left).await };
    match answer {
        Ok(answer) => Redirect::Done(answer, lease),
        Err(error) => after(error, kind, &master.address.0),
    }
}

fn after(error: RedisError, kind: RequestKind, asked: &str) -> Redirect {
    let address = || error.redirect_node().and_then(|(node, _)| parse(node, asked));
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::Moved) => Redirect::Moved(address()),
        ErrorKind::Server(ServerErrorKind::Ask) => match address() {
            Some(address) => Redirect::Ask(address),
            None => Redirect::Moved(None),
        },
        ErrorKind::Server(
            ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::BusyLoading
            | ServerErrorKind::ReadOnly,
        ) => Redirect::Wait(fault::after_send(error, kind.effect)),
        _ => Redirect::Fail(fault::after_send(error, kind.effect)),
    }
}

/// Parses `host:port`. Without a host it is that of the queried server
/// (`cluster-preferred-endpoint-type unknown-endpoint`).
fn parse(node: &str, asked: &str) -> Option<Address> {
    let (host, port) = node.rsplit_once(':')?;
    let host = if host.is_empty() { asked } else { host };
    Some((host.to_owned(), port.parse().ok()?))
}
