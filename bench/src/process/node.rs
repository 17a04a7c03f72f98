use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;

use super::{Process, runtime, say, told};
use crate::args::Part;
use crate::{Failure, machine};

/// A server in a process of its own.
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    process: Process,
}

impl Node {
    /// Has `part` serve what `plan` says.
    pub(crate) fn start(part: Part, plan: &impl Serialize) -> Result<Self, Failure> {
        let mut process = Process::start(part.name())?;
        let address = process.ask(plan)?;
        Ok(Self { address, process })
    }

    /// What of it is in memory.
    pub(crate) fn resident_bytes(&self) -> Result<u64, Failure> {
        machine::resident_bytes_of(self.process.id()).ok_or_else(|| machine::NO_RESIDENT.into())
    }
}

/// In that process: serves the application of the plan until the one that started it ends.
pub(crate) fn serve<P, F>(app: impl FnOnce(P) -> F) -> Result<(), Failure>
where
    P: DeserializeOwned,
    F: Future<Output = Result<Router, Failure>> + Send + 'static,
{
    let plan: P = told()?.ok_or("a server is started by the part of the bench that measures it")?;
    let runtime = runtime()?;
    let app = app(plan);
    runtime.spawn(async move {
        if let Err(error) = answer(app).await {
            crate::report::complain(&*error);
            std::process::exit(1);
        }
    });
    while told::<serde_json::Value>()?.is_some() {}
    runtime.shutdown_background();
    Ok(())
}

async fn answer(app: impl Future<Output = Result<Router, Failure>>) -> Result<(), Failure> {
    let app = app.await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    say(&listener.local_addr()?)?;
    Ok(axum::serve(listener, app).await?)
}
