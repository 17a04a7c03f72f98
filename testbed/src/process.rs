//! A child process that ends when its value is dropped.

use crate::{Error, spawner};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use std::{
    fs::File,
    io,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Polling interval while a process is ending.
const PAUSE: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts `command` in `directory`, and appends its output to `log`.
    pub(crate) fn start(mut command: Command, directory: &Path, log: &Path) -> Result<Self, Error> {
        let log = File::options().create(true).append(true).open(log).map_err(Error::io("open the server's log"))?;
        let errors = log.try_clone().map_err(Error::io("open the server's log"))?;
        command.current_dir(directory).stdin(Stdio::null()).stdout(log).stderr(errors);
        let child = spawner::spawn(command).map_err(Error::io("start the server's program"))?;
        Ok(Self { child })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The exit status, if the process has ended.
    pub(crate) fn ended(&mut self) -> Option<String> {
        match self.child.try_wait() {
            Ok(status) => status.map(|status| status.to_string()),
            Err(error) => Some(error.to_string()),
        }
    }

    /// Sends a signal, unless the process has ended: its id may belong to another process by now.
    pub(crate) fn signal(&mut self, signal: Signal) -> Result<(), Error> {
        if let Some(end) = self.ended() {
            return Err(Error::unexpected(format!("the server does not run any more ({end}): `restart` it first")));
        }
        kill_process(self.pid(), signal).map_err(|error| Error::io("signal the server")(error.into()))
    }

    /// Returns `true` if a SIGSTOP has stopped every thread of the process since the last call that
    /// returned `true`.
    pub(crate) fn has_stopped(&self) -> Result<bool, Error> {
        // Without EXITED, so that the exit status is left for `Child::wait`.
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
        let status = waitid(WaitId::Pid(self.pid()), options);
        Ok(status.map_err(|error| Error::io("wait for the server to stop")(error.into()))?.is_some())
    }

    /// Kills the process, frozen or not, and waits until it has ended.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Asks the process to exit, and kills it if it has not within the limit.
    #[expect(clippy::disallowed_methods, reason = "called by `drop`, which cannot await")]
    pub(crate) fn end(&mut self, signal: Signal, limit: Duration) {
        let asked = self.signal(signal);
        let began = Instant::now();
        while asked.is_ok() && self.ended().is_none() && began.elapsed() < limit {
            thread::sleep(PAUSE);
        }
        let _ended_already = self.kill();
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended_already = self.kill();
    }
}
