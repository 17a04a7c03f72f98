//! A TCP proxy that injects faults.

mod connection;
mod copy;
mod request;
mod rule;
mod stream;
mod traffic;

pub use rule::Direction;
pub use traffic::{Bytes, Traffic};

use crate::{CommandCounts, Error, port, wait::until};
use parking_lot::Mutex;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use stream::Stream;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
    time::sleep,
};

const PORT_TRIES: usize = 8;
const REFUSE_LIMIT: Duration = Duration::from_secs(5);
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// A TCP proxy on a loopback address, in front of any address; its faults are switched while it runs.
///
/// It starts without any rule, as after [`pass`](Self::pass). Rules apply to all connections,
/// present and new, separately for each [`Direction`]. The proxy runs on the runtime that started
/// it, and stops when the value is dropped.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    /// The task that owns the listener; `None` while connections are refused.
    listening: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    to_server: Stream,
    to_client: Stream,
    accepted: AtomicU64,
    open: AtomicU64,
    connections: Mutex<JoinSet<()>>,
}

impl Proxy {
    /// Listens on a free port for connections to `target`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when no port can be bound.
    pub async fn start(target: SocketAddr) -> Result<Self, Error> {
        Ok(Self::on(listen_anywhere().await?, target))
    }

    /// Listens on this address for connections to `target`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the address cannot be bound.
    pub async fn start_at(address: SocketAddr, target: SocketAddr) -> Result<Self, Error> {
        let listener = TcpListener::bind(address).await.map_err(Error::io("listen on the proxy's address"))?;
        Ok(Self::on((listener, address), target))
    }

    fn on((listener, address): (TcpListener, SocketAddr), target: SocketAddr) -> Self {
        let shared = Arc::new(Shared {
            target,
            to_server: Stream::of_commands(),
            to_client: Stream::of_replies(),
            accepted: AtomicU64::new(0),
            open: AtomicU64::new(0),
            connections: Mutex::default(),
        });
        let listening = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { shared, address, listening: Mutex::new(Some(listening)) }
    }

    /// The port that clients connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The address that clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `redis://ADDRESS/`; for a server with a password see
    /// [`Server::url_through`](crate::Server::url_through).
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}/", self.address)
    }

    /// Lifts every rule of both directions: held and delayed bytes are delivered at once.
    ///
    /// Swallowed bytes stay lost, so [`cut`](Self::cut) the connections that lost part of their
    /// stream.
    pub fn pass(&self) {
        for direction in [Direction::ToServer, Direction::ToClient] {
            self.stream(direction).change(|rule| *rule = rule::Rule::default());
        }
    }

    /// Resets all present connections on both sides (RST), and returns when they are closed.
    ///
    /// New ones are accepted, unless [`refuse`](Self::refuse) was called first.
    pub async fn cut(&self) {
        let mut present = std::mem::take(&mut *self.shared.connections.lock());
        present.shutdown().await;
    }

    /// Closes the listener: new connections are refused, as by a host whose server is down, and
    /// present ones stay open.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] when connections are still accepted after 5 s.
    pub async fn refuse(&self) -> Result<(), Error> {
        let listening = self.listening.lock().take();
        if let Some(task) = listening {
            task.abort();
            let _ended_by_abort = task.await;
        }
        // A child process that is just starting has a copy of the listener until its program is
        // loaded.
        until("connections are refused", REFUSE_LIMIT, || async {
            match TcpStream::connect(self.address()).await {
                Ok(_) => Err(Error::unexpected("one was accepted")),
                Err(_) => Ok(()),
            }
        })
        .await
    }

    /// Accepts connections again after [`refuse`](Self::refuse), on the same port.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when another process took the port.
    pub async fn accept(&self) -> Result<(), Error> {
        if self.listening.lock().is_some() {
            return Ok(());
        }
        let listener =
            TcpListener::bind(self.address()).await.map_err(Error::io("listen on the proxy's port again"))?;
        *self.listening.lock() = Some(tokio::spawn(accept(listener, Arc::clone(&self.shared))));
        Ok(())
    }

    /// Discards everything read from now on, while connections stay open, like a half-open peer.
    ///
    /// The end of a connection is swallowed too, until [`pass`](Self::pass). Bytes that were read
    /// before are delivered.
    pub fn swallow(&self, direction: Direction) {
        self.stream(direction).change(|rule| rule.swallow = true);
    }

    /// Keeps everything read from now on, and everything still delayed, until
    /// [`release`](Self::release) or [`pass`](Self::pass).
    pub fn hold(&self, direction: Direction) {
        self.stream(direction).change(|rule| rule.hold = true);
    }

    /// Delivers the held bytes, in order, and stops holding.
    pub fn release(&self, direction: Direction) {
        self.stream(direction).change(|rule| rule.hold = false);
    }

    /// Delays everything read from now on; zero also lifts the delay of bytes that are still
    /// waiting.
    pub fn delay(&self, direction: Direction, delay: Duration) {
        self.stream(direction).change(|rule| rule.delay = delay);
    }

    /// Bytes and connections since the start.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        Traffic {
            connections: self.shared.accepted.load(Relaxed),
            open: self.shared.open.load(Relaxed),
            to_server: self.shared.to_server.bytes(),
            to_client: self.shared.to_client.bytes(),
        }
    }

    /// The commands that clients have sent since the start, including swallowed ones.
    ///
    /// A command is counted once it is read completely, so before its reply is seen. A script call
    /// is one command here, whatever runs inside it. Nothing is counted over TLS.
    #[must_use]
    pub fn commands(&self) -> CommandCounts {
        self.shared.to_server.commands()
    }

    fn stream(&self, direction: Direction) -> &Stream {
        match direction {
            Direction::ToServer => &self.shared.to_server,
            Direction::ToClient => &self.shared.to_client,
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(task) = self.listening.lock().take() {
            task.abort();
        }
        // Each connection holds the set that contains it, so dropping the last reference would
        // never happen.
        self.shared.connections.lock().abort_all();
    }
}

async fn listen_anywhere() -> Result<(TcpListener, SocketAddr), Error> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..PORT_TRIES {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port::free()?));
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok((listener, address)),
            Err(error) => last = error,
        }
    }
    Err(Error::io("listen on a port for the proxy")(last))
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            // The connection is closed already, or file descriptors are exhausted for a moment: do
            // not retry in a busy loop.
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let open = connection::Open::count(&shared);
        let mut connections = shared.connections.lock();
        while connections.try_join_next().is_some() {}
        connections.spawn(connection::serve(client, open));
    }
}
