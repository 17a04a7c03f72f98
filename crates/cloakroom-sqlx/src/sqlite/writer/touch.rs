use cloakroom::store::{Selector, Touch};

use super::batch::Batch;
use super::job::{Answer, Operation};

pub(in crate::sqlite) struct TouchAll {
    pub(in crate::sqlite) touches: Vec<Touch>,
    pub(in crate::sqlite) selectors: Vec<Selector>,
}

impl Operation for TouchAll {
    type Output = ();

    fn selectors(&self) -> &[Selector] {
        &self.selectors
    }

    async fn apply(&self, batch: &mut Batch<'_>) -> sqlx::Result<Answer<()>> {
        let now = batch.now();
        for touch in &self.touches {
            let Some(session) = batch.live(touch.selector).await? else { continue };
            // A row that cannot be decoded is left alone.
            let Ok(record) = session.header() else { continue };
            if record.admits(touch.guard, now.max(touch.seen)) {
                record.last_seen = record.last_seen.max(touch.seen);
                batch.touch(touch.selector);
            }
        }
        Ok(Ok(()))
    }
}
