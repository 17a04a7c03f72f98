//! A real socket, and a client that sends exactly the given text.

use std::net::SocketAddr;

use axum::Router;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::COOKIE;

/// Serves the application on a free port until the test's runtime ends.
pub(crate) async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// One connection, kept alive between requests.
#[derive(Debug)]
pub(crate) struct Connection(BufReader<TcpStream>);

/// A response as received from the socket.
#[derive(Debug)]
pub(crate) struct WireResponse {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Connection {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self(BufReader::new(TcpStream::connect(address).await.unwrap()))
    }

    /// Sends a request with these `Cookie` fields and reads the response.
    pub(crate) async fn request(&mut self, method: &str, path: &str, cookies: &[&str]) -> WireResponse {
        self.send_request(method, path, cookies).await;
        self.read_response().await
    }

    pub(crate) async fn send_request(&mut self, method: &str, path: &str, cookies: &[&str]) {
        let cookies: String = cookies.iter().map(|value| format!("Cookie: {COOKIE}={value}\r\n")).collect();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n{cookies}\r\n");
        self.write(&request).await;
    }

    /// Sends exactly this text.
    pub(crate) async fn write(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).await.unwrap();
    }

    async fn read_response(&mut self) -> WireResponse {
        let status = self.line().await;
        let status = status.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line().await;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length =
            headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        WireResponse { status, headers, body: String::from_utf8(body).unwrap() }
    }

    /// The next line without its end; empty at the end of the connection.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        line.trim_end().to_owned()
    }
}

impl WireResponse {
    /// The new value of the cookie; empty if the response removes it.
    pub(crate) fn new_cookie(&self) -> Option<&str> {
        let field = self.headers.iter().find(|(name, _)| name == "set-cookie")?;
        field.1.strip_prefix(COOKIE)?.strip_prefix('=')?.split(';').next()
    }
}
