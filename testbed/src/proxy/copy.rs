//! Copies the bytes of one direction of one connection, under the rule of its stream.

use super::{request::Requests, rule::Watched, stream::Stream};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::Instant,
};

/// A side broke the connection instead of closing it, so the proxy breaks the other side too.
#[derive(Debug)]
pub(super) struct Broken;

enum Item {
    Bytes(Vec<u8>),
    End,
    Break,
}

struct Chunk {
    due: Option<Instant>,
    item: Item,
}

/// Copies until the sender has ended its half and everything before that is delivered.
///
/// It reads even while it may not write, because the sender must not notice that bytes are held.
pub(super) async fn copy(
    source: impl AsyncRead + Unpin,
    sink: impl AsyncWrite + Unpin,
    stream: &Stream,
) -> Result<(), Broken> {
    let (chunks, inbox) = unbounded_channel();
    let (outcome, ()) = tokio::join!(deliver(sink, stream, inbox), collect(source, stream, chunks));
    outcome
}

async fn collect(mut source: impl AsyncRead + Unpin, stream: &Stream, chunks: UnboundedSender<Chunk>) {
    let mut rule = stream.watch();
    let mut requests = stream.is_tapped().then(Requests::default);
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let item = match source.read(&mut buffer).await {
            Ok(0) => Item::End,
            Ok(length) => Item::Bytes(buffer[..length].to_vec()),
            Err(_) => Item::Break,
        };
        let Item::Bytes(bytes) = item else {
            // A swallowed direction hides the end of the connection too.
            rule.until_not_swallowed().await;
            let _other_side_broke = chunks.send(chunk(&rule, item));
            return;
        };
        stream.count_read(bytes.len());
        if let Some(requests) = &mut requests {
            requests.feed(&bytes, |name| stream.count_command(name));
        }
        if !rule.now().swallow {
            let _other_side_broke = chunks.send(chunk(&rule, Item::Bytes(bytes)));
        }
    }
}

fn chunk(rule: &Watched, item: Item) -> Chunk {
    let delay = rule.now().delay;
    Chunk { due: (!delay.is_zero()).then(|| Instant::now() + delay), item }
}

async fn deliver(
    mut sink: impl AsyncWrite + Unpin,
    stream: &Stream,
    mut inbox: UnboundedReceiver<Chunk>,
) -> Result<(), Broken> {
    let mut rule = stream.watch();
    while let Some(Chunk { due, item }) = inbox.recv().await {
        rule.until_allowed(due).await;
        match item {
            Item::Bytes(bytes) => {
                // The other direction reports a closed receiver, and may have to swallow that.
                if sink.write_all(&bytes).await.is_ok() {
                    stream.count_delivered(bytes.len());
                }
            }
            Item::End => {
                let _gone_already = sink.shutdown().await;
                return Ok(());
            }
            Item::Break => return Err(Broken),
        }
    }
    Ok(())
}
