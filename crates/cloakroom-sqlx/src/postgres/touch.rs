use std::collections::HashSet;

use cloakroom::store::{Guard, StoreError, Touch};

use super::fault::Effect;
use super::store::StoreInner;
use crate::record::instant;

impl StoreInner {
    /// Restarts idle timeouts. `write` identifies the change.
    pub(super) async fn touch(&self, mut touches: Vec<Touch>, write: i64) -> Result<(), StoreError> {
        // One statement changes a row once.
        while !touches.is_empty() {
            let mut selectors = HashSet::with_capacity(touches.len());
            let (now, later) = touches.into_iter().partition(|touch| selectors.insert(touch.selector));
            self.touch_once(now, write).await?;
            touches = later;
        }
        Ok(())
    }

    async fn touch_once(&self, touches: Vec<Touch>, write: i64) -> Result<(), StoreError> {
        let (mut selectors, mut seen, mut verifiers, mut accept_previous) = (vec![], vec![], vec![], vec![]);
        for touch in touches {
            let (verifier, accepts_previous) = match touch.guard {
                Guard::Anyone => (None, false),
                Guard::Current(presented) => (Some(presented), false),
                Guard::Holder(presented) => (Some(presented), true),
            };
            selectors.push(touch.selector.as_bytes().to_vec());
            seen.push(instant(touch.seen));
            verifiers.push(verifier.map(|verifier| verifier.as_bytes().to_vec()));
            accept_previous.push(accepts_previous);
        }
        let statement = &self.database.statements.touch;
        self.database
            .query_row(Effect::Writes, statement, |query| {
                query
                    .bind(self.namespace.as_str().to_owned())
                    .bind(selectors.clone())
                    .bind(seen.clone())
                    .bind(verifiers.clone())
                    .bind(accept_previous.clone())
                    .bind(write)
            })
            .await
            .map(drop)
    }
}
