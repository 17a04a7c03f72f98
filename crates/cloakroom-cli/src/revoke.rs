use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use cloakroom::store::Store;
use cloakroom::{PublicId, Sessions};
use serde::Serialize;

use crate::error::CliError;
use crate::output::{Output, plain};

#[derive(Serialize)]
struct Revoked {
    ended: usize,
}

/// Ends one session, or all sessions of a user.
pub(crate) async fn run<S: Store>(
    store: S,
    id: Option<PublicId>,
    user: Option<String>,
    yes: bool,
    output: &Output,
) -> Result<ExitCode, CliError> {
    let sessions = Sessions::builder().store(store).build()?;
    let ended = match (id, user) {
        (Some(id), _) => {
            let session = sessions.by_id(id).await?.ok_or(CliError::NoSession)?;
            if !session.revoke().await? {
                return Err(CliError::NoSession);
            }
            1
        }
        (None, Some(user)) => {
            if !yes {
                let count = sessions.of(user.as_str()).count().await?;
                confirm(&format!("End {count} sessions of {}?", plain(&user)))?;
            }
            match sessions.of(user).revoke_all().await? {
                // A script must notice that it looked in the wrong place.
                0 => return Err(CliError::NoSessions),
                ended => ended,
            }
        }
        (None, None) => return Err(CliError::NoSession),
    };
    output.print(&Revoked { ended }, |out| writeln!(out, "sessions ended: {ended}"))?;
    Ok(ExitCode::SUCCESS)
}

/// Asks on a terminal. A script has to pass `--yes`.
fn confirm(question: &str) -> Result<(), CliError> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Err(CliError::NotConfirmed);
    }
    let mut err = std::io::stderr();
    write!(err, "{question} [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    if answer.trim().eq_ignore_ascii_case("y") { Ok(()) } else { Err(CliError::NotConfirmed) }
}
