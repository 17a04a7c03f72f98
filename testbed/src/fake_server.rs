//! A server that lies.

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
/// What the server says in the place of a lie, and how it is asked to.
const CUE: &[u8] = b"$24\r\nimpostor: it is my turn!\r\n";
const ASK_FOR_CUE: &[u8] = b"*2\r\n$4\r\nECHO\r\n$24\r\nimpostor: it is my turn!\r\n";
/// More than any command of a test; whoever sends more is no client.
const LONGEST: usize = 64 << 20;

/// Stands in front of a real server and answers some commands itself, with any bytes.
///
/// What it does not [lie](Self::lie) about goes to the server, and the server's answers come back as they are. A lie comes
/// when it is its turn: clients send more before they are answered. It runs on the runtime that started it and ends with
/// the value.
#[derive(Debug)]
pub struct FakeServer {
    shared: Arc<FakeServerState>,
    port: u16,
    listening: JoinHandle<()>,
}

#[derive(Debug)]
struct FakeServerState {
    target: SocketAddr,
    lies: Mutex<HashMap<String, Vec<u8>>>,
    /// The clients that asked to be told of changes.
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
                        Arc::new(FakeServerState { target, lies: Mutex::default(), listeners: Mutex::default() });
                    let listening = tokio::spawn(accept(listener, Arc::clone(&shared)));
                    return Ok(Self { shared, port, listening });
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.map_or_else(|| Error::unexpected("no port was tried"), Error::io("listen on a port for the impostor")))
    }

    /// The port that clients connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on, every `command` (its first word, in lower case) is answered with these bytes.
    pub fn lie(&self, command: impl Into<String>, reply: impl Into<Vec<u8>>) {
        self.shared.lies.lock().insert(command.into(), reply.into());
    }

    /// From now on, the server answers everything itself.
    pub fn be_honest(&self) {
        self.shared.lies.lock().clear();
    }

    /// Says something that nobody asked for, to every client that has turned on `CLIENT TRACKING`. Answers to how many.
    pub async fn say(&self, bytes: &[u8]) -> usize {
        let listeners = self.shared.listeners.lock().clone();
        let mut reached = 0;
        for line in listeners {
            reached += usize::from(line.lock().await.write_all(bytes).await.is_ok());
        }
        reached
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Ends its connections when it is aborted.
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
    let lies = Mutex::default();
    tokio::select! {
        _ended = relay(from_server, &to_client, &lies) => {}
        _ended = listen(from_client, to_server, &to_client, &shared, &lies) => {}
    }
    shared.listeners.lock().retain(|line| !Arc::ptr_eq(line, &to_client));
}

/// The lies that wait for their turn on a connection.
type Lies = Mutex<VecDeque<Vec<u8>>>;

async fn relay(mut source: OwnedReadHalf, sink: &ClientWriter, lies: &Lies) -> std::io::Result<()> {
    let mut heard = Vec::new();
    loop {
        if source.read_buf(&mut heard).await? == 0 {
            return Ok(());
        }
        let mut said = Vec::new();
        while let Some(cue) = heard.windows(CUE.len()).position(|bytes| bytes == CUE) {
            said.extend(heard.drain(..cue));
            heard.drain(..CUE.len());
            said.extend(lies.lock().pop_front().unwrap_or_default());
        }
        // The end may be the beginning of a cue.
        let open = (0..CUE.len().min(heard.len() + 1)).rev().find(|length| heard.ends_with(&CUE[..*length]));
        said.extend(heard.drain(..heard.len() - open.unwrap_or_default()));
        sink.lock().await.write_all(&said).await?;
    }
}

async fn listen(
    source: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    client: &ClientWriter,
    shared: &FakeServerState,
    lies: &Lies,
) -> std::io::Result<()> {
    let mut source = BufReader::new(source);
    while let Some(Command { name, bytes }) = command(&mut source).await? {
        if name == "client" && bytes.windows(8).any(|word| word == b"TRACKING") {
            shared.listeners.lock().push(Arc::clone(client));
        }
        let lie = shared.lies.lock().get(&name).cloned();
        match lie {
            Some(reply) => {
                lies.lock().push_back(reply);
                server.write_all(ASK_FOR_CUE).await?;
            }
            None => server.write_all(&bytes).await?,
        }
    }
    Ok(())
}

/// What a client sent: a name in lower case, and all of it.
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

/// The number of a header line, which is kept.
async fn number(source: &mut BufReader<OwnedReadHalf>, bytes: &mut Vec<u8>) -> std::io::Result<usize> {
    let begin = bytes.len();
    source.read_until(b'\n', bytes).await?;
    let line = String::from_utf8_lossy(&bytes[begin..]).trim().to_owned();
    let number = line.get(1..).and_then(|digits| digits.parse().ok()).filter(|number| *number <= LONGEST);
    // A client that went away, or none.
    number.ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
}
