//! Child processes, which exchange JSON lines with their parent: servers under test and load
//! generators, each with a heap and a runtime of its own. A child ends when its standard input
//! does.

mod child;

use std::env;
use std::io::BufReader;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::args::Part;
use crate::measure::processor_time;
use crate::{Result, machine};

use child::{read_line, write_line};

pub(crate) use child::{read_message, runtime, serve, write_message};

/// A child process. It is killed on drop, and ends if this process does.
pub(crate) struct ChildProcess {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl ChildProcess {
    /// Starts this program again, as a part that other parts start.
    pub(crate) fn of_part(part: &Part) -> Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.arg(part.name());
        Self::start(command)
    }

    fn start(mut command: Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or("the child has no standard output")?;
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    /// Sends a message and waits for the reply.
    pub(crate) fn request<T: DeserializeOwned>(&mut self, message: &impl Serialize) -> Result<T> {
        let input = self.input.as_mut().ok_or("the child has no standard input")?;
        write_line(input, message)?;
        read_line(&mut self.output)?.ok_or_else(|| "a child process ended; its error is above".into())
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        self.input = None;
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An HTTP server in a child process.
pub(crate) struct ServerProcess {
    pub(crate) address: SocketAddr,
    process: ChildProcess,
}

impl ServerProcess {
    /// Starts this program as a server of the kind `part` with this configuration.
    pub(crate) fn of_part(part: &Part, config: &impl Serialize) -> Result<Self> {
        Self::configure(ChildProcess::of_part(part)?, config)
    }

    /// Starts another program that is a server with this configuration.
    pub(crate) fn of_program(program: &Path, config: &impl Serialize) -> Result<Self> {
        Self::configure(ChildProcess::start(Command::new(program))?, config)
    }

    fn configure(mut process: ChildProcess, config: &impl Serialize) -> Result<Self> {
        let address = process.request(config)?;
        Ok(Self { address, process })
    }

    /// Returns the processor time that the server has used so far.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        processor_time(self.process.child.id())
    }

    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        machine::resident_bytes(&self.process.child.id().to_string())
    }
}
