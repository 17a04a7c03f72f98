//! The spans of the work between the tiers, as a subscriber sees them.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use cloakroom::store::StoreErrorKind;
use cloakroom_testkit::Verb;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_core::span::Current;

use crate::support::{Deployment, add, in_memory, load, read, shopper};

/// A span: its name, its parent's name, and its fields.
#[derive(Clone, Debug)]
struct Seen {
    metadata: &'static Metadata<'static>,
    parent: Option<&'static str>,
    fields: BTreeMap<&'static str, String>,
}

/// Records every span of the library.
#[derive(Clone, Debug, Default)]
struct Spans {
    seen: Arc<Mutex<Vec<Seen>>>,
    entered: Arc<Mutex<Vec<Id>>>,
}

impl Spans {
    fn capture() -> (Self, tracing::subscriber::DefaultGuard) {
        crate::log::set_global_subscriber();
        let spans = Self::default();
        (spans.clone(), tracing::subscriber::set_default(spans))
    }

    fn take(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|span| span.metadata.target() != "test").cloned().collect()
    }

    fn named(&self, name: &str) -> Vec<Seen> {
        self.take().into_iter().filter(|span| span.metadata.name() == name).collect()
    }

    /// The fields of the calls to the store of this operation.
    fn calls(&self, operation: &str) -> Vec<Seen> {
        let is_it = |span: &Seen| span.fields.get("db.operation.name").is_some_and(|of| of == operation);
        self.named("store").into_iter().filter(is_it).collect()
    }
}

