use serde::{Deserialize, Serialize};

/// What answers the requests: a server under test. The parts of the bench choose among these and describe
/// none of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Arm {
    /// axum without sessions, with the same answers.
    Bare,
    /// Cloakroom in the memory of its one node.
    Memory,
    /// Cloakroom over Redis.
    Redis,
    /// A map behind one lock, as the seed document keeps its sessions.
    Map,
    /// `tower-sessions` with its store in memory.
    TowerMemory,
    /// `tower-sessions` with its store on moka.
    TowerMoka,
    /// `tower-sessions` with its store for Redis.
    TowerRedis,
    /// The same behind its caching store, with its store on moka in front.
    TowerCached,
    /// `axum_session` without a database.
    AxumMemory,
    /// `axum_session` with its database layer for Redis.
    AxumRedis,
}

impl Arm {
    /// Those that keep sessions in memory alone.
    pub(crate) const IN_MEMORY: [Self; 5] =
        [Self::Memory, Self::Map, Self::TowerMemory, Self::TowerMoka, Self::AxumMemory];
    /// Those whose sessions several nodes can share.
    pub(crate) const SHARED: [Self; 4] = [Self::Redis, Self::TowerRedis, Self::TowerCached, Self::AxumRedis];

    /// All that can be asked on so many nodes without stickiness, bare axum first.
    pub(crate) fn on(nodes: usize) -> Vec<Self> {
        match nodes {
            1 => [&[Self::Bare], &Self::IN_MEMORY[..], &Self::SHARED[..]].concat(),
            _ => [&[Self::Bare], &Self::SHARED[..]].concat(),
        }
    }

    /// In the names of the figures.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Memory => "memory",
            Self::Redis => "redis",
            Self::Map => "map",
            Self::TowerMemory => "tower-memory",
            Self::TowerMoka => "tower-moka",
            Self::TowerRedis => "tower-redis",
            Self::TowerCached => "tower-cached",
            Self::AxumMemory => "axum-memory",
            Self::AxumRedis => "axum-redis",
        }
    }

    pub(crate) const fn what(self) -> &'static str {
        match self {
            Self::Bare => "bare axum",
            Self::Memory => "Cloakroom, in memory",
            Self::Redis => "Cloakroom over Redis",
            Self::Map => "a map behind a RwLock",
            Self::TowerMemory => "tower-sessions, memory",
            Self::TowerMoka => "tower-sessions, moka",
            Self::TowerRedis => "tower-sessions over Redis",
            Self::TowerCached => "tower-sessions, moka before Redis",
            Self::AxumMemory => "axum_session, memory",
            Self::AxumRedis => "axum_session over Redis",
        }
    }

    /// Whether every acknowledged update must be found again, and nothing may be refused.
    pub(crate) const fn is_ours(self) -> bool {
        matches!(self, Self::Memory | Self::Redis)
    }

    pub(crate) const fn has_sessions(self) -> bool {
        !matches!(self, Self::Bare)
    }

    /// Whether its sessions outlive a node and are shared by several.
    pub(crate) const fn is_shared(self) -> bool {
        matches!(self, Self::Redis | Self::TowerRedis | Self::TowerCached | Self::AxumRedis)
    }

    /// What its requests send to Redis. Neither the probes that keep a lease nor what connecting takes.
    pub(crate) const fn commands(self) -> &'static [&'static str] {
        match self {
            Self::Redis => &["eval", "evalsha", "hgetall"],
            Self::TowerRedis | Self::TowerCached => &["get", "set", "del"],
            Self::AxumRedis => &["get", "set", "del", "exists", "expireat", "multi", "exec"],
            _ => &[],
        }
    }
}
