//! Serves the example at <http://localhost:3000>.

use cloakroom::Sessions;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, cloakroom_leptos::app(Sessions::in_memory())).await
}
