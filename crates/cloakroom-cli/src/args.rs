use clap::{ArgGroup, Parser, Subcommand};
use cloakroom::PublicId;

/// Lists, shows and revokes sessions, and checks their store.
#[derive(Debug, Parser)]
#[command(name = "cloakroom", version, about)]
pub(crate) struct Args {
    /// The store: `redis://…`, `rediss://…`, `postgres://…`, or `sqlite:` and a path.
    // Hidden, because it may contain a password.
    #[arg(long, global = true, env = "CLOAKROOM_STORE", hide_env_values = true, value_name = "ADDRESS")]
    pub(crate) store: Option<String>,
    /// The namespace of the sessions. Default: that of the address, or `default`.
    #[arg(long, global = true, env = "CLOAKROOM_NAMESPACE", value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// Print one JSON document instead of a table.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    OnSessions(SessionsCommand),
    /// Check that an application can use the store.
    Doctor,
    /// Print a new key for `SessionsBuilder::keys`.
    Keygen {
        /// The number of the key, from 0 to 255: one that no key had before.
        #[arg(default_value_t = 1)]
        number: u8,
    },
}

/// A command on the sessions of a store.
#[derive(Debug, Subcommand)]
pub(crate) enum SessionsCommand {
    /// List the sessions of a user, or of everybody.
    List {
        /// List only the sessions of this user.
        #[arg(long, value_name = "PRINCIPAL")]
        user: Option<String>,
        /// List at most this many.
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: usize,
    },
    /// List the users that have sessions.
    Users {
        /// List at most this many.
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: usize,
    },
    /// Show one session, with the keys and sizes of its values.
    Show {
        /// The public id of the session, as `list` prints it.
        id: PublicId,
        /// Print the values too. They may be personal data.
        #[arg(long)]
        values: bool,
    },
    /// End one session, or all sessions of a user, on every node.
    #[command(group = ArgGroup::new("whose").required(true))]
    Revoke {
        /// The public id of the session, as `list` prints it.
        #[arg(group = "whose")]
        id: Option<PublicId>,
        /// End all sessions of this user.
        #[arg(long, value_name = "PRINCIPAL", group = "whose")]
        user: Option<String>,
        /// Do not ask before the sessions of a user are ended.
        #[arg(long, requires = "user")]
        yes: bool,
    },
    /// Print the numbers of sessions and users.
    Stats,
}
