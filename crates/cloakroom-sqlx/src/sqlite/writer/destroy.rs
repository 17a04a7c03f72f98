use cloakroom::store::{Destroyed, Guard, Selector, StoreError};

use super::batch::Batch;
use super::job::{Answer, Operation};
use crate::sqlite::fault;

pub(in crate::sqlite) struct Destroy {
    pub(in crate::sqlite) selectors: Vec<Selector>,
    pub(in crate::sqlite) guard: Guard,
}

impl Operation for Destroy {
    type Output = Vec<Result<Destroyed, StoreError>>;

    fn selectors(&self) -> &[Selector] {
        &self.selectors
    }

    async fn apply(&self, batch: &mut Batch<'_>) -> sqlx::Result<Answer<Self::Output>> {
        let mut answers = Vec::with_capacity(self.selectors.len());
        for selector in &self.selectors {
            answers.push(destroy(batch, *selector, self.guard).await?);
        }
        Ok(Ok(answers))
    }
}

async fn destroy(batch: &mut Batch<'_>, selector: Selector, guard: Guard) -> sqlx::Result<Answer<Destroyed>> {
    let now = batch.now();
    let Some(session) = batch.live(selector).await? else { return Ok(Ok(Destroyed::Gone)) };
    // The application can end a session even if its row cannot be decoded.
    if guard != Guard::Anyone {
        match session.header() {
            Err(malformed) => return Ok(Err(fault::malformed(malformed))),
            Ok(record) if !record.admits(guard, now) => {
                return Ok(Ok(Destroyed::Superseded));
            }
            Ok(_) => {}
        }
    }
    let id = session.id;
    batch.remove(selector, id);
    Ok(Ok(Destroyed::Done))
}
