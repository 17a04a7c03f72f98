use std::time::Duration;

use tokio::sync::watch;

use crate::cache::EndReason;
use crate::engine::OpenSession;
use crate::error::SessionErrorKind;

use super::request::RequestSession;

/// How long to wait before the shared tier is asked again after a failure.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Resolves when the session of this request has ended; at once if there is none.
pub(super) async fn ended(request: RequestSession) -> EndReason {
    loop {
        match request.open_passively().await {
            Ok(Some(OpenSession { entry, .. })) => {
                let mut end = entry.watch_end();
                // A watched entry stays in the table, but this one may have left it just before.
                let is_watched = request.engine().is_cached(&entry) || end.borrow().is_some();
                drop(entry);
                // Woken without a reason when the secret was replaced: after a login, the session
                // does not belong to this request any more.
                if is_watched && let Some(reason) = end_of(&mut end).await {
                    return reason;
                }
            }
            Ok(None) => return EndReason::Gone,
            // Asking again would not change the result.
            Err(error) if error.kind() == SessionErrorKind::Ambiguous => return EndReason::Gone,
            // A store failure does not mean that the session has ended.
            Err(_) => request.engine().sleep(RETRY_INTERVAL).await,
        }
    }
}

async fn end_of(end: &mut watch::Receiver<Option<EndReason>>) -> Option<EndReason> {
    if let Some(reason) = *end.borrow_and_update() {
        return Some(reason);
    }
    if end.changed().await.is_err() {
        // The code that ends a session sends the reason before it drops the sender.
        return Some((*end.borrow()).unwrap_or(EndReason::Gone));
    }
    *end.borrow_and_update()
}
