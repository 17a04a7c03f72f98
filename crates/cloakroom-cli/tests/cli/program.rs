use std::process::{Command, Stdio};

/// The result of a run of the program.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the program without a terminal.
pub(crate) fn cloakroom(store: Option<&str>, arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    command.args(arguments).stdin(Stdio::null()).env_remove("CLOAKROOM_STORE").env_remove("CLOAKROOM_NAMESPACE");
    if let Some(store) = store {
        command.env("CLOAKROOM_STORE", store);
    }
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run { success: output.status.success(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl Run {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
