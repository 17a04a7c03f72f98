//! Faults of a server. On Linux only, except for [`Postgres::stop`] and [`Postgres::restart`].

use super::{Postgres, processes, start};
use crate::{Error, wait::until};
use rustix::process::{Pid, Signal};
use std::time::Duration;

/// For what the operating system does within milliseconds.
const SIGNAL_LIMIT: Duration = Duration::from_secs(5);

impl Postgres {
    /// Stops all processes of the server (SIGSTOP), and returns when they have stopped: connections
    /// stay open without answers, and new ones are accepted without an answer.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] when the server is not running.
    pub async fn freeze(&self) -> Result<(), Error> {
        // First the process that would start others.
        self.process.lock().signal(Signal::STOP)?;
        until("the server has stopped", SIGNAL_LIMIT, || async {
            match self.process.lock().has_stopped()? {
                true => Ok(()),
                false => Err(Error::unexpected("it is still running")),
            }
        })
        .await?;
        let children = self.children()?;
        processes::signal(&children, Signal::STOP);
        all("the sessions have stopped", &children, processes::has_stopped_or_ended).await
    }

    /// Resumes a frozen server (SIGCONT), which then answers what it has received meanwhile.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] when the server is not running.
    pub fn thaw(&self) -> Result<(), Error> {
        let children = self.children()?;
        processes::signal(&children, Signal::CONT);
        self.process.lock().signal(Signal::CONT)
    }

    /// Ends all processes of the server at once (SIGKILL), frozen or not, and returns when they have
    /// ended. The next start recovers from the log, and empties tables that are not logged.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] when the server is not running.
    pub async fn kill(&self) -> Result<(), Error> {
        // Stopped first, so that it starts no others while they are listed.
        self.process.lock().signal(Signal::STOP)?;
        let children = self.children()?;
        self.process.lock().kill().map_err(Error::io("kill the server"))?;
        processes::signal(&children, Signal::KILL);
        all("the sessions have ended", &children, processes::has_ended).await
    }

    /// Shuts the server down: it ends all connections, rolls their transactions back, and exits.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] when the server is not running, and [`Error::TimedOut`] when it has not
    /// exited after 30 s.
    pub async fn stop(&self) -> Result<(), Error> {
        self.process.lock().signal(Signal::INT)?;
        until("the server has exited", start::READY_LIMIT, || async {
            match self.process.lock().ended() {
                Some(_) => Ok(()),
                None => Err(Error::unexpected("it is still running")),
            }
        })
        .await
    }

    /// Starts the server again on the same port and files, after [`kill`](Self::kill) or
    /// [`stop`](Self::stop), and waits until it answers.
    ///
    /// # Errors
    ///
    /// As [`PostgresBuilder::start`](super::PostgresBuilder::start).
    pub async fn restart(&self) -> Result<(), Error> {
        let process = start::launch(self.directory.path(), self.port, &self.settings).await?;
        *self.process.lock() = process;
        Ok(())
    }

    fn children(&self) -> Result<Vec<Pid>, Error> {
        let mut process = self.process.lock();
        match process.ended() {
            Some(_) => Ok(Vec::new()),
            None => processes::children(process.id()),
        }
    }
}

async fn all(what: &str, children: &[Pid], condition: fn(Pid) -> bool) -> Result<(), Error> {
    until(what, SIGNAL_LIMIT, || async {
        match children.iter().find(|child| !condition(**child)) {
            None => Ok(()),
            Some(child) => Err(Error::unexpected(format!("process {child:?} has not"))),
        }
    })
    .await
}
