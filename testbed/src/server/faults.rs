//! What can happen to a server.

use super::{Server, start};
use crate::{Error, wait::until};
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

    async fn launch_again(&self) -> Result<(), Error> {
        self.kill()?;
        *self.process.lock() = start::launch(&self.settings, self.directory.path())?;
        start::ready(self).await
    }
}
