//! A store whose verbs take time: others may act before the request arrives and before its answer does.

use std::sync::Arc;

use cloakroom::Timestamp;
use cloakroom::store::{
    Admission, Commit, Committed, Copies, Created, Destroyed, Guard, Lease, Limit, Loaded, Member, Page, PageRequest,
    Principal, Record, Store, StoreError, Tag, Touch,
};
use cloakroom::testkit::MemoryStore;

use super::explore::step;

pub(crate) struct Stepping(pub(crate) MemoryStore);

async fn around<T>(verb: impl Future<Output = T>) -> T {
    step();
    let answer = verb.await;
    step();
    answer
}

impl Store for Stepping {
    async fn load(&self, tag: Tag) -> Result<Option<Loaded>, StoreError> {
        around(self.0.load(tag)).await
    }

    async fn create(&self, tag: Tag, record: Record) -> Result<Created, StoreError> {
        around(self.0.create(tag, record)).await
    }

    async fn commit(&self, tag: Tag, commit: Commit) -> Result<Committed, StoreError> {
        around(self.0.commit(tag, commit)).await
    }

    async fn touch(&self, touches: Vec<Touch>) -> Result<(), StoreError> {
        around(self.0.touch(touches)).await
    }

    async fn destroy(&self, tag: Tag, guard: Guard) -> Result<Destroyed, StoreError> {
        around(self.0.destroy(tag, guard)).await
    }

    async fn admit(
        &self,
        principal: &Principal,
        tag: Tag,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Result<Admission, StoreError> {
        around(self.0.admit(principal, tag, until, limit)).await
    }

    async fn dismiss(&self, principal: &Principal, tags: Vec<Tag>) -> Result<(), StoreError> {
        around(self.0.dismiss(principal, tags)).await
    }

    async fn members(&self, principal: &Principal, page: PageRequest) -> Result<Page<Member>, StoreError> {
        around(self.0.members(principal, page)).await
    }

    fn attach(&self, copies: Arc<dyn Copies>) {
        self.0.attach(copies);
    }

    fn vouches(&self, lease: Lease) -> bool {
        self.0.vouches(lease)
    }
}
