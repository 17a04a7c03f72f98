use cloakroom::store::{Commit, CommitReceipt, Committed, LeasedRecord, Record, Selector};

use super::batch::Batch;
use super::job::{Answer, Operation};
use crate::record::{Decision, apply, decide};
use crate::sqlite::fault;
use crate::sqlite::node::LEASE;

pub(in crate::sqlite) struct CommitRecord {
    pub(in crate::sqlite) selector: Selector,
    pub(in crate::sqlite) commit: Commit,
}

impl Operation for CommitRecord {
    type Output = Committed;

    fn selectors(&self) -> &[Selector] {
        std::slice::from_ref(&self.selector)
    }

    async fn apply(&self, batch: &mut Batch) -> sqlx::Result<Answer<Committed>> {
        let now = batch.now();
        let Some(session) = batch.live(self.selector).await? else { return Ok(Ok(Committed::Gone)) };
        let record = match session.record() {
            Ok(record) => record,
            Err(malformed) => return Ok(Err(fault::malformed(malformed))),
        };
        let decision = decide(record, &self.commit, now);
        if decision == Decision::Apply {
            apply(record, &self.commit);
        }
        let answer = self.answer(decision, record);
        if decision == Decision::Apply {
            batch.update(self.selector);
        }
        Ok(Ok(answer))
    }
}

impl CommitRecord {
    /// The answer for the record as it is after the decision was carried out.
    fn answer(&self, decision: Decision, record: &Record) -> Committed {
        let present = || LeasedRecord::new(record.clone(), LEASE);
        match decision {
            Decision::Unknown => Committed::Unknown,
            Decision::Conflict => Committed::Conflict(present()),
            Decision::Superseded => Committed::Superseded(present()),
            Decision::AppliedBefore | Decision::Apply => {
                let mut receipt = CommitReceipt::new(record.version, LEASE);
                if record.version != self.commit.next_version() {
                    receipt.record = Some(Box::new(record.clone()));
                }
                Committed::Done(receipt)
            }
        }
    }
}
