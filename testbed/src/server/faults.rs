//! What can happen to a server.

use super::{Server, start};
use crate::{Error, admin::PASSWORD, wait::until};
use rustix::process::Signal;
use std::time::Duration;

/// For what the operating system does within microseconds.
const SIGNAL_LIMIT: Duration = Duration::from_secs(5);
/// For the port to be given back; a killed server's is free at once.
const PORT_LIMIT: Duration = Duration::from_secs(40);

impl Server {
    /// Stops the process (SIGSTOP) and returns when it stands still: connections stay open, nobody answers.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] when the server does not run.
    pub async fn freeze(&self) -> Result<(), Error> {
        self.process.lock().signal(Signal::STOP)?;
        until("the server stands still", SIGNAL_LIMIT, || async {
            match self.process.lock().has_stopped()? {
                true => Ok(()),
                false => Err(Error::unexpected("it still runs")),
            }
        })
        .await
    }

    /// Lets a frozen process go on (SIGCONT): it answers what it was sent meanwhile.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] when the server does not run.
    pub fn thaw(&self) -> Result<(), Error> {
        self.process.lock().signal(Signal::CONT)
    }

    /// Ends the process at once (SIGKILL), frozen or not, and returns when it is gone.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the operating system refuses.
    pub fn kill(&self) -> Result<(), Error> {
        self.process.lock().kill().map_err(Error::io("kill the server"))
    }

    /// Starts the process again on the same port, killed before if it still runs.
    ///
    /// It comes back empty unless the builder was told to [`persist`](super::ServerBuilder::persist).
    /// A cluster node and a sentinel keep what they knew of the others.
    ///
    /// # Errors
    ///
    /// As [`ServerBuilder::start`](super::ServerBuilder::start).
    pub async fn restart(&self) -> Result<(), Error> {
        until("the port is free again", PORT_LIMIT, || async {
            match self.launch_again().await {
                Err(error) if start::port_was_taken(&error) => Err(error),
                // Anything else does not get better by another try.
                outcome => Ok(outcome),
            }
        })
        .await?
    }

    /// Closes the connections of all ordinary clients, not those of replicas; returns how many they were.
    ///
    /// # Errors
    ///
    /// As [`command`](Self::command).
    pub async fn cut_clients(&self) -> Result<u64, Error> {
        match self.command(&["CLIENT", "KILL", "TYPE", "normal"]).await? {
            redis::Value::Int(count) => Ok(u64::try_from(count).unwrap_or(0)),
            other => Err(Error::unexpected(format!("CLIENT KILL answered {other:?}"))),
        }
    }

    /// Cuts this replica off from its master, which goes on and acknowledges what the replica will not get.
    ///
    /// Returns when the replica has everything that the master acknowledged before the call, and
    /// gets nothing any more, until it may [`catch_up`](Self::catch_up).
    ///
    /// # Errors
    ///
    /// As [`command`](Self::command), and [`Error::TimedOut`] when the replica is already far behind.
    pub async fn fall_behind(&self, master: &Self) -> Result<(), Error> {
        let acknowledged = master.replication_offset("master_repl_offset").await?;
        until("the replica has what was acknowledged", SIGNAL_LIMIT, || async {
            match self.replication_offset("slave_repl_offset").await? {
                offset if offset >= acknowledged => Ok(()),
                offset => Err(Error::unexpected(format!("it is at {offset} of {acknowledged}"))),
            }
        })
        .await?;
        // A frozen replica would not do: it finds everything in the buffers of its socket when it goes on.
        self.command(&["CONFIG", "SET", "masterauth", "not-the-password"]).await?;
        master.command(&["CLIENT", "KILL", "TYPE", "replica"]).await?;
        until("the replica has lost its master", SIGNAL_LIMIT, || async {
            match self.info("replication").await?.remove("master_link_status").as_deref() {
                Some("down") => Ok(()),
                status => Err(Error::unexpected(format!("its link is {status:?}"))),
            }
        })
        .await
    }

    /// Lets a replica that [fell behind](Self::fall_behind) follow a master again.
    ///
    /// # Errors
    ///
    /// As [`command`](Self::command).
    pub async fn catch_up(&self) -> Result<(), Error> {
        self.command(&["CONFIG", "SET", "masterauth", PASSWORD]).await?;
        // Sentinels have the server write down its settings when they promote it, the wrong password too.
        self.command(&["CONFIG", "REWRITE"]).await.map(drop)
    }

    /// How many bytes of what `master` has written this replica has not got.
    ///
    /// # Errors
    ///
    /// As [`command`](Self::command).
    pub async fn bytes_behind(&self, master: &Self) -> Result<u64, Error> {
        let written = master.replication_offset("master_repl_offset").await?;
        Ok(written.saturating_sub(self.replication_offset("slave_repl_offset").await?))
    }

    async fn replication_offset(&self, field: &str) -> Result<u64, Error> {
        let offset = self.info("replication").await?.remove(field);
        let offset = offset.as_deref().and_then(|offset| offset.parse().ok());
        offset.ok_or_else(|| Error::unexpected(format!("the server on port {} tells no {field}", self.port)))
    }

    async fn launch_again(&self) -> Result<(), Error> {
        self.kill()?;
        *self.process.lock() = start::launch(&self.settings, self.directory.path())?;
        start::ready(self).await
    }
}