struct Fields<'a>(&'a mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl Subscriber for Spans {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let parent = self.current_span().metadata().map(Metadata::name);
        let mut fields = BTreeMap::new();
        span.record(&mut Fields(&mut fields));
        let mut seen = self.seen.lock().unwrap();
        seen.push(Seen { metadata: span.metadata(), parent, fields });
        Id::from_u64(seen.len() as u64)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        values.record(&mut Fields(&mut self.seen.lock().unwrap()[id.into_u64() as usize - 1].fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, id: &Id) {
        self.entered.lock().unwrap().push(id.clone());
    }

    fn exit(&self, id: &Id) {
        let mut entered = self.entered.lock().unwrap();
        let place = entered.iter().rposition(|other| other == id);
        place.map(|place| entered.remove(place));
    }

    fn current_span(&self) -> Current {
        let entered = self.entered.lock().unwrap();
        let Some(id) = entered.last() else { return Current::none() };
        let metadata = self.seen.lock().unwrap()[id.into_u64() as usize - 1].metadata;
        Current::new(id.clone(), metadata)
    }
}

#[tokio::test]
async fn a_call_to_the_store_has_the_attributes_of_the_conventions_for_databases() {
    let (spans, _guard) = Spans::capture();
    let deployment = Deployment::new();
    let (here, there) = (deployment.sessions(), deployment.other_node());
    let visitor = shopper(&here).await;
    assert_eq!(read(&visitor, &there).await, Some(1));
    let [load] = &spans.calls("load")[..] else { panic!("one read: {:?}", spans.take()) };
    assert_eq!(load.metadata.level(), &Level::DEBUG);
    assert_eq!(load.fields["otel.kind"], "client");
    assert_eq!(load.fields["otel.name"], "load");
    assert_eq!(load.parent, Some("session.open"));
    assert!(!load.fields.contains_key("error.type") && !load.fields.contains_key("otel.status_code"), "{load:?}");
}

#[tokio::test]
async fn the_endpoint_of_a_store_is_in_the_spans_of_its_calls() {
    let (spans, _guard) = Spans::capture();
    let sessions = crate::recording::recorded().store(endpoint::AtServer::default()).build().unwrap();
    shopper(&sessions).await;
    let [create] = &spans.calls("create")[..] else { panic!("one call: {:?}", spans.take()) };
    let named = ["db.system.name", "db.namespace", "server.address", "server.port", "otel.name"];
    let values = named.map(|name| create.fields.get(name).map_or("", String::as_str));
    assert_eq!(values, ["redis", "0", "localhost", "6379", "create shop"]);
}

#[tokio::test]
async fn a_commit_contains_its_calls_and_a_failure_names_its_kind() {
    let (spans, _guard) = Spans::capture();
    let deployment = Deployment::new();
    let sessions = deployment.sessions();
    let visitor = shopper(&sessions).await;
    add(&visitor, &sessions).await;
    deployment.store.fail_next(Verb::Commit, StoreErrorKind::Unavailable);
    let visit = visitor.enter(&sessions);
    visit.update(|cart: &mut crate::support::Cart| cart.0 += 1).await.unwrap_err();
    let calls = spans.calls("commit");
    assert!(calls.iter().all(|call| call.parent == Some("session.commit")), "{calls:?}");
    let errors = |spans: &[Seen]| spans.iter().map(|span| span.fields.get("error.type").cloned()).collect::<Vec<_>>();
    assert_eq!(errors(&calls), [None, Some("unavailable".to_owned())]);
    assert_eq!(calls[1].fields["otel.status_code"], "ERROR");
    assert_eq!(errors(&spans.named("session.commit")), [None, Some("StoreUnavailable".to_owned())]);
}

#[tokio::test]
async fn the_steps_of_a_session_share_its_log_id() {
    let (spans, _guard) = Spans::capture();
    let deployment = Deployment::new();
    let sessions = deployment.sessions();
    let visitor = shopper(&sessions).await;
    add(&visitor, &sessions).await;
    let visit = visitor.enter(&sessions);
    load(&visit).await.unwrap();
    visit.destroy().await.unwrap();
    visit.leave().await;
    let steps = ["session.create", "session.commit", "session.load", "session.end"];
    let ids: Vec<_> =
        steps.iter().flat_map(|name| spans.named(name)).map(|span| span.fields["session.id"].clone()).collect();
    assert!(ids.len() >= steps.len(), "{ids:?}");
    assert!(ids.iter().all(|id| id == &ids[0] && id.len() == 16), "{ids:?}");
    assert_eq!(spans.named("session.load")[0].fields["cloakroom.value"], "profile");
}

#[tokio::test]
async fn a_load_is_inside_of_the_request_that_started_it() {
    use tracing::{Instrument, info_span};

    let (spans, _guard) = Spans::capture();
    let sessions = in_memory();
    let visit = shopper(&sessions).await.enter(&sessions);
    load(&visit).instrument(info_span!(target: "test", "request")).await.unwrap();
    assert_eq!(spans.named("session.load")[0].parent, Some("request"));
}

#[tokio::test]
async fn a_round_of_the_background_task_without_work_has_no_span() {
    let (spans, _guard) = Spans::capture();
    let deployment = Deployment::new();
    let sessions = deployment.sessions();
    let visitor = shopper(&sessions).await;
    let before = spans.take().len();
    sessions.run_pending_tasks().await;
    sessions.run_pending_tasks().await;
    assert_eq!(spans.take().len(), before);
    deployment.clock.advance(std::time::Duration::from_secs(600));
    read(&visitor, &sessions).await;
    sessions.run_pending_tasks().await;
    assert_eq!(spans.named("session.touch").len(), 1);
    assert_eq!(spans.calls("touch")[0].parent, Some("session.touch"));
}

#[tokio::test]
async fn a_hit_of_the_local_tier_has_no_span() {
    let (spans, _guard) = Spans::capture();
    let deployment = Deployment::new();
    for sessions in [in_memory(), deployment.sessions()] {
        let visitor = shopper(&sessions).await;
        let before = spans.take().len();
        assert_eq!(read(&visitor, &sessions).await, Some(1));
        assert_eq!(spans.take().len(), before, "{:?}", spans.take());
    }
}

#[tokio::test]
async fn r55_no_span_has_a_token_a_user_or_a_value() {
    let (spans, _guard) = Spans::capture();
    let deployment = Deployment::new();
    let (sessions, other) = (deployment.sessions(), deployment.other_node());
    let visitor = shopper(&sessions).await;
    let visit = visitor.enter(&sessions);
    visit.login("alice-the-principal").await.unwrap();
    load(&visit).await.unwrap();
    visit.leave().await;
    read(&visitor, &other).await;
    sessions.of("alice-the-principal").revoke_all().await.unwrap();
    let text = format!("{:?}", spans.take());
    assert!(text.contains("session.open") && text.contains("add_member"), "{text}");
    let token = visitor.cookie().unwrap().split('=').nth(1).unwrap().to_owned();
    for secret in ["alice", &token, &token[..8]] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

mod endpoint {
    //! A store that says where it is.

    use std::sync::Arc;

    use cloakroom::Timestamp;
    use cloakroom::store::{
        Admission, Commit, Committed, Created, Destroyed, Endpoint, Guard, Invalidate, Lease, LeasedRecord, Limit,
        Member, Page, PageRequest, Principal, Record, Selector, Store, StoreError, Touch,
    };
    use cloakroom_testkit::MemoryStore;

    #[derive(Debug, Default)]
    pub(super) struct AtServer(MemoryStore);

    impl Store for AtServer {
        async fn load(&self, selector: Selector) -> Result<Option<LeasedRecord>, StoreError> {
            self.0.load(selector).await
        }

        async fn create(&self, selector: Selector, record: Record) -> Result<Created, StoreError> {
            self.0.create(selector, record).await
        }

        async fn commit(&self, selector: Selector, commit: Commit) -> Result<Committed, StoreError> {
            self.0.commit(selector, commit).await
        }

        async fn touch(&self, touches: Vec<Touch>) -> Result<(), StoreError> {
            self.0.touch(touches).await
        }

        async fn destroy(&self, selector: Selector, guard: Guard) -> Result<Destroyed, StoreError> {
            self.0.destroy(selector, guard).await
        }

        async fn add_member(
            &self,
            principal: &Principal,
            selector: Selector,
            until: Timestamp,
            limit: Option<Limit>,
        ) -> Result<Admission, StoreError> {
            self.0.add_member(principal, selector, until, limit).await
        }

        async fn remove_members(&self, principal: &Principal, selectors: Vec<Selector>) -> Result<(), StoreError> {
            self.0.remove_members(principal, selectors).await
        }

        async fn list_members(&self, principal: &Principal, page: PageRequest) -> Result<Page<Member>, StoreError> {
            self.0.list_members(principal, page).await
        }

        async fn list(&self, page: PageRequest) -> Result<Page<Selector>, StoreError> {
            self.0.list(page).await
        }

        fn namespace(&self) -> &str {
            "shop"
        }

        fn endpoint(&self) -> Endpoint {
            Endpoint::new("redis").server("localhost", Some(6379)).database_name("0")
        }

        fn subscribe(&self, copies: Arc<dyn Invalidate>) {
            self.0.subscribe(copies);
        }

        fn is_lease_valid(&self, lease: Lease) -> bool {
            self.0.is_lease_valid(lease)
        }
    }
}
