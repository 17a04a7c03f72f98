//! Processes of this program that are told things, and answer, in lines of JSON: servers under test and
//! the load on them, each with a heap and a runtime of its own. They end when the one that started them does.

mod node;

use std::env;
use std::io::{BufRead, BufReader, Write, stdin, stdout};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Runtime};

use crate::Failure;

pub(crate) use node::{Node, serve};

/// A child process. It ends with this value, and also with this process: it reads the end of its input.
pub(crate) struct Process {
    part: &'static str,
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Process {
    pub(crate) fn start(part: &'static str) -> Result<Self, Failure> {
        let mut command = Command::new(env::current_exe()?);
        let mut child = command.arg(part).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let to = child.stdin.take();
        let from = child.stdout.take().ok_or("a child without its output")?;
        Ok(Self { part, child, to, from: BufReader::new(from) })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn tell(&mut self, what: &impl Serialize) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(what)?;
        line.push(b'\n');
        Ok(self.to.as_mut().ok_or("a child without its input")?.write_all(&line)?)
    }

    fn hear<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        read(&mut self.from)?.ok_or_else(|| format!("`{}` ended; its reason is above", self.part).into())
    }

    pub(crate) fn ask<T: DeserializeOwned>(&mut self, what: &impl Serialize) -> Result<T, Failure> {
        self.tell(what)?;
        self.hear()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.to = None;
        // It ends by itself; if it cannot any more, the operating system helps.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// In a child: the next thing it is told, or `None` at the end.
pub(crate) fn told<T: DeserializeOwned>() -> Result<Option<T>, Failure> {
    read(&mut stdin().lock())
}

/// In a child: its answer.
pub(crate) fn say(what: &impl Serialize) -> Result<(), Failure> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    let mut out = stdout().lock();
    out.write_all(&line)?;
    Ok(out.flush()?)
}

/// As `#[tokio::main]` makes it.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    Ok(Builder::new_multi_thread().enable_all().build()?)
}

fn read<T: DeserializeOwned>(from: &mut impl BufRead) -> Result<Option<T>, Failure> {
    let mut line = String::new();
    match from.read_line(&mut line)? {
        0 => Ok(None),
        _ => Ok(Some(serde_json::from_str(&line)?)),
    }
}
