use std::process::ExitCode;

use cloakroom::store::Store;
use serde::Serialize;

use crate::error::CliError;
use crate::output::Output;
use crate::users::users;

#[derive(Serialize)]
struct Counts {
    sessions: u64,
    users: usize,
}

/// Prints the numbers of sessions and users.
pub(crate) async fn run<S: Store>(store: &S, output: &Output) -> Result<ExitCode, CliError> {
    let sessions = store.count().await?;
    let users = users(store, usize::MAX).await?.items;
    let counts = Counts { sessions, users: users.len() };
    output.print(&counts, |out| writeln!(out, "sessions  {}\nusers     {}", counts.sessions, counts.users))?;
    Ok(ExitCode::SUCCESS)
}
