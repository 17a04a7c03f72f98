use std::fmt;

use clap::ValueEnum;

/// A fault that is injected while clients work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub(crate) enum Fault {
    /// No fault.
    None,
    /// The server is frozen for three seconds.
    Freeze,
    /// Redis is killed and restarted without its data.
    RestartEmpty,
    /// All connections to the server are cut, repeatedly.
    Cut,
    /// A node is stopped for longer than its lease.
    NodeFrozen,
    /// The connections of one node stay open but transmit nothing, in one direction or the other.
    HalfOpen,
    /// The replies to one node are held for longer than a deadline, then delivered.
    HeldReplies,
    /// The replies to one node are dropped for a while, then its connections are reset.
    DroppedReplies,
    /// Like `HeldReplies`, from all nodes of the cluster.
    HeldRepliesCluster,
    /// Like `DroppedReplies`, from all nodes of the cluster.
    DroppedRepliesCluster,
    /// The links of two nodes are slow.
    SlowLink,
    /// A master of the cluster is killed, and its replica takes over.
    Failover,
    /// Slots of live sessions move to another master.
    SlotMove,
    /// Clients hang up in the middle of requests.
    Aborts,
    /// Redis can track only very few of the keys that nodes have read.
    TinyTrackingTable,
    /// Every node of the cluster can track only very few of the keys that nodes have read.
    TinyTrackingTableCluster,
    /// Redis runs short of memory and evicts sessions.
    EvictingServer,
    /// Every node of the cluster runs short of memory and evicts sessions.
    EvictingCluster,
    /// A replica of the cluster lags behind its master, and takes over without the missing writes.
    LaggingFailover,
    /// A replica under sentinels lags behind its master, and takes over without the missing writes.
    LaggingFailoverSentinel,
    /// PostgreSQL is shut down and started again after three seconds.
    ServerStopped,
    /// PostgreSQL is killed and recovers.
    CrashRecovery,
    /// PostgreSQL has no connection left for nodes that lost theirs.
    NoConnectionsLeft,
    /// A long transaction of somebody else holds the oldest snapshot back.
    LongTransaction,
    /// Transactions are serializable by default, so that the server rolls them back.
    Serializable,
    /// Somebody else locks sessions in another order, so that the server reports deadlocks.
    LockedRows,
}

/// The deployment that a fault needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setup {
    /// One server, with a proxy for each node.
    Server,
    /// Three masters and three replicas, shared by one fault at a time.
    Cluster,
    /// The same cluster, with a proxy for each node in front of each master and replica.
    ClusterThroughProxies,
    /// A master and a replica, monitored by sentinels.
    Sentinels,
    /// One PostgreSQL server, with a proxy for each node.
    Postgres,
}

impl Fault {
    /// The faults of PostgreSQL in their order of execution.
    pub(crate) const OF_POSTGRES: [Self; 15] = [
        Self::None,
        Self::Aborts,
        Self::Freeze,
        Self::ServerStopped,
        Self::CrashRecovery,
        Self::Cut,
        Self::NodeFrozen,
        Self::HalfOpen,
        Self::HeldReplies,
        Self::DroppedReplies,
        Self::SlowLink,
        Self::NoConnectionsLeft,
        Self::LongTransaction,
        Self::Serializable,
        Self::LockedRows,
    ];

    /// The faults of Redis in their order of execution. Those that need the cluster are spread out, because
    /// only one of them can run at a time.
    pub(crate) const OF_REDIS: [Self; 20] = [
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
        Self::HeldRepliesCluster,
        Self::SlowLink,
        Self::DroppedRepliesCluster,
        Self::LaggingFailover,
    ];

    pub(crate) const fn setup(self, postgres: bool) -> Setup {
        match self {
            _ if postgres => Setup::Postgres,
            Self::Failover
            | Self::SlotMove
            | Self::TinyTrackingTableCluster
            | Self::EvictingCluster
            | Self::LaggingFailover => Setup::Cluster,
            Self::HeldRepliesCluster | Self::DroppedRepliesCluster => Setup::ClusterThroughProxies,
            Self::LaggingFailoverSentinel => Setup::Sentinels,
            _ => Setup::Server,
        }
    }

    /// Returns `true` if the fault keeps invalidations from some node at times.
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
                | Self::LongTransaction
                | Self::LockedRows
        )
    }

    /// Returns `true` if Redis is certain to lose acknowledged writes.
    pub(crate) const fn loses_writes(self) -> bool {
        matches!(self, Self::LaggingFailover | Self::LaggingFailoverSentinel)
    }

    /// Percentage of requests that the client gives up on.
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
