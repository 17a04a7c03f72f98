//! The shared tier with its calls measured and traced.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tracing::Instrument;

use super::metrics::StoreCalls;
use super::spans::{fail, store_span};
use crate::store::{
    Admission, Commit, Committed, Created, Destroyed, DynStore, Endpoint, Guard, Invalidate, Lease, LeasedRecord,
    Limit, Member, Page, PageRequest, Principal, Record, Selector, Store, StoreError, StoreErrorKind, Touch,
};
use crate::sync::Arc;
use crate::time::Timestamp;

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
type Reply<'a, T> = Boxed<'a, Result<T, StoreError>>;

/// A store with its calls measured and traced. The futures of the store are inside those of the
/// calls, so that one costs no allocation more.
pub(crate) struct ObservedStore<S> {
    store: S,
    endpoint: Endpoint,
    namespace: String,
    calls: Arc<StoreCalls>,
}

impl<S: Store> ObservedStore<S> {
    pub(crate) fn new(store: S, calls: Arc<StoreCalls>) -> Self {
        let (endpoint, namespace) = (store.endpoint(), store.namespace().to_owned());
        Self { store, endpoint, namespace, calls }
    }

    fn call<'a, T: 'a>(
        &'a self,
        operation: &'static str,
        call: impl Future<Output = Result<T, StoreError>> + Send + 'a,
    ) -> Reply<'a, T> {
        self.observe(operation, 1, call, |reply| reply.as_ref().err().map(StoreError::kind))
    }

    fn observe<'a, T: 'a>(
        &'a self,
        operation: &'static str,
        sessions: usize,
        call: impl Future<Output = T> + Send + 'a,
        failure: impl Fn(&T) -> Option<StoreErrorKind> + Send + 'a,
    ) -> Boxed<'a, T> {
        Box::pin(async move {
            let span = store_span(operation, &self.endpoint, &self.namespace, sessions);
            let measured = self.calls.begin();
            let reply = call.instrument(span.clone()).await;
            let failure = failure(&reply);
            measured.end(operation, failure);
            if let Some(kind) = failure {
                fail(&span, kind.name());
            }
            reply
        })
    }
}

impl<S: Store> DynStore for ObservedStore<S> {
    fn load(&self, selector: Selector) -> Reply<'_, Option<LeasedRecord>> {
        self.call("load", self.store.load(selector))
    }

    fn create(&self, selector: Selector, record: Record) -> Reply<'_, Created> {
        self.call("create", self.store.create(selector, record))
    }

    fn commit(&self, selector: Selector, commit: Commit) -> Reply<'_, Committed> {
        self.call("commit", self.store.commit(selector, commit))
    }

    fn touch(&self, touches: Vec<Touch>) -> Reply<'_, ()> {
        let sessions = touches.len();
        self.observe("touch", sessions, self.store.touch(touches), |reply| reply.as_ref().err().map(StoreError::kind))
    }

    fn destroy(&self, selector: Selector, guard: Guard) -> Reply<'_, Destroyed> {
        self.call("destroy", self.store.destroy(selector, guard))
    }

    fn destroy_many(&self, selectors: Vec<Selector>) -> Boxed<'_, Vec<Result<Destroyed, StoreError>>> {
        let sessions = selectors.len();
        self.observe("destroy_many", sessions, self.store.destroy_many(selectors), |replies| {
            replies.iter().find_map(|reply| reply.as_ref().err()).map(StoreError::kind)
        })
    }

    fn add_member<'a>(
        &'a self,
        principal: &'a Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Reply<'a, Admission> {
        self.call("add_member", self.store.add_member(principal, selector, until, limit))
    }

    fn remove_members<'a>(&'a self, principal: &'a Principal, selectors: Vec<Selector>) -> Reply<'a, ()> {
        self.call("remove_members", self.store.remove_members(principal, selectors))
    }

    fn list_members<'a>(&'a self, principal: &'a Principal, page: PageRequest) -> Reply<'a, Page<Member>> {
        self.call("list_members", self.store.list_members(principal, page))
    }

    fn watch_members<'a>(&'a self, principal: &'a Principal) -> Reply<'a, ()> {
        self.call("watch_members", self.store.watch_members(principal))
    }

    fn list(&self, page: PageRequest) -> Reply<'_, Page<Selector>> {
        self.call("list", self.store.list(page))
    }

    fn list_principals(&self, page: PageRequest) -> Reply<'_, Page<Principal>> {
        self.call("list_principals", self.store.list_principals(page))
    }

    fn count(&self) -> Reply<'_, u64> {
        self.call("count", self.store.count())
    }

    fn namespace(&self) -> &str {
        self.store.namespace()
    }

    fn subscribe(&self, invalidate: Arc<dyn Invalidate>) {
        self.store.subscribe(invalidate);
    }

    fn is_lease_valid(&self, lease: Lease) -> bool {
        self.store.is_lease_valid(lease)
    }

    fn is_lease_lost(&self) -> bool {
        self.store.is_lease_lost()
    }

    fn time(&self) -> Option<Timestamp> {
        self.store.time()
    }

    fn max_lease(&self) -> Duration {
        self.store.max_lease()
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use allocation_counter::measure;
    use tracing::subscriber::NoSubscriber;

    use super::*;

    /// A store without sessions, whose replies cost nothing.
    struct Empty;

    impl Store for Empty {
        async fn load(&self, _: Selector) -> Result<Option<LeasedRecord>, StoreError> {
            Ok(None)
        }

        async fn create(&self, _: Selector, _: Record) -> Result<Created, StoreError> {
            Ok(Created::Exists)
        }

        async fn commit(&self, _: Selector, _: Commit) -> Result<Committed, StoreError> {
            Ok(Committed::Gone)
        }

        async fn touch(&self, _: Vec<Touch>) -> Result<(), StoreError> {
            Ok(())
        }

        async fn destroy(&self, _: Selector, _: Guard) -> Result<Destroyed, StoreError> {
            Ok(Destroyed::Gone)
        }

        async fn add_member(
            &self,
            _: &Principal,
            _: Selector,
            _: Timestamp,
            _: Option<Limit>,
        ) -> Result<Admission, StoreError> {
            Ok(Admission::Refused)
        }

        async fn remove_members(&self, _: &Principal, _: Vec<Selector>) -> Result<(), StoreError> {
            Ok(())
        }

        async fn list_members(&self, _: &Principal, _: PageRequest) -> Result<Page<Member>, StoreError> {
            Ok(Page::new(Vec::new(), None))
        }

        async fn list(&self, _: PageRequest) -> Result<Page<Selector>, StoreError> {
            Ok(Page::new(Vec::new(), None))
        }
    }

    fn allocations_of_a_call(store: &dyn DynStore) -> u64 {
        let call = || {
            let mut reply = store.load(Selector::from_bytes([7; 16]));
            assert!(reply.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        };
        // What is allocated only once.
        call();
        measure(call).count_total
    }

    /// Without a subscriber and a recorder: nothing for the span; with the feature, the two labels of
    /// the histogram.
    #[test]
    fn an_observed_call_allocates_its_future_and_the_labels_of_its_metric() {
        let observed = ObservedStore::new(Empty, Arc::default());
        assert_eq!(allocations_of_a_call(&Empty), 1);
        // Another test of this process may have installed a subscriber for all threads.
        tracing::subscriber::with_default(NoSubscriber::default(), || {
            assert_eq!(allocations_of_a_call(&observed), 1 + u64::from(cfg!(feature = "metrics")));
        });
    }
}
