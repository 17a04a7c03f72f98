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

use args::{Args, Command};
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
    if let Command::Keygen { number } = args.command {
        return keygen::run(number, output);
    }
    let address: StoreAddress = args.store.ok_or(CliError::NoStore)?.parse()?;
    let namespace = args.namespace;
    match OpenStore::connect(&address, namespace.as_deref()).await {
        Ok(OpenStore::Redis(store)) => {
            let warnings: Vec<_> = store.warnings().iter().map(ToString::to_string).collect();
            run_on(store, &warnings, args.command, output).await
        }
        Ok(OpenStore::Postgres(store)) => run_on(store, &[], args.command, output).await,
        Ok(OpenStore::Sqlite(store)) => {
            let code = run_on(store.clone(), &[], args.command, output).await;
            // The application can open the file as soon as this process ends.
            store.close().await;
            code
        }
        // The command that explains what is wrong reports it as its first check.
        Err(error) if matches!(args.command, Command::Doctor) => doctor::unreachable(&error, output),
        Err(error) => Err(error),
    }
}

/// Runs a command. The warnings are about the server's configuration.
async fn run_on<S>(store: S, warnings: &[String], command: Command, output: &Output) -> Result<ExitCode, CliError>
where
    S: cloakroom::store::Store + Clone,
{
    match command {
        Command::List { user, limit } => list::run(&store, user, limit, output).await,
        Command::Users { limit } => users::run(&store, limit, output).await,
        Command::Show { id, values } => show::run(&store, id, values, output).await,
        Command::Revoke { id, user, yes } => revoke::run(store, id, user, yes, output).await,
        Command::Stats => stats::run(&store, output).await,
        Command::Doctor => doctor::run(&store, warnings, output).await,
        Command::Keygen { number } => keygen::run(number, output),
    }
}
