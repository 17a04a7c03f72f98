//! The verbs of the store as single-key scripts: each is one atomic step and one round trip.

use std::sync::LazyLock;

use redis::{Arg, Cmd, ToRedisArgs, cmd};

/// A script and the digest by which the server knows it.
#[derive(Debug)]
pub(crate) struct Script {
    source: &'static str,
    digest: String,
}

macro_rules! script {
    ($name:ident, [$($file:literal),+], $what:literal) => {
        #[doc = $what]
        pub(crate) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(concat!($(include_str!($file)),+)));
    };
}

script!(LOAD, ["absent.lua", "load.lua"], "Reads a record, and makes the server track the key only if it exists.");
script!(CREATE, ["prelude.lua", "create.lua"], "Inserts a record if its key is free.");
script!(
    COMMIT,
    ["edit.lua", "record.lua", "writers.lua", "prelude.lua", "commit.lua"],
    "Applies edits and a rotation atomically."
);
script!(TOUCH, ["absent.lua", "record.lua", "prelude.lua", "touch.lua"], "Restarts the idle timeout.");
script!(DESTROY, ["record.lua", "prelude.lua", "destroy.lua"], "Removes a record if the guard holds.");
script!(ADMIT, ["admit.lua"], "Adds a session to the index of its principal, within a limit.");

/// Every script, for a new connection to load.
pub(crate) fn all() -> [&'static Script; 6] {
    [&LOAD, &CREATE, &COMMIT, &TOUCH, &DESTROY, &ADMIT]
}

impl Script {
    fn new(source: &'static str) -> Self {
        let digest = redis::Script::new(source).get_hash().to_owned();
        Self { source, digest }
    }

    /// The command that loads the script. The server forgets it when it restarts.
    pub(crate) fn load(&self) -> Cmd {
        let mut command = cmd("SCRIPT");
        command.arg("LOAD").arg(self.source);
        command
    }

    /// A call of the script on a key.
    pub(crate) fn on(&'static self, key: &str) -> Call {
        // Room for a commit of a small value, so that the command does not grow while it is written.
        let mut command = Cmd::with_capacity(20, 1024);
        command.arg("EVALSHA").arg(&self.digest).arg(1).arg(key);
        Call { script: self, command }
    }
}

/// A script with its key and its arguments, ready to send.
pub(crate) struct Call {
    script: &'static Script,
    command: Cmd,
}

/// Number of words before the key: the command, the script and the number of keys.
const PREAMBLE: usize = 3;

impl Call {
    /// Adds an argument.
    pub(crate) fn with(mut self, argument: impl ToRedisArgs) -> Self {
        self.command.arg(argument);
        self
    }

    /// The command to which further arguments are appended.
    pub(crate) fn arguments(&mut self) -> &mut Cmd {
        &mut self.command
    }

    /// The call by digest.
    pub(crate) fn by_digest(&self) -> &Cmd {
        &self.command
    }

    /// The call with the full text, for a server that has forgotten the script; it loads the script
    /// again.
    pub(crate) fn by_text(&self) -> Cmd {
        let mut command = cmd("EVAL");
        command.arg(self.script.source).arg(1);
        for argument in self.command.args_iter().skip(PREAMBLE) {
            if let Arg::Simple(bytes) = argument {
                command.arg(bytes);
            }
        }
        command
    }
}
