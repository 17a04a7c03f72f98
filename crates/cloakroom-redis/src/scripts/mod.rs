//! The verbs as single-key scripts: each is one atomic step and one round trip.

use std::sync::LazyLock;

use redis::{Arg, Cmd, ToRedisArgs, cmd};

/// A script and the digest that names it to the server.
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

script!(LOAD, ["absent.lua", "load.lua"], "Reads a record, and has the server remember that only if there is one.");
script!(CREATE, ["prelude.lua", "create.lua"], "Inserts a record if its key is free.");
script!(
    COMMIT,
    ["writers.lua", "edit.lua", "prelude.lua", "commit.lua"],
    "Applies edits and a rotation, all or nothing."
);
script!(TOUCH, ["absent.lua", "prelude.lua", "touch.lua"], "Restarts the idle timeout.");
script!(DESTROY, ["prelude.lua", "destroy.lua"], "Removes a record if the guard holds.");
script!(ADMIT, ["admit.lua"], "Enters a session into the index of its principal, within a limit.");

/// All of them, for a new connection to load.
pub(crate) fn all() -> [&'static Script; 6] {
    [&LOAD, &CREATE, &COMMIT, &TOUCH, &DESTROY, &ADMIT]
}

impl Script {
    fn new(source: &'static str) -> Self {
        let digest = redis::Script::new(source).get_hash().to_owned();
        Self { source, digest }
    }

    /// Hands the script to the server, which forgets it when it restarts.
    pub(crate) fn load(&self) -> Cmd {
        let mut command = cmd("SCRIPT");
        command.arg("LOAD").arg(self.source);
        command
    }

    /// A call of it on a key.
    pub(crate) fn on(&'static self, key: &str) -> Call {
        let mut command = cmd("EVALSHA");
        command.arg(&self.digest).arg(1).arg(key);
        Call { script: self, command }
    }
}

/// A script with its key and its arguments, ready to be sent.
pub(crate) struct Call {
    script: &'static Script,
    command: Cmd,
}

/// Before the key: the verb, the script and the number of keys.
const PREAMBLE: usize = 3;

impl Call {
    /// Adds an argument.
    pub(crate) fn with(mut self, argument: impl ToRedisArgs) -> Self {
        self.command.arg(argument);
        self
    }

    /// Where arguments are written to.
    pub(crate) fn arguments(&mut self) -> &mut Cmd {
        &mut self.command
    }

    /// Names the script by its digest.
    pub(crate) fn by_digest(&self) -> &Cmd {
        &self.command
    }

    /// Brings the script's text, for a server that has forgotten it; that teaches it again.
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
