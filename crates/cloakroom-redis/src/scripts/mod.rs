//! The verbs as single-key scripts: each is one atomic step and one round trip.

use std::sync::LazyLock;

use redis::{Cmd, cmd};

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

script!(CREATE, ["prelude.lua", "create.lua"], "Inserts a record if its key is free.");
script!(COMMIT, ["edit.lua", "prelude.lua", "commit.lua"], "Applies edits and a rotation, all or nothing.");
script!(TOUCH, ["prelude.lua", "touch.lua"], "Restarts the idle timeout.");
script!(DESTROY, ["prelude.lua", "destroy.lua"], "Removes a record if the guard holds.");
script!(ADMIT, ["admit.lua"], "Enters a session into the index of its principal, within a limit.");

/// All of them, for a new connection to load.
pub(crate) fn all() -> [&'static Script; 5] {
    [&CREATE, &COMMIT, &TOUCH, &DESTROY, &ADMIT]
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

    /// Runs it by its digest.
    pub(crate) fn by_digest(&self, key: &str, arguments: &[Vec<u8>]) -> Cmd {
        run("EVALSHA", &self.digest, key, arguments)
    }

    /// Runs it by its text, for a server that has forgotten it; that teaches it again.
    pub(crate) fn by_text(&self, key: &str, arguments: &[Vec<u8>]) -> Cmd {
        run("EVAL", self.source, key, arguments)
    }
}

fn run(verb: &str, script: &str, key: &str, arguments: &[Vec<u8>]) -> Cmd {
    let mut command = cmd(verb);
    command.arg(script).arg(1).arg(key).arg(arguments);
    command
}
