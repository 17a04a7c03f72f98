use std::fmt;

use clap::ValueEnum;

/// What happens while clients work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Redis stands still for three seconds.
    Freeze,
    /// Redis is killed and comes back without anything.
    RestartEmpty,
    /// All connections to Redis are cut, again and again.
    Cut,
    /// A node stands still for longer than its lease.
    NodeFrozen,
    /// The link of one node stays open and carries nothing, in one direction or the other.
    HalfOpen,
    /// The replies to one node are held for longer than a deadline, then delivered.
    HeldReplies,
    /// The replies to one node are dropped for a while, then its connections are reset.
    DroppedReplies,
    /// The links of two nodes are slow.
    SlowLink,
    /// A master of the cluster is killed and its replica takes over.
    Failover,
    /// Slots of live sessions move to another master.
    SlotMove,
    /// Clients hang up in the middle of requests.
    Aborts,
    /// Redis has room to remember very few of the keys that nodes have read.
    TinyTrackingTable,
    /// The same at every node of the cluster.
    TinyTrackingTableCluster,
    /// Redis is short of memory and evicts sessions.
    EvictingServer,
    /// The same at every node of the cluster.
    EvictingCluster,
    /// A replica of the cluster lags behind its master and takes over without what it lacks.
    LaggingFailover,
    /// The same, with sentinels.
    LaggingFailoverSentinel,
}

/// What a fault is played on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setup {
    /// One server, with a proxy for each node.
    Server,
    /// Three masters and three replicas. Faults on it wait for each other.
    Cluster,
    /// A master and a replica that sentinels watch.
    Sentinels,
}

impl Fault {
    /// In the order in which they are played. Those that need the cluster stand apart, as they wait for each other.
    pub(crate) const ALL: [Self; 18] = [
        Self::None,
        Self::SlotMove,
        Self::Aborts,
        Self::Freeze,
        Self::LaggingFailoverSentinel,
        Self::TinyTrackingTable,
        Self::Failover,
        Self::EvictingServer,
        Self::RestartEmpty,
        Self::Cut,
        Self::TinyTrackingTableCluster,
        Self::NodeFrozen,
        Self::HalfOpen,
        Self::HeldReplies,
        Self::EvictingCluster,
        Self::DroppedReplies,
        Self::SlowLink,
        Self::LaggingFailover,
    ];

    pub(crate) const fn setup(self) -> Setup {
        match self {
            Self::Failover
            | Self::SlotMove
            | Self::TinyTrackingTableCluster
            | Self::EvictingCluster
            | Self::LaggingFailover => Setup::Cluster,
            Self::LaggingFailoverSentinel => Setup::Sentinels,
            _ => Setup::Server,
        }
    }

    /// Whether news cannot reach every node all the time.
    pub(crate) const fn cuts_off(self) -> bool {
        !matches!(
            self,
            Self::None
                | Self::SlotMove
                | Self::Aborts
                | Self::SlowLink
                | Self::TinyTrackingTable
                | Self::TinyTrackingTableCluster
                | Self::EvictingServer
                | Self::EvictingCluster
        )
    }

    /// Whether Redis certainly loses acknowledged writes.
    pub(crate) const fn loses_writes(self) -> bool {
        matches!(self, Self::LaggingFailover | Self::LaggingFailoverSentinel)
    }

    /// How many requests in a hundred the client gives up on.
    pub(crate) const fn aborted_percent(self) -> u32 {
        match self {
            Self::Aborts => 15,
            _ => 0,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}
