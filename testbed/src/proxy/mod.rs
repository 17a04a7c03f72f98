//! A wire that can fail.

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

/// A TCP proxy on a loopback port, in front of any address; its faults are switched while it runs.
///
/// Starts in [`pass`](Self::pass). Rules hold for all connections, present and new, and for each
/// [`Direction`] separately. It runs on the runtime that started it and ends with the value.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    port: u16,
    /// The task that owns the listener; none while connections are refused.
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
        let (listener, port) = listen_anywhere().await?;
        let shared = Arc::new(Shared {
            target,
            to_server: Stream::of_commands(),
            to_client: Stream::of_replies(),
            accepted: AtomicU64::new(0),
            open: AtomicU64::new(0),
            connections: Mutex::default(),
        });
        let listening = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { shared, port, listening: Mutex::new(Some(listening)) })
    }

    /// The port that clients connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address that clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// `redis://127.0.0.1:PORT/`; for a server with a password see [`Server::url_through`](crate::Server::url_through).
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Lifts every rule of both directions: held bytes are delivered, delayed ones at once.
    ///
    /// What was swallowed stays lost: [`cut`](Self::cut) connections whose stream lost its middle.
    pub fn pass(&self) {
        for direction in [Direction::ToServer, Direction::ToClient] {
            self.lane(direction).change(|rule| *rule = rule::Rule::default());
        }
    }

    /// Resets all present connections on both sides (RST), and returns when they are gone.
    ///
    /// New ones are accepted, unless [`refuse`](Self::refuse) came first.
    pub async fn cut(&self) {
        let mut present = std::mem::take(&mut *self.shared.connections.lock());
        present.shutdown().await;
    }

    /// Closes the listener: new connections are refused as by a host whose server is down. Present ones go on.
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
        // A child that is being started elsewhere has a copy of the listener until its program is loaded.
        until("nobody accepts connections", REFUSE_LIMIT, || async {
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
    /// [`Error::Io`] when somebody else took the port.
    pub async fn accept(&self) -> Result<(), Error> {
        if self.listening.lock().is_some() {
            return Ok(());
        }
        let listener =
            TcpListener::bind(self.address()).await.map_err(Error::io("listen on the proxy's port again"))?;
        *self.listening.lock() = Some(tokio::spawn(accept(listener, Arc::clone(&self.shared))));
        Ok(())
    }

    /// Throws away what is read from now on, while connections stay open: the half-open peer.
    ///
    /// The end of a connection is swallowed too, until [`pass`](Self::pass). What was read before is delivered.
    pub fn swallow(&self, direction: Direction) {
        self.lane(direction).change(|rule| rule.swallow = true);
    }

    /// Keeps what is read from now on, and what is delayed, until [`release`](Self::release) or [`pass`](Self::pass).
    pub fn hold(&self, direction: Direction) {
        self.lane(direction).change(|rule| rule.hold = true);
    }

    /// Delivers what was held, in order, and holds no more.
    pub fn release(&self, direction: Direction) {
        self.lane(direction).change(|rule| rule.hold = false);
    }

    /// Delivers what is read from now on this much later; zero lifts the delay of what still waits, too.
    pub fn delay(&self, direction: Direction, delay: Duration) {
        self.lane(direction).change(|rule| rule.delay = delay);
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

    /// The commands that clients sent since the start, swallowed ones included.
    ///
    /// A command counts once it was read whole, so before its reply is seen. One script call is one
    /// command here, whatever runs inside it. Over TLS nothing is counted.
    #[must_use]
    pub fn commands(&self) -> CommandCounts {
        self.shared.to_server.commands()
    }

    fn lane(&self, direction: Direction) -> &Stream {
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
        // Each connection holds the set that holds it: ended here, not by the last reference.
        self.shared.connections.lock().abort_all();
    }
}

async fn listen_anywhere() -> Result<(TcpListener, u16), Error> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..PORT_TRIES {
        let port = port::free()?;
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Ok(listener) => return Ok((listener, port)),
            Err(error) => last = error,
        }
    }
    Err(Error::io("listen on a port for the proxy")(last))
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            // One connection is gone already, or descriptors lack for a moment: not to be tried in a busy loop.
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let open = connection::Open::count(&shared);
        let mut connections = shared.connections.lock();
        while connections.try_join_next().is_some() {}
        connections.spawn(connection::serve(client, open));
    }
}
