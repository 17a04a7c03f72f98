//! Faults of a server.

use super::{Server, start};
use crate::{Error, admin::PASSWORD, wait::until};
use rustix::process::Signal;
use std::time::Duration;

/// For what the operating system does within microseconds.
const SIGNAL_LIMIT: Duration = Duration::from_secs(5);
/// For the release of the port; a killed server's port is free at once.
const PORT_LIMIT: Duration = Duration::from_secs(40);

impl Server {
    /// Stops the process (SIGSTOP), and returns when it has stopped: connections stay open without
    /// answers.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] when the server is not running.
    pub async fn freeze(&self) -> Result<(), Error> {
        self.process.lock().signal(Signal::STOP)?;
        until("the server has stopped", SIGNAL_LIMIT, || async {
            match self.process.lock().has_stopped()? {
                true => Ok(()),
                false => Err(Error::unexpected("it is still running")),
            }
        })
        .await
    }

    /// Resumes a frozen process (SIGCONT), which then answers the commands it has received
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] when the server is not running.
    pub fn thaw(&self) -> Result<(), Error> {
        self.process.lock().signal(Signal::CONT)
    }

    /// Ends the process at once (SIGKILL), frozen or not, and returns when it has ended.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the operating system refuses.
    pub fn kill(&self) -> Result<(), Error> {
        self.process.lock().kill().map_err(Error::io("kill the server"))
    }

    /// Starts the process again on the same port, after killing it if it is still running.
    ///
    /// It starts empty unless the builder was set to [`persist`](super::ServerBuilder::persist). A
    /// cluster node and a sentinel keep what they know about the others.
    ///
    /// # Errors
    ///
    /// As [`ServerBuilder::start`](super::ServerBuilder::start).
    pub async fn restart(&self) -> Result<(), Error> {
        until("the port is free again", PORT_LIMIT, || async {
            match self.launch_again().await {
                Err(error) if start::port_was_taken(&error) => Err(error),
                // Another attempt does not fix any other error.
                outcome => Ok(outcome),
            }
        })
        .await?
    }

    /// Closes the connections of all ordinary clients, but not those of replicas, and returns their
    /// number.
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

    /// Disconnects this replica from its master, which goes on acknowledging writes that the
    /// replica will not get.
    ///
    /// Returns when the replica has everything that the master acknowledged before the call. From
    /// then on it receives nothing until [`catch_up`](Self::catch_up).
    ///
    /// # Errors
    ///
    /// As [`command`](Self::command), and [`Error::TimedOut`] when the replica is already far
    /// behind.
    pub async fn fall_behind(&self, master: &Self) -> Result<(), Error> {
        let acknowledged = master.replication_offset("master_repl_offset").await?;
        until("the replica has what was acknowledged", SIGNAL_LIMIT, || async {
            match self.replication_offset("slave_repl_offset").await? {
                offset if offset >= acknowledged => Ok(()),
                offset => Err(Error::unexpected(format!("it is at {offset} of {acknowledged}"))),
            }
        })
        .await?;
        // Freezing the replica would not do: on resuming it would find everything in its socket
        // buffers.
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
        // Sentinels make the server save its settings when they promote it, including the wrong
        // password.
        self.command(&["CONFIG", "REWRITE"]).await.map(drop)
    }

    /// The number of bytes written by `master` that this replica has not received.
    ///
    /// # Errors
    ///
    /// As [`command`](Self::command).
    pub async fn bytes_behind(&self, master: &Self) -> Result<u64, Error> {
        let written = master.replication_offset("master_repl_offset").await?;
        Ok(written.saturating_sub(self.replication_offset("slave_repl_offset").await?))
    }

    /// Makes the server fail to save its data, so that it refuses writes (`MISCONF`) until
    /// `stop-writes-on-bgsave-error` is `no`.
    ///
    /// # Errors
    ///
    /// As [`command`](Self::command), and [`Error::Io`] when the server's directory cannot be
    /// changed.
    pub async fn fail_to_save(&self) -> Result<(), Error> {
        // The server cannot replace a directory by a file.
        let place = self.directory.path().join("dump.rdb");
        std::fs::create_dir(place).map_err(Error::io("make a directory where the data belongs"))?;
        self.command(&["CONFIG", "SET", "save", "3600 1000000"]).await?;
        self.command(&["BGSAVE"]).await?;
        until("a save has failed", SIGNAL_LIMIT, || async {
            match self.info("persistence").await?.remove("rdb_last_bgsave_status").as_deref() {
                Some("err") => Ok(()),
                status => Err(Error::unexpected(format!("the last save was {status:?}"))),
            }
        })
        .await
    }

    async fn replication_offset(&self, field: &str) -> Result<u64, Error> {
        let offset = self.info("replication").await?.remove(field);
        let offset = offset.as_deref().and_then(|offset| offset.parse().ok());
        offset.ok_or_else(|| Error::unexpected(format!("the server on port {} does not report {field}", self.port)))
    }

    async fn launch_again(&self) -> Result<(), Error> {
        self.kill()?;
        *self.process.lock() = start::launch(&self.settings, self.directory.path())?;
        start::ready(self).await
    }
}
