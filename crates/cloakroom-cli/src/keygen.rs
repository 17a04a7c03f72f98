use std::process::ExitCode;

use cloakroom::{ConfigError, Key, OsRandom};
use serde::Serialize;

use crate::error::CliError;
use crate::output::Output;

#[derive(Serialize)]
struct NewKey<'a> {
    key: &'a str,
}

/// Prints a new key as an entry of a key ring's text.
pub(crate) fn run(number: u8, output: &Output) -> Result<ExitCode, CliError> {
    let key = Key::generate(number, &OsRandom).map_err(|error| ConfigError::new("random", error.to_string()))?;
    let entry = key.to_entry();
    output.print(&NewKey { key: &entry }, |out| writeln!(out, "{}", *entry))?;
    Ok(ExitCode::SUCCESS)
}
