//! What a server's answer says about who is to be asked.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::store::{Lease, StoreError};
use redis::{ErrorKind, RedisError, ServerErrorKind, Value};

use super::map::{Address, Master};
use crate::fault;
use crate::link::{Line, timed};
use crate::route::{Manner, Question};

/// What to do after a server's answer.
pub(super) enum Next {
    Done(Value, Lease),
    Fail(StoreError),
    /// The map is wrong: ask this one.
    Moved(Option<Address>),
    /// The key is being moved: ask this one, for once.
    Ask(Address),
    Wait(StoreError),
}

pub(super) async fn put(
    master: &Master,
    key: &str,
    question: &Question,
    manner: Manner,
    left: Duration,
    asking: bool,
) -> Next {
    let line: Arc<Line> = match master.link.line(left).await {
        Ok(line) => line,
        // Its replica may be taking over.
        Err(error) => return Next::Wait(fault::unsent(error)),
    };
    let lease = if asking { Lease::NONE } else { line.lease() };
    let answer = if asking {
        timed(left, question.put_asking(&line)).await
    } else {
        question.put(&line, key, manner, left).await
    };
    match answer {
        Ok(answer) => Next::Done(answer, lease),
        Err(error) => after(error, manner),
    }
}

fn after(error: RedisError, manner: Manner) -> Next {
    let address = || error.redirect_node().and_then(|(node, _)| parse(node));
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::Moved) => Next::Moved(address()),
        ErrorKind::Server(ServerErrorKind::Ask) => match address() {
            Some(address) => Next::Ask(address),
            None => Next::Moved(None),
        },
        ErrorKind::Server(
            ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::BusyLoading
            | ServerErrorKind::ReadOnly,
        ) => Next::Wait(fault::sent(error, manner.effect)),
        _ => Next::Fail(fault::sent(error, manner.effect)),
    }
}

fn parse(node: &str) -> Option<Address> {
    let (host, port) = node.rsplit_once(':')?;
    let port = port.parse().ok()?;
    (!host.is_empty()).then(|| (host.to_owned(), port))
}
