use std::collections::BTreeSet;
use std::process::ExitCode;

use cloakroom::store::{PageRequest, Store};
use serde::Serialize;

use crate::error::CliError;
use crate::output::{Output, plain};

/// The number of users that are requested at a time.
const PAGE: usize = 500;

/// Users that have sessions, in ascending order.
#[derive(Serialize)]
pub(crate) struct Users {
    pub(crate) items: BTreeSet<String>,
    /// Whether there are more than were asked for.
    has_more: bool,
}

/// Lists the users that have sessions.
pub(crate) async fn run<S: Store>(store: &S, limit: usize, output: &Output) -> Result<ExitCode, CliError> {
    let users = users(store, limit).await?;
    output.print(&users, |out| {
        users.items.iter().try_for_each(|user| writeln!(out, "{}", plain(user)))?;
        if users.has_more { writeln!(out, "\nthere are more: raise --limit") } else { Ok(()) }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Returns up to `limit` users. A user may be on several pages.
pub(crate) async fn users<S: Store>(store: &S, limit: usize) -> Result<Users, CliError> {
    let mut users = Users { items: BTreeSet::new(), has_more: false };
    let mut request = PageRequest::first(PAGE);
    loop {
        let page = store.list_principals(request.clone()).await?;
        for principal in page.items {
            let user = principal.as_str();
            if users.items.len() < limit {
                users.items.insert(user.to_owned());
            } else if !users.items.contains(user) {
                users.has_more = true;
                return Ok(users);
            }
        }
        match page.next {
            Some(next) => request = request.after(next),
            None => return Ok(users),
        }
    }
}
