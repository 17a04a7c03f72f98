use serde::{Deserialize, Serialize};

/// A server under test. Every part of the bench chooses from these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Target {
    /// axum without sessions, with the same responses.
    Bare,
    /// Cloakroom in memory, on one node.
    Memory,
    /// Cloakroom over Redis.
    Redis,
    /// A middleware around a map behind one lock.
    Map,
    /// `tower-sessions` with its memory store.
    TowerMemory,
    /// `tower-sessions` with its moka store.
    TowerMoka,
    /// `tower-sessions` with its Redis store.
    TowerRedis,
    /// `tower-sessions` with its caching store: moka in front of Redis.
    TowerCached,
    /// `axum_session` without a database.
    AxumMemory,
    /// `axum_session` with its Redis database layer.
    AxumRedis,
}

impl Target {
    /// Targets that keep sessions in memory only.
    pub(crate) const IN_MEMORY: [Self; 5] =
        [Self::Memory, Self::Map, Self::TowerMemory, Self::TowerMoka, Self::AxumMemory];
    /// Targets that share sessions between nodes.
    pub(crate) const SHARED: [Self; 4] = [Self::Redis, Self::TowerRedis, Self::TowerCached, Self::AxumRedis];

    /// Returns the targets that work on this many nodes without stickiness, bare axum first.
    pub(crate) fn on_nodes(nodes: usize) -> Vec<Self> {
        match nodes {
            1 => [&[Self::Bare], &Self::IN_MEMORY[..], &Self::SHARED[..]].concat(),
            _ => [&[Self::Bare], &Self::SHARED[..]].concat(),
        }
    }

    /// Its name in figure keys and for `--only`.
    pub(crate) const fn key(self) -> &'static str {
        self.names().0
    }

    /// Its name in tables.
    pub(crate) const fn label(self) -> &'static str {
        self.names().1
    }

    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Bare => ("bare", "bare axum"),
            Self::Memory => ("memory", "Cloakroom, in memory"),
            Self::Redis => ("redis", "Cloakroom over Redis"),
            Self::Map => ("map", "a map behind a RwLock"),
            Self::TowerMemory => ("tower-memory", "tower-sessions, memory"),
            Self::TowerMoka => ("tower-moka", "tower-sessions, moka"),
            Self::TowerRedis => ("tower-redis", "tower-sessions over Redis"),
            Self::TowerCached => ("tower-cached", "tower-sessions, moka before Redis"),
            Self::AxumMemory => ("axum-memory", "axum_session, memory"),
            Self::AxumRedis => ("axum-redis", "axum_session over Redis"),
        }
    }

    /// Returns whether this is Cloakroom, of which a lost update or a failed request fails the run.
    pub(crate) const fn is_cloakroom(self) -> bool {
        matches!(self, Self::Memory | Self::Redis)
    }

    pub(crate) const fn has_sessions(self) -> bool {
        !matches!(self, Self::Bare)
    }

    /// Returns whether several nodes can share its sessions.
    pub(crate) fn is_shared(self) -> bool {
        Self::SHARED.contains(&self)
    }

    /// Returns the Redis commands that its requests send, without lease probes and connection
    /// setup.
    pub(crate) const fn redis_commands(self) -> &'static [&'static str] {
        match self {
            Self::Redis => &["eval", "evalsha", "hgetall"],
            Self::TowerRedis | Self::TowerCached => &["get", "set", "del"],
            Self::AxumRedis => &["get", "set", "del", "exists", "expireat", "multi", "exec"],
            _ => &[],
        }
    }
}
