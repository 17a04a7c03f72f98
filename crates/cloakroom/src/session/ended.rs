use std::time::Duration;

use tokio::sync::watch;

use crate::cache::EndReason;
use crate::sessions::SessionErrorKind;

use super::handle::Handle;

/// How long to wait before asking again a shared tier that did not answer.
const RETRY: Duration = Duration::from_secs(1);

/// Resolves when the session of this hold is over; at once if there is none.
pub(super) async fn ended(hold: Handle) -> EndReason {
    loop {
        match hold.open().await {
            Ok(Some((cell, _))) => {
                let end = cell.watch_end();
                // A watched cell stays in the table, but this one may have left it a moment before.
                if hold.engine().tier.holds(&cell) || end.borrow().is_some() {
                    return end_of(end).await;
                }
            }
            Ok(None) => return EndReason::Gone,
            // No answer will come of asking again.
            Err(error) if error.kind() == SessionErrorKind::Ambiguous => return EndReason::Gone,
            // Not knowing is not the end.
            Err(_) => hold.engine().clock.sleep(RETRY).await,
        }
    }
}

async fn end_of(mut end: watch::Receiver<Option<EndReason>>) -> EndReason {
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
