//! The command line of Cloakroom.

mod args;
mod doctor;
mod error;
mod keygen;
mod list;
mod output;
mod overview;
mod revoke;
mod show;
mod stats;
mod store;
mod users;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command, SessionsCommand};
use error::CliError;
use output::Output;
use store::{OpenStore, StoreAddress};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = Args::parse();
    let output = Output::new(args.json);
    match run(args, &output).await {
        Ok(code) => code,
        Err(error) => {
            // If stderr is closed, the exit code is all that is left.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args, output: &Output) -> Result<ExitCode, CliError> {
    let address = || args.store.ok_or(CliError::NoStore)?.parse::<StoreAddress>();
    let namespace = args.namespace.as_deref();
    let command = match args.command {
        Command::Keygen { number } => return keygen::run(number, output),
        Command::Doctor => return doctor::run(&address()?, namespace, output).await,
        Command::OnSessions(command) => command,
    };
    match OpenStore::connect(&address()?, namespace).await? {
        OpenStore::Redis(store) => run_on(store, command, output).await,
        OpenStore::Postgres(store) => run_on(store, command, output).await,
        OpenStore::Sqlite(store) => {
            let code = run_on(store.clone(), command, output).await;
            // The application can open the file as soon as this process ends.
            store.close().await;
            code
        }
    }
}

/// Runs a command on a store that is open.
async fn run_on<S>(store: S, command: SessionsCommand, output: &Output) -> Result<ExitCode, CliError>
where
    S: cloakroom::store::Store + Clone,
{
    match command {
        SessionsCommand::List { user, limit } => list::run(&store, user, limit, output).await,
        SessionsCommand::Users { limit } => users::run(&store, limit, output).await,
        SessionsCommand::Show { id, values } => show::run(&store, id, values, output).await,
        SessionsCommand::Revoke { id, user, yes } => revoke::run(store, id, user, yes, output).await,
        SessionsCommand::Stats => stats::run(&store, output).await,
    }
}
