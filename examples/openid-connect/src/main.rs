//! Serves the example on port 3000 of this machine.

use std::env;
use std::error::Error;

use cloakroom::{SessionLayer, Sessions};
use cloakroom_openid_connect::{Accounts, HttpClient, Provider, ResponseMode, Settings, routes};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let variable =
        |name: &str| env::var(name).map_err(|_| format!("set {name}, which your provider shows for a client"));
    let settings = Settings {
        issuer: variable("ISSUER")?,
        client_id: variable("CLIENT_ID")?,
        client_secret: variable("CLIENT_SECRET")?,
        // Register exactly this address at the provider.
        redirect_uri: "http://localhost:3000/callback".to_owned(),
        response_mode: ResponseMode::Query,
    };
    let provider = Provider::discover(settings, HttpClient::new()?).await?;
    let app = routes(provider, Accounts::default())?.layer(SessionLayer::new(Sessions::in_memory()));
    axum::serve(TcpListener::bind(("127.0.0.1", 3000)).await?, app).await?;
    Ok(())
}
