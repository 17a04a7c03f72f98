use std::time::Duration;

use tokio::sync::watch;

use crate::cache::EndReason;
use crate::error::SessionErrorKind;

use super::request::RequestSession;

/// How long to wait before asking again a shared tier that did not answer.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Resolves when the session of this hold is over; at once if there is none.
pub(super) async fn ended(request: RequestSession) -> EndReason {
    loop {
        match request.open_passively().await {
            Ok(Some((entry, _))) => {
                let mut end = entry.watch_end();
                // A watched cell stays in the table, but this one may have left it a moment before.
                let is_watched = request.engine().cache.contains(&entry) || end.borrow().is_some();
                drop(entry);
                // Woken without a reason when the secret was replaced: by a login, the session is not this request's any more.
                if is_watched && let Some(reason) = end_of(&mut end).await {
                    return reason;
                }
            }
            Ok(None) => return EndReason::Gone,
            // No answer will come of asking again.
            Err(error) if error.kind() == SessionErrorKind::Ambiguous => return EndReason::Gone,
            // Not knowing is not the end.
            Err(_) => request.engine().clock.sleep(RETRY_INTERVAL).await,
        }
    }
}

async fn end_of(end: &mut watch::Receiver<Option<EndReason>>) -> Option<EndReason> {
    if let Some(reason) = *end.borrow_and_update() {
        return Some(reason);
    }
    if end.changed().await.is_err() {
        // Whoever ends a session says so before dropping the sender.
        return Some((*end.borrow()).unwrap_or(EndReason::Gone));
    }
    *end.borrow_and_update()
}
