//! Byte and connection counters of a proxy.

/// Bytes of one direction since the proxy started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Bytes read from the sender.
    pub read: u64,
    /// Bytes written to the receiver; the rest was swallowed, cut off, or is held or delayed.
    pub delivered: u64,
}

/// The traffic through a [`Proxy`](crate::Proxy) since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Connections that clients opened, including closed ones.
    pub connections: u64,
    /// Connections that are open now.
    pub open: u64,
    /// Bytes that clients sent.
    pub to_server: Bytes,
    /// Bytes that the server sent.
    pub to_client: Bytes,
}
