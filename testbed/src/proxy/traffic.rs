//! What went through a proxy.

/// Bytes of one direction since the proxy started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Taken from the side that sent them.
    pub read: u64,
    /// Given to the other side; the rest was swallowed, cut off, or is held or delayed.
    pub delivered: u64,
}

/// What went through a [`Proxy`](crate::Proxy) since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Connections that clients opened, those that are closed included.
    pub connections: u64,
    /// Connections that are open now.
    pub open: u64,
    /// What clients sent.
    pub to_server: Bytes,
    /// What the server sent.
    pub to_client: Bytes,
}
