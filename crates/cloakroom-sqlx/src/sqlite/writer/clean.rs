use std::time::Duration;

use cloakroom::store::Selector;

use super::batch::Batch;
use super::job::{Answer, Operation};
use crate::record::{self, instant};
use crate::sqlite::{rows, statements};

/// How long the writer waits between two searches for expired sessions.
pub(super) const PERIOD: Duration = Duration::from_secs(10);

/// The maximum number of sessions that are examined in one transaction.
const EXAMINED: usize = 256;

/// Removes sessions whose time is over.
pub(super) struct Clean;

/// Whether more sessions may have to be examined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    None,
    Some,
}

impl Operation for Clean {
    type Output = Rest;

    fn selectors(&self) -> &[Selector] {
        &[]
    }

    async fn apply(&self, batch: &mut Batch<'_>) -> sqlx::Result<Answer<Rest>> {
        // The statement below looks at the expiry of sessions.
        batch.flush().await?;
        let now = instant(batch.now());
        let examined = batch.query(statements::TO_EXAMINE).bind(now).bind(EXAMINED as i64);
        let examined = examined.fetch_all(batch.connection()).await?;
        let mut later = Vec::new();
        for row in &examined {
            let key = rows::session(row)?;
            match record::selector(&key.selector) {
                Ok(selector) if key.expires_at <= now => batch.remove(selector, key.id),
                _ => later.push(key.id),
            }
        }
        batch.run(&statements::EXAMINE_LATER, &later, |query, id| query.bind(*id)).await?;
        Ok(Ok(if examined.len() == EXAMINED { Rest::Some } else { Rest::None }))
    }
}
