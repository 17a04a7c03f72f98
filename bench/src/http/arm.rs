use serde::{Deserialize, Serialize};

/// What answers the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Arm {
    /// axum without sessions, with the same answers.
    Bare,
    /// Cloakroom in the memory of its one node.
    Memory,
    /// Cloakroom over Redis.
    Redis,
    /// `tower-sessions` with its store for Redis.
    TowerRedis,
    /// The same behind its caching store, with its store for moka in front.
    TowerCached,
}

impl Arm {
    /// All that can be asked on so many nodes without stickiness, bare axum first.
    pub(crate) const fn on(nodes: usize) -> &'static [Self] {
        match nodes {
            1 => &[Self::Bare, Self::Memory, Self::Redis, Self::TowerRedis, Self::TowerCached],
            _ => &[Self::Bare, Self::Redis, Self::TowerRedis, Self::TowerCached],
        }
    }

    /// In the names of the figures.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Memory => "memory",
            Self::Redis => "redis",
            Self::TowerRedis => "tower-redis",
            Self::TowerCached => "tower-cached",
        }
    }

    pub(crate) const fn what(self) -> &'static str {
        match self {
            Self::Bare => "bare axum",
            Self::Memory => "Cloakroom, in memory",
            Self::Redis => "Cloakroom over Redis",
            Self::TowerRedis => "tower-sessions over Redis",
            Self::TowerCached => "tower-sessions, moka before Redis",
        }
    }

    /// Whether every acknowledged update must be found again, and nothing may be refused.
    pub(crate) const fn is_ours(self) -> bool {
        matches!(self, Self::Memory | Self::Redis)
    }

    pub(crate) const fn has_sessions(self) -> bool {
        !matches!(self, Self::Bare)
    }

    /// What its requests send to Redis. Neither the probes that keep a lease nor what connecting takes.
    pub(crate) const fn commands(self) -> &'static [&'static str] {
        match self {
            Self::Bare | Self::Memory => &[],
            Self::Redis => &["eval", "evalsha", "hgetall"],
            Self::TowerRedis | Self::TowerCached => &["get", "set", "del"],
        }
    }
}
