use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

use crate::Failure;

use super::apps::{Plan, app};
use super::line::{Process, say, told};
use super::runtime;

/// A server in a process of its own.
pub(super) struct Node {
    pub(super) address: SocketAddr,
    _process: Process,
}

impl Node {
    pub(super) fn start(plan: &Plan) -> Result<Self, Failure> {
        let mut process = Process::start("http-node")?;
        let address = process.ask(plan)?;
        Ok(Self { address, _process: process })
    }
}

/// In that process: serves until the one that started it ends.
pub(crate) fn serve() -> Result<(), Failure> {
    let plan: Plan = told()?.ok_or("`http-node` is started by `http`")?;
    let runtime = runtime()?;
    runtime.spawn(async move {
        if let Err(error) = answer(&plan).await {
            crate::report::complain(&*error);
            std::process::exit(1);
        }
    });
    while told::<Plan>()?.is_some() {}
    runtime.shutdown_background();
    Ok(())
}

async fn answer(plan: &Plan) -> Result<(), Failure> {
    let app = app(plan).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    say(&listener.local_addr()?)?;
    Ok(axum::serve(listener, app).await?)
}
