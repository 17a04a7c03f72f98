//! Free ports on the loopback interface.

use crate::Error;
use std::{
    net::{Ipv4Addr, TcpListener},
    ops::Range,
};

/// Below the ports that Linux (32768..) and macOS (49152..) assign to outgoing connections, so that
/// none of those can take the port of a server that is down for a moment.
const RANGE: Range<u16> = 15_000..32_000;
const TRIES: usize = 200;

/// A port on which nothing listened a moment ago.
///
/// The caller has to handle that another process binds it first.
pub(crate) fn free() -> Result<u16, Error> {
    for _ in 0..TRIES {
        let port = fastrand::u16(RANGE);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(Error::unexpected(format!("{TRIES} ports of {RANGE:?} on 127.0.0.1 were tried and all are taken")))
}
