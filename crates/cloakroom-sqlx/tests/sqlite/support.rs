//! What several tests need: sessions, other processes, and waiting for something to happen.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use cloakroom::SessionValue;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};

#[path = "../../../cloakroom/tests/support/recording.rs"]
mod recording;
#[path = "../../../cloakroom/tests/model/visitor.rs"]
mod visitor;

pub(crate) use recording::recorded;
pub(crate) use visitor::Visitor;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cart(pub(crate) Vec<String>);

impl SessionValue for Cart {
    const KEY: &'static str = "cart";
}

/// A connection of another program to the database.
pub(crate) async fn connect(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    options.connect().await.expect("the file can be opened")
}

/// Longer than any step on a busy machine; only failing tests wait this long.
const LIMIT: Duration = Duration::from_secs(20);

/// Polls until `holds` returns `true`.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let end = tokio::time::Instant::now() + LIMIT;
    while !holds().await {
        assert!(tokio::time::Instant::now() < end, "timed out waiting until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Another process, which runs one of these tests with an environment variable that changes what it
/// does.
pub(crate) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    pub(crate) fn start(test: &str, variable: &str, content: &std::path::Path) -> Self {
        let program = std::env::current_exe().expect("a test is a program");
        let mut command = Command::new(program);
        command.args(["--exact", test, "--nocapture"]).env(variable, content);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the test runs");
        let (input, output) = (child.stdin.take(), child.stdout.take().expect("it is piped"));
        Self { child, input, output: BufReader::new(output) }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of output that begins with `prefix`; returns the rest of it.
    pub(crate) fn wait_for(&mut self, prefix: &str) -> String {
        loop {
            let mut line = String::new();
            let length = self.output.read_line(&mut line).expect("it writes text");
            assert!(length > 0, "the process ended before it wrote {prefix:?}");
            if let Some(rest) = line.strip_prefix(prefix) {
                return rest.trim_end().to_owned();
            }
        }
    }

    /// Ends a process that waits for the end of its input.
    pub(crate) fn release(&mut self) {
        self.input = None;
    }

    /// Kills the process, as `kill -9` does, and returns the rest of its output.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("it is a child of this process");
        self.child.wait().expect("it was killed");
        self.output.lines().map_while(Result::ok).collect()
    }

    pub(crate) fn join(mut self) {
        self.input = None;
        assert!(self.child.wait().expect("it is a child of this process").success(), "the process failed");
    }
}

/// Writes a line at once, so that it is in the pipe if the process is killed after it.
pub(crate) fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    output.write_all(format!("{line}\n").as_bytes()).and_then(|()| output.flush()).expect("the parent reads");
}

/// Runs a test as a user without special rights, and returns `true`, if this process is the
/// superuser, for whom no file is read-only.
#[cfg(unix)]
pub(crate) fn ran_without_privileges(test: &str) -> bool {
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::CommandExt;

    const NOBODY: u32 = 65_534;
    let probe = tempfile::NamedTempFile::new().expect("the machine has a folder for temporary files");
    if probe.as_file().metadata().expect("it exists").uid() != 0 {
        return false;
    }
    let program = std::env::current_exe().expect("a test is a program");
    let copied = tempfile::tempdir().expect("the machine has a folder for temporary files");
    std::fs::set_permissions(copied.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
    let program_for_all = copied.path().join("test");
    std::fs::copy(program, &program_for_all).expect("there is space");
    let mut command = Command::new(program_for_all);
    let status =
        command.args(["--exact", test]).uid(NOBODY).gid(NOBODY).current_dir("/").stdout(Stdio::null()).status();
    assert!(status.expect("the test runs").success(), "{test} failed as another user");
    true
}
