//! Moves the bytes of one direction of one connection, as its lane allows.

use super::{request::Requests, rule::Watched, stream::Stream};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::Instant,
};

/// One side broke the connection instead of closing it: so does the proxy to the other side.
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

/// Returns when the sender has ended its half and everything before is delivered.
///
/// Reading goes on while nothing may be written: the sender must not notice that bytes are held.
pub(super) async fn pump(
    source: impl AsyncRead + Unpin,
    sink: impl AsyncWrite + Unpin,
    lane: &Stream,
) -> Result<(), Broken> {
    let (parcels, inbox) = unbounded_channel();
    let (outcome, ()) = tokio::join!(deliver(sink, lane, inbox), collect(source, lane, parcels));
    outcome
}

async fn collect(mut source: impl AsyncRead + Unpin, lane: &Stream, parcels: UnboundedSender<Chunk>) {
    let mut rule = lane.watch();
    let mut requests = lane.is_tapped().then(Requests::default);
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let item = match source.read(&mut buffer).await {
            Ok(0) => Item::End,
            Ok(length) => Item::Bytes(buffer[..length].to_vec()),
            Err(_) => Item::Break,
        };
        let Item::Bytes(bytes) = item else {
            // A peer that cannot be heard cannot be heard leaving either.
            rule.until_not_swallowed().await;
            let _other_side_broke = parcels.send(parcel(&rule, item));
            return;
        };
        lane.count_read(bytes.len());
        if let Some(requests) = &mut requests {
            requests.feed(&bytes, |name| lane.count_command(name));
        }
        if !rule.now().swallow {
            let _other_side_broke = parcels.send(parcel(&rule, Item::Bytes(bytes)));
        }
    }
}

fn parcel(rule: &Watched, item: Item) -> Chunk {
    let delay = rule.now().delay;
    Chunk { due: (!delay.is_zero()).then(|| Instant::now() + delay), item }
}

async fn deliver(
    mut sink: impl AsyncWrite + Unpin,
    lane: &Stream,
    mut inbox: UnboundedReceiver<Chunk>,
) -> Result<(), Broken> {
    let mut rule = lane.watch();
    while let Some(Chunk { due, item }) = inbox.recv().await {
        rule.until_allowed(due).await;
        match item {
            Item::Bytes(bytes) => {
                // A receiver that is gone is the other direction's news, which that one may have to swallow.
                if sink.write_all(&bytes).await.is_ok() {
                    lane.count_delivered(bytes.len());
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
