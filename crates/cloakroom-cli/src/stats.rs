use std::collections::HashSet;
use std::process::ExitCode;

use cloakroom::store::{PageRequest, Store};
use serde::Serialize;

use crate::error::CliError;
use crate::output::Output;

const PAGE: usize = 500;

#[derive(Serialize)]
struct Counts {
    sessions: u64,
    users: usize,
}

/// Prints the numbers of sessions and users.
pub(crate) async fn run<S: Store>(store: &S, output: &Output) -> Result<ExitCode, CliError> {
    let sessions = store.count().await?;
    let (mut users, mut request) = (HashSet::new(), Some(PageRequest::first(PAGE)));
    while let Some(page) = request.take() {
        let found = store.list_principals(page.clone()).await?;
        users.extend(found.items);
        request = found.next.map(|next| page.after(next));
    }
    let counts = Counts { sessions, users: users.len() };
    output.print(&counts, |out| writeln!(out, "sessions  {}\nusers     {}", counts.sessions, counts.users))?;
    Ok(ExitCode::SUCCESS)
}
