//! Child processes of this program, which exchange JSON lines with their parent: servers under test
//! and load generators, each with a heap and a runtime of its own. A child ends when its standard
//! input does.

use std::env;
use std::io::{BufRead, BufReader, Write, stdin, stdout};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use axum::Router;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::args::Part;
use crate::{Error, Result, machine};

/// A child process. It is ended on drop, and also ends if this process does.
pub(crate) struct ChildProcess {
    part: &'static str,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl ChildProcess {
    pub(crate) fn start(part: &Part) -> Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        let mut child = command.arg(part.name()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or("the child has no standard output")?;
        Ok(Self { part: part.name(), child, input, output: BufReader::new(output) })
    }

    /// Sends a message and waits for the reply.
    pub(crate) fn request<T: DeserializeOwned>(&mut self, message: &impl Serialize) -> Result<T> {
        let input = self.input.as_mut().ok_or("the child has no standard input")?;
        write_line(input, message)?;
        read_line(&mut self.output)?.ok_or_else(|| format!("`{}` ended; its error is above", self.part).into())
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
    /// Starts a server of the kind `part` with this configuration.
    pub(crate) fn start(part: &Part, config: &impl Serialize) -> Result<Self> {
        let mut process = ChildProcess::start(part)?;
        let address = process.request(config)?;
        Ok(Self { address, process })
    }

    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        machine::resident_bytes(&self.process.child.id().to_string())
    }
}

/// Runs in a server process: reads the configuration, and serves its application until standard
/// input ends.
pub(crate) fn serve<C, F>(build: impl FnOnce(C) -> F) -> Result<()>
where
    C: DeserializeOwned,
    F: Future<Output = Result<Router>> + Send + 'static,
{
    let config: C = read_message()?.ok_or("this server is started by other parts of the bench")?;
    let runtime = runtime()?;
    let app = build(config);
    runtime.spawn(async move {
        if let Err(error) = serve_app(app).await {
            crate::report::print_error(&*error);
            std::process::exit(1);
        }
    });
    while read_message::<serde_json::Value>()?.is_some() {}
    runtime.shutdown_background();
    Ok(())
}

async fn serve_app(app: impl Future<Output = Result<Router>>) -> Result<()> {
    let app = app.await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    write_message(&listener.local_addr()?)?;
    Ok(axum::serve(listener, app).await?)
}

/// Runs in a child process: returns the parent's next message, or `None` at the end of the input.
pub(crate) fn read_message<T: DeserializeOwned>() -> Result<Option<T>> {
    read_line(&mut stdin().lock())
}

/// Runs in a child process: replies to the parent.
pub(crate) fn write_message(message: &impl Serialize) -> Result<()> {
    write_line(&mut stdout().lock(), message)
}

/// Returns a runtime like that of `#[tokio::main]`.
pub(crate) fn runtime() -> Result<Runtime> {
    Ok(Builder::new_multi_thread().enable_all().build()?)
}

fn write_line(output: &mut impl Write, message: &impl Serialize) -> Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    output.write_all(&line)?;
    Ok(output.flush()?)
}

fn read_line<T: DeserializeOwned>(input: &mut impl BufRead) -> Result<Option<T>> {
    let mut line = String::new();
    match input.read_line(&mut line)? {
        0 => Ok(None),
        _ => serde_json::from_str(&line).map(Some).map_err(Error::from),
    }
}
