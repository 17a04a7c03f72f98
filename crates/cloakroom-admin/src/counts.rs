use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cloakroom::{PageRequest, SessionError, Sessions};
use tokio::sync::Mutex;

/// For how long a count is shown again.
const FRESH: Duration = Duration::from_secs(30);
/// How long the page waits for a count.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many users are counted at most, in steps of [`STEP`].
const MAX_USERS: usize = 2000;
const STEP: usize = 500;

/// The numbers of sessions and users. Counting takes a store a while, so no request counts while
/// another does, and the result is kept.
#[derive(Debug, Default)]
pub(crate) struct Counts(Mutex<Option<(Instant, Arc<Count>)>>);

/// A result; an error is one too, so that a store that is down is not asked by every request.
#[derive(Debug)]
pub(crate) struct Count {
    pub(crate) sessions: Counted<u64>,
    pub(crate) users: Counted<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted<T> {
    Exactly(T),
    AtLeast(T),
    TookTooLong,
    Failed,
}

impl Counts {
    pub(crate) async fn get(&self, sessions: &Sessions) -> Arc<Count> {
        let mut kept = self.0.lock().await;
        if let Some((at, count)) = &*kept
            && at.elapsed() < FRESH
        {
            return Arc::clone(count);
        }
        let (of_sessions, of_users) = futures_util::future::join(
            in_time(async { Ok(Counted::Exactly(sessions.count().await?)) }),
            in_time(count_users(sessions)),
        )
        .await;
        let count = Arc::new(Count { sessions: of_sessions, users: of_users });
        *kept = Some((Instant::now(), Arc::clone(&count)));
        count
    }

    /// Forgets the result, after sessions have ended.
    pub(crate) async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

async fn in_time<T>(count: impl Future<Output = Result<Counted<T>, SessionError>>) -> Counted<T> {
    match tokio::time::timeout(PATIENCE, count).await {
        Ok(Ok(counted)) => counted,
        Ok(Err(_)) => Counted::Failed,
        Err(_) => Counted::TookTooLong,
    }
}

/// A user may be on several pages.
async fn count_users(sessions: &Sessions) -> Result<Counted<usize>, SessionError> {
    let mut users = HashSet::new();
    let mut request = PageRequest::first(STEP);
    for _ in 0..MAX_USERS / STEP {
        let page = sessions.users(request.clone()).await?;
        users.extend(page.items);
        match page.next {
            Some(next) => request = request.after(next),
            None => return Ok(Counted::Exactly(users.len())),
        }
    }
    Ok(Counted::AtLeast(users.len()))
}
