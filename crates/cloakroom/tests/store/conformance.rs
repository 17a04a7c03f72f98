use std::future::pending;
use std::time::Duration;

use cloakroom::store::{Selector, Store, StoreErrorKind};
use cloakroom::{Clock, Sleep, Timestamp};
use cloakroom_testkit::{
    Backend, Capability, FaultRates, FaultyStore, Finding, ManualClock, MemoryStore, Report, SpyStore, Verb, Verdict,
    conformance,
};

use crate::backend::{MemoryBackend, reference};

fn faulty(setup: fn(&FaultyStore<MemoryStore>)) -> MemoryBackend<FaultyStore<MemoryStore>> {
    MemoryBackend::with(
        setup,
        |clock| FaultyStore::new(MemoryStore::with_clock(clock.clone())),
        FaultyStore::inner,
        |store| FaultyStore::new(store.inner().node()),
    )
}

fn reason<'a>(report: &'a Report, check: &str) -> &'a str {
    let finding: &Finding = report.findings().iter().find(|finding| finding.name == check).unwrap();
    match &finding.verdict {
        Verdict::Failed(reason) | Verdict::Skipped(reason) => reason,
        other => panic!("{check}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reference_store_passes_every_check() {
    let report = conformance(reference()).await;
    report.assert_passed();
    assert_eq!(report.skipped().count(), 0, "{report}");
}

#[tokio::test]
async fn every_check_has_a_unique_name() {
    let report = conformance(reference()).await;
    let mut names: Vec<_> = report.findings().iter().map(|finding| finding.name).collect();
    let count = names.len();
    assert!(count > 120, "only {count} checks ran");
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_store_passes_every_check() {
    let setups: [fn(&FaultyStore<MemoryStore>); 3] = [
        |store| store.roll(0, FaultRates::default().dawdle(100)),
        |store| store.roll(1, FaultRates::default().dawdle(50)),
        |store| store.roll(2, FaultRates::default().dawdle(20)),
    ];
    for setup in setups {
        conformance(faulty(setup)).await.assert_passed();
    }
}

#[tokio::test]
async fn a_spied_store_passes_every_check() {
    let spied = MemoryBackend::new(
        |clock| SpyStore::new(MemoryStore::with_clock(clock.clone())),
        SpyStore::inner,
        |store: &SpyStore<MemoryStore>| SpyStore::new(store.inner().node()),
    );
    conformance(spied).await.assert_passed();
}

#[tokio::test]
async fn a_store_that_is_down_fails_every_check() {
    let report = conformance(faulty(|store| store.fail_all(StoreErrorKind::Unavailable))).await;
    assert_eq!(report.passed().count(), 0, "{report}");
    let reason = reason(&report, "create/a_free_tag_is_taken");
    assert!(reason.contains("fault") && reason.contains("Unavailable"), "{reason}");
    assert!(reason.contains(".rs:"), "no source location: {reason}");
}

#[tokio::test]
async fn a_corrupted_value_fails_the_check_that_reads_it() {
    let report = conformance(faulty(FaultyStore::corrupt_next_load)).await;
    let failed: Vec<_> = report.failed().collect();
    assert!(failed.contains(&"values/bytes_are_kept_as_they_are"), "{report}");
    assert!(!failed.contains(&"limits/the_dead_do_not_count"), "{report}");
}

/// A backend that injects a fault into each store.
struct FaultyBackend(ManualClock, fn(&FaultyStore<MemoryStore>));

impl Backend for FaultyBackend {
    type Store = FaultyStore<MemoryStore>;

    async fn store(&self) -> Self::Store {
        let store = FaultyStore::new(MemoryStore::with_clock(self.0.clone()));
        (self.1)(&store);
        store
    }

    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn advance(&self, duration: Duration) {
        self.0.advance(duration);
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(5)
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_that_hangs_fails_and_the_others_run() {
    let hang = |store: &FaultyStore<MemoryStore>| {
        let gate = store.delay_next(Verb::Destroy);
        // The gate is never opened.
        tokio::spawn(async move {
            gate.arrived().await;
            pending::<()>().await;
        });
    };
    let report = conformance(FaultyBackend(ManualClock::new(), hang)).await;
    assert_eq!(reason(&report, "destroy/other_sessions_live_on"), "did not finish within 5s");
    assert!(report.passed().any(|name| name == "commit/an_edit_is_applied"), "{report}");
    assert!(report.passed().any(|name| name == "limits/the_dismissed_do_not_count"), "{report}");
}

struct PanickingBackend;

impl Backend for PanickingBackend {
    type Store = MemoryStore;

    async fn store(&self) -> MemoryStore {
        panic!("no server on port {}", 6379)
    }
}

#[tokio::test]
async fn a_check_that_panics_fails_with_the_message_of_the_panic() {
    let report = conformance(PanickingBackend).await;
    assert_eq!(reason(&report, "commit/an_edit_is_applied"), "panicked: no server on port 6379");
    assert_eq!(report.passed().count(), 0);
}

#[tokio::test]
async fn checks_of_an_unclaimed_capability_are_skipped_and_reported() {
    let report = conformance(BackendWithoutCapabilities(ManualClock::new())).await;
    // Its leases are valid although it does not claim them, which is an error too.
    assert_eq!(report.failed().collect::<Vec<_>>(), ["coherence/it_vouches_exactly_if_it_claims_to"]);
    assert_eq!(report.skipped().count(), 12, "{report}");
    let reason = reason(&report, "coherence/nodes_share_their_records");
    assert_eq!(reason, "the backend does not claim Capability::Nodes");
}

struct BackendWithoutCapabilities(ManualClock);

impl Backend for BackendWithoutCapabilities {
    type Store = MemoryStore;

    async fn store(&self) -> MemoryStore {
        MemoryStore::with_clock(self.0.clone())
    }

    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn advance(&self, duration: Duration) {
        self.0.advance(duration);
    }
}

#[tokio::test(start_paused = true)]
async fn a_claimed_capability_that_is_missing_fails() {
    struct FalseClaim;
    impl Backend for FalseClaim {
        type Store = MemoryStore;

        async fn store(&self) -> MemoryStore {
            MemoryStore::new()
        }

        fn capabilities(&self) -> &[Capability] {
            &[Capability::Nodes]
        }

        async fn advance(&self, _: Duration) {}
    }
    let report = conformance(FalseClaim).await;
    let reason = reason(&report, "coherence/nodes_share_their_records");
    assert!(reason.starts_with("the backend claims Capability::Nodes, but Backend::node returned None"), "{reason}");
}

/// The virtual clock of the test's runtime, which advances while the suite waits.
#[derive(Debug)]
struct RuntimeClock(tokio::time::Instant);

impl Clock for RuntimeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_767_225_600_000).after(self.0.elapsed())
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
}

struct RuntimeBackend(tokio::time::Instant);

impl Backend for RuntimeBackend {
    type Store = MemoryStore;

    async fn store(&self) -> MemoryStore {
        MemoryStore::with_clock(RuntimeClock(self.0))
    }

    fn now(&self) -> Timestamp {
        RuntimeClock(self.0).now()
    }

    fn at_once(&self) -> usize {
        1000
    }

    fn capabilities(&self) -> &[Capability] {
        &[Capability::Leases]
    }
}

#[tokio::test(start_paused = true)]
async fn checks_that_run_concurrently_are_reported_in_order() {
    let start = tokio::time::Instant::now();
    let concurrent = conformance(RuntimeBackend(start)).await;
    concurrent.assert_passed();
    let (sequential, waited) = (conformance(reference()).await, start.elapsed());
    let names = |report: &Report| report.findings().iter().map(|finding| finding.name).collect::<Vec<_>>();
    assert_eq!(names(&concurrent), names(&sequential));
    // The longest check takes 13 ticks of half a second.
    assert!(waited < Duration::from_secs(10), "took {waited:?}");
}

#[tokio::test]
async fn a_failed_report_fails_the_test_with_every_reason() {
    let report = conformance(faulty(|store| store.fail_next(Verb::Destroy, StoreErrorKind::Refused))).await;
    let panic = std::panic::catch_unwind(|| report.assert_passed()).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    for name in report.failed() {
        assert!(text.contains(name), "{name} is not in: {text}");
    }
    assert!(text.contains("Refused") && text.contains(" passed, "), "{text}");
}

/// Compiles only if the futures of plain `async fn` implementations are `Send`.
#[test]
fn the_futures_of_the_testkit_are_send() {
    fn is_send<T: Send>(_: &T) {}
    let store = FaultyStore::new(SpyStore::new(MemoryStore::new()));
    let gate = store.delay_next(Verb::Load);
    is_send(&store.load(Selector::from_bytes([1; 16])));
    is_send(&gate.arrived());
    is_send(&gate.let_act());
    is_send(&conformance(reference()));
}
