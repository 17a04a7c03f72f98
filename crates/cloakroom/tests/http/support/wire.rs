//! A real socket, and a client that says and reads exactly what it is told.

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

/// A response as it came over the wire.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Connection {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self(BufReader::new(TcpStream::connect(address).await.unwrap()))
    }

    /// Sends a request with these `Cookie` fields and reads the response.
    pub(crate) async fn ask(&mut self, method: &str, path: &str, cookies: &[&str]) -> Answer {
        self.say(method, path, cookies).await;
        self.hear().await
    }

    pub(crate) async fn say(&mut self, method: &str, path: &str, cookies: &[&str]) {
        let cookies: String = cookies.iter().map(|value| format!("Cookie: {COOKIE}={value}\r\n")).collect();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n{cookies}\r\n");
        self.write(&request).await;
    }

    /// Sends exactly this.
    pub(crate) async fn write(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).await.unwrap();
    }

    async fn hear(&mut self) -> Answer {
        let status = self.line().await;
        let status = status.split(' ').nth(1).unwrap().parse().unwrap();
        let mut head = Vec::new();
        loop {
            let line = self.line().await;
            let Some((name, value)) = line.split_once(':') else { break };
            head.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length =
            head.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        Answer { status, head, body: String::from_utf8(body).unwrap() }
    }

    /// The next line, without its end; empty when the connection is over.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        line.trim_end().to_owned()
    }
}

impl Answer {
    /// The cookie's value that the client is to keep.
    pub(crate) fn given(&self) -> Option<&str> {
        let field = self.head.iter().find(|(name, _)| name == "set-cookie")?;
        field.1.strip_prefix(COOKIE)?.strip_prefix('=')?.split(';').next()
    }
}
