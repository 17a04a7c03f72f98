use cloakroom::store::{Created, Record, Selector};

use super::batch::Batch;
use super::job::{Answer, Operation};
use crate::record::check_version;
use crate::sqlite::LEASE;
use crate::sqlite::fault;

pub(in crate::sqlite) struct Create {
    pub(in crate::sqlite) selector: Selector,
    pub(in crate::sqlite) record: Record,
}

impl Operation for Create {
    type Output = Created;

    fn selectors(&self) -> &[Selector] {
        std::slice::from_ref(&self.selector)
    }

    async fn apply(&self, batch: &mut Batch<'_>) -> sqlx::Result<Answer<Created>> {
        if let Err(malformed) = check_version(self.record.version) {
            return Ok(Err(fault::malformed(malformed)));
        }
        let now = batch.now();
        if let Some(session) = batch.session(self.selector).await? {
            if session.is_live(now) {
                let is_repeated = session.header().is_ok_and(|present| present.nonce == self.record.nonce);
                return Ok(Ok(if is_repeated { Created::Done(LEASE) } else { Created::Exists }));
            }
            let id = session.id;
            batch.remove(self.selector, id);
        }
        batch.insert(self.selector, self.record.clone()).await?;
        Ok(Ok(Created::Done(LEASE)))
    }
}
