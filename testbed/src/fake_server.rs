//! A proxy that replaces some of the server's replies with scripted ones.

use crate::{Error, port};
use parking_lot::Mutex;
use std::{
    collections::{HashMap, VecDeque},
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Mutex as AsyncMutex,
    task::{JoinHandle, JoinSet},
};

const PORT_TRIES: usize = 8;
/// The echo that marks the place of a scripted reply in the server's stream, and the command that
/// produces it.
const MARKER: &[u8] = b"$24\r\ntestbed: scripted reply!\r\n";
const ECHO_MARKER: &[u8] = b"*2\r\n$4\r\nECHO\r\n$24\r\ntestbed: scripted reply!\r\n";
/// More than any command of a test; a larger number does not come from a Redis client.
const MAX_LENGTH: usize = 64 << 20;

/// Sits in front of a real server and answers some commands itself, with arbitrary bytes.
///
/// Commands without a [scripted reply](Self::script_reply) are forwarded to the server, and its
/// replies are returned unchanged. Clients pipeline commands, so a scripted reply is sent in the
/// position of the reply that it replaces. The proxy runs on the runtime that started it, and stops
/// when the value is dropped.
#[derive(Debug)]
pub struct FakeServer {
    shared: Arc<FakeServerState>,
    port: u16,
    listening: JoinHandle<()>,
}

#[derive(Debug)]
struct FakeServerState {
    target: SocketAddr,
    replies: Mutex<HashMap<String, Vec<u8>>>,
    /// The clients that enabled `CLIENT TRACKING`.
    listeners: Mutex<Vec<ClientWriter>>,
}

type ClientWriter = Arc<AsyncMutex<OwnedWriteHalf>>;

impl FakeServer {
    /// Listens on a free port, in front of the server at `target`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when no port can be bound.
    pub async fn start(target: SocketAddr) -> Result<Self, Error> {
        let mut last = None;
        for _ in 0..PORT_TRIES {
            let port = port::free()?;
            match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
                Ok(listener) => {
                    let shared =
                        Arc::new(FakeServerState { target, replies: Mutex::default(), listeners: Mutex::default() });
                    let listening = tokio::spawn(accept(listener, Arc::clone(&shared)));
                    return Ok(Self { shared, port, listening });
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last
            .map_or_else(|| Error::unexpected("no port was tried"), Error::io("listen on a port for the fake server")))
    }

    /// The port that clients connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Answers every later `command` (its first word, in lower case) with these bytes.
    pub fn script_reply(&self, command: impl Into<String>, reply: impl Into<Vec<u8>>) {
        self.shared.replies.lock().insert(command.into(), reply.into());
    }

    /// Forwards every command to the server again.
    pub fn clear_replies(&self) {
        self.shared.replies.lock().clear();
    }

    /// Sends unsolicited bytes to every client that has enabled `CLIENT TRACKING`, and returns
    /// their number.
    pub async fn push(&self, bytes: &[u8]) -> usize {
        let listeners = self.shared.listeners.lock().clone();
        let mut reached = 0;
        for listener in listeners {
            reached += usize::from(listener.lock().await.write_all(bytes).await.is_ok());
        }
        reached
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Closes its connections when it is aborted.
async fn accept(listener: TcpListener, shared: Arc<FakeServerState>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        connections.spawn(serve(client, Arc::clone(&shared)));
    }
}

async fn serve(client: TcpStream, shared: Arc<FakeServerState>) {
    let Ok(server) = TcpStream::connect(shared.target).await else { return };
    let _best_effort = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let to_client = Arc::new(AsyncMutex::new(to_client));
    let due = Mutex::default();
    tokio::select! {
        _ended = relay(from_server, &to_client, &due) => {}
        _ended = listen(from_client, to_server, &to_client, &shared, &due) => {}
    }
    shared.listeners.lock().retain(|listener| !Arc::ptr_eq(listener, &to_client));
}

/// The scripted replies that are due on a connection, in the order of their commands.
type DueReplies = Mutex<VecDeque<Vec<u8>>>;

async fn relay(mut source: OwnedReadHalf, sink: &ClientWriter, due: &DueReplies) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        if source.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        let mut output = Vec::new();
        while let Some(marker) = buffer.windows(MARKER.len()).position(|bytes| bytes == MARKER) {
            output.extend(buffer.drain(..marker));
            buffer.drain(..MARKER.len());
            output.extend(due.lock().pop_front().unwrap_or_default());
        }
        // The buffer may end with the beginning of a marker.
        let partial = (0..MARKER.len().min(buffer.len() + 1)).rev().find(|length| buffer.ends_with(&MARKER[..*length]));
        output.extend(buffer.drain(..buffer.len() - partial.unwrap_or_default()));
        sink.lock().await.write_all(&output).await?;
    }
}

async fn listen(
    source: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    client: &ClientWriter,
    shared: &FakeServerState,
    due: &DueReplies,
) -> std::io::Result<()> {
    let mut source = BufReader::new(source);
    while let Some(Command { name, bytes }) = command(&mut source).await? {
        if name == "client" && bytes.windows(8).any(|word| word == b"TRACKING") {
            shared.listeners.lock().push(Arc::clone(client));
        }
        let reply = shared.replies.lock().get(&name).cloned();
        match reply {
            Some(reply) => {
                due.lock().push_back(reply);
                server.write_all(ECHO_MARKER).await?;
            }
            None => server.write_all(&bytes).await?,
        }
    }
    Ok(())
}

/// One command of a client: its name in lower case, and all of its bytes.
struct Command {
    name: String,
    bytes: Vec<u8>,
}

async fn command(source: &mut BufReader<OwnedReadHalf>) -> std::io::Result<Option<Command>> {
    let mut bytes = Vec::new();
    let words = number(source, &mut bytes).await?;
    let mut name = None;
    for _ in 0..words {
        let length = number(source, &mut bytes).await?;
        let begin = bytes.len();
        bytes.resize(begin + length + 2, 0);
        source.read_exact(&mut bytes[begin..]).await?;
        name.get_or_insert_with(|| String::from_utf8_lossy(&bytes[begin..begin + length]).to_ascii_lowercase());
    }
    Ok(name.map(|name| Command { name, bytes }))
}

/// Reads the number in a header line, and appends the line to `bytes`.
async fn number(source: &mut BufReader<OwnedReadHalf>, bytes: &mut Vec<u8>) -> std::io::Result<usize> {
    let begin = bytes.len();
    source.read_until(b'\n', bytes).await?;
    let line = String::from_utf8_lossy(&bytes[begin..]).trim().to_owned();
    let number = line.get(1..).and_then(|digits| digits.parse().ok()).filter(|number| *number <= MAX_LENGTH);
    // The client disconnected, or does not speak RESP.
    number.ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
}
