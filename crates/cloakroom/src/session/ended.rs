use std::time::Duration;

use crate::cache::{Cell, EndReason};
use crate::sync::Arc;

use super::handle::Handle;

/// How long to wait before asking again a shared tier that did not answer.
const RETRY: Duration = Duration::from_secs(1);

/// Resolves when the session of this hold is over; at once if there is none.
pub(super) async fn ended(hold: Handle) -> EndReason {
    let cell = loop {
        match hold.open().await {
            Ok(Some((cell, _))) => break cell,
            Ok(None) => return EndReason::Gone,
            // Not knowing is not the end.
            Err(_) => hold.engine().clock.sleep(RETRY).await,
        }
    };
    end_of(&cell).await
}

async fn end_of(cell: &Arc<Cell>) -> EndReason {
    let mut end = cell.watch_end();
    loop {
        if let Some(reason) = *end.borrow_and_update() {
            return reason;
        }
        if end.changed().await.is_err() {
            // Whoever ends a session says so before dropping the sender.
            return (*end.borrow()).unwrap_or(EndReason::Gone);
        }
    }
}
