use cloakroom::store::{Commit, Committed, Decision, Selector};

use super::batch::Batch;
use super::job::{Answer, Operation};
use crate::record::check_version;
use crate::sqlite::LEASE;
use crate::sqlite::fault;

pub(in crate::sqlite) struct CommitRecord {
    pub(in crate::sqlite) selector: Selector,
    pub(in crate::sqlite) commit: Commit,
}

impl Operation for CommitRecord {
    type Output = Committed;

    fn selectors(&self) -> &[Selector] {
        std::slice::from_ref(&self.selector)
    }

    async fn apply(&self, batch: &mut Batch<'_>) -> sqlx::Result<Answer<Committed>> {
        let now = batch.now();
        let Some(session) = batch.live(self.selector).await? else { return Ok(Ok(Committed::Gone)) };
        let record = match session.record() {
            Ok(record) => record,
            Err(malformed) => return Ok(Err(fault::malformed(malformed))),
        };
        let decision = record.decide(&self.commit, now);
        if decision == Decision::Apply {
            if let Err(malformed) = check_version(record.version.saturating_add(self.commit.step)) {
                return Ok(Err(fault::malformed(malformed)));
            }
            record.apply(&self.commit);
        }
        let answer = record.committed(&self.commit, decision, LEASE);
        if decision == Decision::Apply {
            batch.update(self.selector);
        }
        Ok(Ok(answer))
    }
}
