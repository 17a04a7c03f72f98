//! A load balancer that sends each request to a random node: no sticky sessions, the hardest case.
//!
//! For `scripts/shop-cluster`. A real load balancer also detects dead nodes by health checks.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::uri::{PathAndQuery, Scheme, Uri};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use clap::Parser;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Sends each request to one of several nodes, chosen at random.
#[derive(Debug, Parser)]
#[command(name = "balancer", version)]
struct Args {
    /// Port to listen on; 0 lets the system choose a free one.
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// The nodes, such as 127.0.0.1:3001.
    #[arg(required = true)]
    nodes: Vec<SocketAddr>,
}

#[derive(Clone)]
struct Balancer {
    client: Client<HttpConnector, Body>,
    nodes: Vec<SocketAddr>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If stderr is closed, the exit code is all that is left.
            let _ = writeln!(std::io::stderr(), "error: {error}; choose another --port");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, args.port)).await?;
    let balancer = Balancer { client: Client::builder(TokioExecutor::new()).build_http(), nodes: args.nodes };
    writeln!(std::io::stdout(), "http://localhost:{}", listener.local_addr()?.port())?;
    axum::serve(listener, Router::new().fallback(forward).with_state(balancer)).await
}

async fn forward(State(balancer): State<Balancer>, mut request: Request) -> Response {
    let Some(node) = fastrand::choice(&balancer.nodes) else { return StatusCode::BAD_GATEWAY.into_response() };
    match with_node(*node, request.uri()) {
        Ok(uri) => *request.uri_mut() = uri,
        Err(_) => return StatusCode::BAD_REQUEST.into_response(),
    }
    // `Connection` is about the client's connection, not the one to the node.
    request.headers_mut().remove(header::CONNECTION);
    match balancer.client.request(request).await {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            tracing::warn!(%error, %node, "a node did not answer");
            let text = format!("the node {node} does not answer; the next request goes to another one\n");
            let retry = [(header::RETRY_AFTER, HeaderValue::from_static("1"))];
            (StatusCode::BAD_GATEWAY, retry, text).into_response()
        }
    }
}

/// Returns `uri` with the address of `node`. The header `Host` stays, as the shop compares it with
/// `Origin`.
fn with_node(node: SocketAddr, uri: &Uri) -> Result<Uri, axum::http::Error> {
    let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    Uri::builder().scheme(Scheme::HTTP).authority(node.to_string()).path_and_query(path).build()
}
