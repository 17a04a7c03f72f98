//! R37–R41, R58, R59: a shared tier holds values encrypted, and whoever can write to it cannot
//! forge or move them.

use std::sync::Arc;

use axum::extract::Path;
use axum::routing::any;
use cloakroom::store::{Payload, PreviousSecret, Record, Selector, StoredValue};
use cloakroom::{EventKind, Key, KeyRing, RandomSource as _, SealPolicy, Session, SessionError, SessionsBuilder};
use cloakroom_testkit::{MemoryStore, SeededRandom};
use http::StatusCode;

use crate::support::{Browser, Count, Deployment, Node, Note, VERBS, capture, decode, routes, secs};

const SEAL: &str = "*";

fn ring(ids: &[u8]) -> KeyRing {
    let key = |id: u8| {
        let mut secret = [0; 32];
        SeededRandom::new(id.into()).fill(&mut secret).unwrap();
        cloakroom_secret_scan::record("key", secret);
        Key::new(id, secret).expect("random enough")
    };
    ids[1..].iter().fold(KeyRing::new(key(ids[0])), |ring, id| ring.with_previous(key(*id)).unwrap())
}

fn sealing(deployment: &Deployment, policy: SealPolicy, ids: &[u8]) -> SessionsBuilder {
    deployment.builder().keys(ring(ids)).seal(policy)
}

/// A node that has the keys but does not encrypt.
fn keyed(deployment: &Deployment, ids: &[u8]) -> SessionsBuilder {
    deployment.builder().keys(ring(ids))
}

fn sealed(deployment: &Deployment) -> Node {
    Node::new(sealing(deployment, SealPolicy::Require, &[1]))
}

fn selector_of(browser: &Browser) -> Selector {
    Selector::from_bytes(decode(&browser.bare_token())[..16].try_into().unwrap())
}

fn store(deployment: &Deployment) -> &MemoryStore {
    deployment.store.as_ref().unwrap()
}

fn record(deployment: &Deployment, browser: &Browser) -> Record {
    store(deployment).record(selector_of(browser)).unwrap()
}

fn value<'a>(record: &'a mut Record, key: &str) -> &'a mut StoredValue {
    record.values.iter_mut().find(|value| &*value.key == key).unwrap()
}

fn ciphertext<'a>(record: &'a mut Record, key: &str) -> &'a mut Arc<[u8]> {
    match &mut value(record, key).payload {
        Payload::Sealed(ciphertext) => ciphertext,
        other => panic!("{key} is {other:?}"),
    }
}

/// A deployment with one session that has two values and a login.
async fn deployment_with_session(ids: &[u8]) -> (Deployment, Browser) {
    let deployment = Deployment::shared();
    let node = Node::new(sealing(&deployment, SealPolicy::Require, ids));
    let mut browser = Browser::new(&node.app);
    browser.post("/login-keeping/alice").await.ok();
    browser.post("/note/mine").await.ok();
    browser.post("/kept/too").await.ok();
    (deployment, browser)
}

/// The status of a read on a node without a copy, after `tamper` has changed the record in the
/// store.
async fn read_after(tamper: impl FnOnce(&mut Record)) -> (StatusCode, Node) {
    let (deployment, browser) = deployment_with_session(&[1]).await;
    let mut record = record(&deployment, &browser);
    tamper(&mut record);
    store(&deployment).roll_back(selector_of(&browser), record);
    let fresh = sealed(&deployment);
    let reply = browser.at(&fresh.app).get("/note").await;
    assert!(reply.set_cookie().is_none(), "a damaged record removes no cookie");
    (reply.status, fresh)
}

#[tokio::test]
async fn r37_a_dump_of_the_store_shows_no_value() {
    let (deployment, mut browser) = deployment_with_session(&[1]).await;
    browser.post("/note/a-very-private-note").await.ok();
    browser.post("/do/load").await.ok();
    let dump = store(&deployment).dump();
    for private in ["a-very-private-note", "mine", "too", "dark"] {
        assert!(!dump.windows(private.len()).any(|window| window == private.as_bytes()), "{private}");
    }
    // Principals are not encrypted, as the guide says.
    assert!(dump.windows(5).any(|window| window == b"alice"));
    let plain = Deployment::shared();
    Browser::new(&plain.node().app).post("/note/a-very-private-note").await.ok();
    assert!(store(&plain).dump().windows(19).any(|window| window == b"a-very-private-note"));
}

#[tokio::test]
async fn every_verb_leaves_a_record_that_every_node_can_open() {
    for verb in VERBS {
        let (deployment, mut browser) = deployment_with_session(&[1]).await;
        browser.post(&format!("/do/{verb}")).await.ok();
        if verb == "destroy" {
            continue;
        }
        assert_eq!(
            value(&mut record(&deployment, &browser), SEAL).version,
            record(&deployment, &browser).version,
            "{verb}"
        );
        let [first, second] = [sealed(&deployment), sealed(&deployment)];
        let note = browser.at(&first.app).get("/note").await.ok().body;
        browser.at(&second.app).post("/count").await.ok();
        assert_eq!(browser.at(&first.app).get("/note").await.ok().body, note, "{verb}");
        assert_eq!(first.sessions.stats().seals_broken + second.sessions.stats().seals_broken, 0, "{verb}");
    }
}

#[tokio::test]
async fn r37_a_value_opens_in_its_own_place_only() {
    for (change, tamper) in [
        (
            "two values were swapped",
            (|record: &mut Record| {
                let note = ciphertext(record, "note").clone();
                let kept = std::mem::replace(ciphertext(record, "kept"), note);
                *ciphertext(record, "note") = kept;
            }) as fn(&mut Record),
        ),
        ("one was put in place of the other", |record| {
            *ciphertext(record, "note") = ciphertext(record, "kept").clone();
        }),
        ("the seal was put in place of a value", |record| {
            *ciphertext(record, SEAL) = ciphertext(record, "note").clone();
        }),
        ("it was truncated", |record| *ciphertext(record, "note") = ciphertext(record, "note")[..20].into()),
        ("it was emptied", |record| *ciphertext(record, "note") = [].into()),
        ("it was replaced by plain JSON", |record| {
            value(record, "note").payload = Payload::Present(br#""forged""#[..].into());
        }),
        ("it was replaced by plain JSON marked as encrypted", |record| {
            *ciphertext(record, "note") = br#""forged""#[..].into();
        }),
    ] {
        let (status, node) = read_after(tamper).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{change}");
        assert!(node.sessions.stats().seals_broken > 0, "{change}");
    }
}

#[tokio::test]
async fn r37_no_byte_of_a_value_or_of_the_records_seal_can_be_changed() {
    for key in ["note", SEAL] {
        let (deployment, browser) = deployment_with_session(&[1]).await;
        let good = record(&deployment, &browser);
        for at in 0..ciphertext(&mut good.clone(), key).len() {
            let mut bad = good.clone();
            let mut bytes = ciphertext(&mut bad, key).to_vec();
            bytes[at] ^= 0x10;
            *ciphertext(&mut bad, key) = bytes.into();
            store(&deployment).roll_back(selector_of(&browser), bad);
            let fresh = sealed(&deployment);
            let reply = browser.at(&fresh.app).get("/note").await;
            assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR, "{key}, byte {at}");
            let other = browser.at(&fresh.app).get("/whoami").await.status;
            assert_eq!(
                other == StatusCode::OK,
                key == "note",
                "{key}: a damaged value leaves the rest of the session usable"
            );
        }
        store(&deployment).roll_back(selector_of(&browser), good);
        assert_eq!(browser.at(&sealed(&deployment).app).get("/note").await.ok().body, "mine");
    }
}

#[tokio::test]
async fn r37_an_older_value_cannot_be_put_back_with_or_without_its_version() {
    for with_its_version in [true, false] {
        let (deployment, mut browser) = deployment_with_session(&[1]).await;
        let old = value(&mut record(&deployment, &browser), "note").clone();
        browser.post("/note/newer").await.ok();
        let mut record = record(&deployment, &browser);
        let version = value(&mut record, "note").version;
        *value(&mut record, "note") = old;
        if !with_its_version {
            value(&mut record, "note").version = version;
        }
        store(&deployment).roll_back(selector_of(&browser), record);
        let fresh = sealed(&deployment);
        assert_eq!(browser.at(&fresh.app).get("/note").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    }
}

#[tokio::test]
async fn r37_a_record_put_back_as_a_whole_is_noticed_by_the_hint_of_its_client() {
    let (deployment, mut browser) = deployment_with_session(&[1]).await;
    let old = record(&deployment, &browser);
    browser.post("/note/newer").await.ok();
    store(&deployment).roll_back(selector_of(&browser), old);
    let fresh = sealed(&deployment);
    assert_eq!(browser.at(&fresh.app).get("/note").await.ok().body, "mine");
    assert_eq!(fresh.sessions.stats().rollbacks, 1);
    let strict = Node::new(
        sealing(&deployment, SealPolicy::Require, &[1]).on_rollback(cloakroom::RollbackPolicy::Reauthenticate),
    );
    assert_eq!(browser.at(&strict.app).get("/note").await.ok().body, "nothing");
}

#[tokio::test]
async fn r37_what_a_record_says_of_its_session_cannot_be_changed() {
    for (change, tamper) in [
        ("nothing", (|_| {}) as fn(&mut Record)),
        ("another principal", |record| record.authentication.as_mut().unwrap().principal = "root".into()),
        ("another label", |record| record.authentication.as_mut().unwrap().label = Some("Safari".into())),
        ("no label", |record| record.authentication.as_mut().unwrap().label = None),
        ("a later login", |record| {
            let at = &mut record.authentication.as_mut().unwrap().at;
            *at = at.after(secs(1));
        }),
        ("nobody", |record| record.authentication = None),
        ("a longer life", |record| {
            let later = record.lifetimes.absolute_deadline().after(secs(1));
            record.lifetimes = record.lifetimes.with_absolute_deadline(later);
        }),
        ("a longer idle timeout", |record| {
            let longer = record.lifetimes.idle_timeout() + secs(1);
            record.lifetimes = record.lifetimes.with_idle_timeout(longer);
        }),
        ("another creation time", |record| {
            let later = record.lifetimes.created_at().after(secs(1));
            record.lifetimes = record.lifetimes.with_created_at(later);
        }),
        ("a persistent cookie", |record| record.lifetimes = record.lifetimes.with_persistent(true)),
        ("another version", |record| record.version += 1),
        ("an old secret that lives longer", |record| {
            let previous = record.previous.as_mut().unwrap();
            *previous = PreviousSecret::renewed(previous.verifier, previous.dead_since().after(secs(3600)));
        }),
        ("no old secret", |record| record.previous = None),
        ("one value less", |record| record.values.retain(|value| &*value.key != "kept")),
        ("a value removed", |record| value(record, "kept").payload = Payload::Removed),
        ("a value that was never there", |record| value(record, "kept").payload = Payload::Absent),
        ("another freshness", |record| {
            value(record, "kept").fresh_until = Some(cloakroom::Timestamp::MAX.min(record.last_seen));
        }),
        ("one value more", |record| {
            let payload = value(record, "kept").payload.clone();
            record.values.push(StoredValue::new("count".into(), record.version, None, payload));
        }),
        ("no seal", |record| record.values.retain(|value| &*value.key != SEAL)),
        ("a seal that was removed", |record| value(record, SEAL).payload = Payload::Removed),
        ("a plain seal", |record| value(record, SEAL).payload = Payload::Present([].into())),
    ] {
        let (status, node) = read_after(tamper).await;
        let expected = if change == "nothing" { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
        assert_eq!(status, expected, "{change}");
        assert_eq!(node.sessions.stats().seals_broken, u64::from(change != "nothing"), "{change}");
    }
}

#[tokio::test]
async fn r38_keys_are_replaced_without_logging_anybody_out() {
    let (deployment, mut browser) = deployment_with_session(&[1]).await;
    let key_of = |browser: &Browser, key: &str| ciphertext(&mut record(&deployment, browser), key)[1];
    let renewed = Node::new(sealing(&deployment, SealPolicy::Require, &[2, 1]));
    browser = browser.at(&renewed.app);
    assert_eq!(browser.get("/note").await.ok().body, "mine");
    assert_eq!((key_of(&browser, "note"), key_of(&browser, "kept")), (1, 1), "a read does not re-encrypt");
    browser.post("/note/newer").await.ok();
    assert_eq!((key_of(&browser, "note"), key_of(&browser, SEAL), key_of(&browser, "kept")), (2, 2, 1));
    // Without the old key, its values are errors of a separate kind, and everything else works.
    let later = Node::with_routes(sealing(&deployment, SealPolicy::Require, &[2]), kinds());
    browser = browser.at(&later.app);
    assert_eq!(browser.get("/note").await.ok().body, "newer");
    assert_eq!(browser.get("/whoami").await.ok().body, "alice");
    let before = record(&deployment, &browser);
    assert_eq!(browser.get("/kind-of-kept").await.ok().body, "UnknownKey UnknownKey");
    assert_eq!(record(&deployment, &browser).values, before.values, "nothing is overwritten");
    assert!(later.sessions.stats().keys_unknown >= 1);
}

fn kinds() -> axum::Router {
    async fn kinds(session: Session) -> Result<String, SessionError> {
        use crate::support::Kept;
        let read = session.get::<Kept>().await.unwrap_err().kind();
        let written = session.update::<Kept, _>(|kept| kept.0.push('x')).await.unwrap_err().kind();
        Ok(format!("{read:?} {written:?}"))
    }
    routes().route("/kind-of-kept", any(kinds))
}

#[tokio::test]
async fn r38_a_session_under_an_unknown_key_is_an_error_and_not_no_session() {
    let (deployment, mut browser) = deployment_with_session(&[1]).await;
    let before = record(&deployment, &browser);
    // The client's token is signed by the new key, but the stored record is encrypted with the old
    // one.
    browser = browser.at(&Node::new(keyed(&deployment, &[2, 1])).app);
    browser.get("/whoami").await.ok();
    let foreign_node = Node::new(sealing(&deployment, SealPolicy::Require, &[2]));
    let mut events = foreign_node.sessions.events();
    browser = browser.at(&foreign_node.app);
    for path in ["/note", "/note/other", "/whoami", "/login/bob", "/do/renew"] {
        let reply = browser.post(path).await;
        assert_eq!((reply.status, reply.set_cookie()), (StatusCode::INTERNAL_SERVER_ERROR, None), "{path}");
    }
    assert_eq!(record(&deployment, &browser), before);
    assert_eq!(foreign_node.sessions.stats().keys_unknown, 5);
    assert_eq!(events.try_recv().unwrap().kind, EventKind::KeyUnknown);
    // A revocation still ends the session, because it does not read the record.
    assert_eq!(foreign_node.sessions.of("alice").revoke_all().await.unwrap(), 1);
}

#[tokio::test]
async fn r41_what_is_not_sealed_is_never_read_in_place_of_what_is() {
    let deployment = Deployment::shared();
    let plain = Node::new(keyed(&deployment, &[1]));
    let mut browser = Browser::new(&plain.app);
    browser.post("/login-keeping/alice").await.ok();
    browser.post("/note/mine").await.ok();
    let strict = sealed(&deployment);
    for path in ["/note", "/whoami", "/note/other", "/login/alice"] {
        assert_eq!(browser.at(&strict.app).post(path).await.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
    }
    assert!(strict.sessions.stats().seals_broken >= 4);
    assert_eq!(strict.sessions.stats().unsealed_read, 0);
    assert_eq!(browser.get("/note").await.ok().body, "mine", "the record is unchanged");
}

#[tokio::test]
async fn r41_sealing_is_taken_up_and_given_up_node_by_node() {
    use SealPolicy::{Migrate, Prepare, Require};
    let deployment = Deployment::shared();
    let mut browser = Browser::new(&Node::new(keyed(&deployment, &[1])).app);
    browser.post("/login-keeping/alice").await.ok();
    let mut count = 0;
    // Every policy runs beside each policy that it may meet during a rollout, and both nodes write.
    for [before, after] in [
        [None, Some(Prepare)],
        [Some(Prepare), Some(Migrate)],
        [Some(Migrate), Some(Migrate)],
        [Some(Migrate), Some(Require)],
        [Some(Require), Some(Migrate)],
        [Some(Migrate), Some(Prepare)],
        [Some(Prepare), None],
    ] {
        let node = |policy: Option<SealPolicy>| match policy {
            Some(policy) => Node::new(sealing(&deployment, policy, &[1])),
            None => Node::new(keyed(&deployment, &[1])),
        };
        let [before, after] = [node(before), node(after)];
        for node in [&before, &after, &before, &after] {
            browser = browser.at(&node.app);
            count += 1;
            assert_eq!(browser.post("/count").await.ok().body, count.to_string());
            assert_eq!(browser.get("/whoami").await.ok().body, "alice");
        }
        assert_eq!(before.sessions.stats().seals_broken + after.sessions.stats().seals_broken, 0);
    }
}

#[tokio::test]
async fn r41_lenient_sealing_says_so_at_start_up_and_counts_what_it_reads() {
    let (log, _guard) = capture();
    let deployment = Deployment::shared();
    let plain = Node::new(keyed(&deployment, &[1]));
    let mut browser = Browser::new(&plain.app);
    browser.post("/note/mine").await.ok();
    assert_eq!(log.info_lines(), 0);
    let migrating = Node::new(sealing(&deployment, SealPolicy::Migrate, &[1]));
    assert_eq!(log.info_lines(), 1);
    assert_eq!(browser.at(&migrating.app).get("/note").await.ok().body, "mine");
    assert_eq!((migrating.sessions.stats().unsealed_read, log.info_lines()), (1, 2));
    sealed(&deployment);
    assert_eq!(log.info_lines(), 2, "the strict policy logs nothing");
}

#[tokio::test]
async fn r41_a_broken_seal_is_no_reason_to_read_without_one_while_migrating() {
    let (deployment, browser) = deployment_with_session(&[1]).await;
    let mut bad = record(&deployment, &browser);
    bad.authentication.as_mut().unwrap().principal = "root".into();
    store(&deployment).roll_back(selector_of(&browser), bad);
    for policy in [SealPolicy::Migrate, SealPolicy::Prepare] {
        let node = Node::new(sealing(&deployment, policy, &[1]));
        assert_eq!(browser.at(&node.app).get("/whoami").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    }
}

#[tokio::test]
async fn a_node_that_does_not_seal_gets_an_error_for_a_sealed_value_alone() {
    let (deployment, browser) = deployment_with_session(&[1]).await;
    let node = Node::with_routes(keyed(&deployment, &[1]), kinds());
    let mut browser = browser.at(&node.app);
    assert_eq!(browser.get("/kind-of-kept").await.ok().body, "UnknownKey UnknownKey");
    assert_eq!(browser.get("/whoami").await.ok().body, "alice");
    assert_eq!(browser.post("/count").await.ok().body, "1");
}

#[tokio::test]
async fn who_writes_another_value_costs_a_sealed_write_no_second_run_of_its_closure() {
    let deployment = Deployment::shared();
    let [(first, store), (second, _)] = [(); 2].map(|()| {
        let store = store(&deployment).node();
        let builder =
            crate::support::recorded().clock(deployment.clock.clone()).keys(ring(&[1])).seal(SealPolicy::Require);
        (Node::with_routes(builder.store(store.clone()), count_routes()), store)
    });
    let mut browser = Browser::new(&first.app);
    browser.post("/count").await.ok();
    browser.get("/note").await.ok();
    for round in 1..=5 {
        store.pause_invalidations();
        // The first node's copy is now stale, but not in the value that is about to be written.
        browser.at(&second.app).post(&format!("/note/{round}")).await.ok();
        assert_eq!(browser.post("/runs").await.ok().body, format!("{} after 1 run", round + 1));
        assert_eq!(browser.get("/note").await.ok().body, round.to_string());
        store.pause_invalidations();
        browser.at(&second.app).post("/runs").await.ok();
        assert_eq!(browser.post("/runs").await.ok().body, format!("{} after 2 runs", round + 3));
        store.deliver_invalidations();
        browser.post("/uncount").await.ok();
    }
}

fn count_routes() -> axum::Router {
    async fn runs(session: Session) -> Result<String, SessionError> {
        let mut runs = 0;
        let count = session
            .update::<Count, _>(|count| {
                runs += 1;
                count.0 += 1;
                count.0
            })
            .await?;
        Ok(format!("{count} after {runs} run{}", if runs == 1 { "" } else { "s" }))
    }
    async fn uncount(session: Session) -> Result<(), SessionError> {
        session.update::<Count, _>(|count| count.0 -= 2).await
    }
    routes().route("/runs", any(runs)).route("/uncount", any(uncount))
}

#[tokio::test]
async fn r18_parallel_sealed_writes_on_two_nodes_lose_nothing() {
    let deployment = Deployment::shared();
    let [first, second] = [sealed(&deployment), sealed(&deployment)];
    let mut browser = Browser::new(&first.app);
    browser.post("/login/alice").await.ok();
    let mut tabs = tokio::task::JoinSet::new();
    for number in 0..40 {
        let mut tab = browser.at(if number % 2 == 0 { &first.app } else { &second.app });
        tabs.spawn(async move {
            if number % 4 == 3 {
                tab.post(&format!("/note/{number}")).await.ok();
            } else {
                tab.post("/count").await.ok();
            }
        });
    }
    while let Some(tab) = tabs.join_next().await {
        tab.unwrap();
    }
    assert_eq!(browser.get("/count").await.ok().body, "30");
}

#[tokio::test]
async fn r59_a_record_copied_to_another_session_opens_to_nobody() {
    for sealing in [None, Some(SealPolicy::Require)] {
        let deployment = Deployment::shared();
        let node = || match sealing {
            Some(policy) => Node::new(self::sealing(&deployment, policy, &[1])),
            None => deployment.node(),
        };
        let mut alice = Browser::new(&node().app);
        alice.post("/login/alice").await.ok();
        let mut mallory = Browser::new(&node().app);
        mallory.post("/login/mallory").await.ok();
        // Selector of the one, secret of the other: Mallory's token after she copies Alice's record
        // to her own selector, or her own verifier into Alice's record.
        store(&deployment).roll_back(selector_of(&mallory), record(&deployment, &alice));
        let reply = mallory.at(&node().app).get("/whoami").await;
        assert_ne!(reply.body, "alice");
        let mixed = [&decode(&mallory.bare_token())[..16], &decode(&alice.bare_token())[16..]].concat();
        let mixed = crate::support::canonical(&mixed.try_into().unwrap());
        assert_ne!(Browser::holding(&node().app, mixed).get("/whoami").await.body, "alice");
        let mut copy = record(&deployment, &alice);
        let mut own = Browser::new(&node().app);
        own.post("/login/mallory").await.ok();
        copy.verifier = record(&deployment, &own).verifier;
        store(&deployment).roll_back(selector_of(&alice), copy);
        let mixed = [&decode(&alice.bare_token())[..16], &decode(&own.bare_token())[16..]].concat();
        let mixed = crate::support::canonical(&mixed.try_into().unwrap());
        assert_ne!(Browser::holding(&node().app, mixed).get("/whoami").await.body, "alice");
    }
}

/// A value that is nested as deeply as requested.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Deep(serde_json::Value);

impl cloakroom::SessionValue for Deep {
    const KEY: &'static str = Note::KEY;
}

async fn write_deep(session: Session, Path(levels): Path<usize>) -> Result<String, SessionError> {
    let nested = (1..levels).fold(serde_json::json!([]), |inner, _| serde_json::json!([inner]));
    Ok(match session.set(Deep(nested)).await {
        Ok(()) => session.get::<Deep>().await?.is_some().to_string(),
        Err(error) => format!("{:?}", error.kind()),
    })
}

#[tokio::test]
async fn r58_what_is_nested_too_deep_is_neither_read_from_a_store_nor_written_to_it() {
    let deployment = Deployment::shared();
    let node = Node::with_routes(deployment.builder(), routes().route("/deep/{levels}", any(write_deep)));
    let mut browser = Browser::new(&node.app);
    assert_eq!(browser.post("/deep/32").await.ok().body, "true");
    assert_eq!(browser.post("/deep/33").await.ok().body, "Encode");
    let good = record(&deployment, &browser);
    for (levels, expected) in [(32, StatusCode::OK), (33, StatusCode::INTERNAL_SERVER_ERROR)] {
        let json = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let mut other = good.clone();
        value(&mut other, "note").payload = Payload::Present(json.into_bytes().into());
        store(&deployment).roll_back(selector_of(&browser), other);
        let fresh = Node::with_routes(deployment.builder(), routes().route("/read", any(read_deep)));
        assert_eq!(browser.at(&fresh.app).get("/read").await.status, expected, "{levels}");
        assert_eq!(browser.at(&fresh.app).get("/whoami").await.ok().body, "nobody");
    }
}

async fn read_deep(session: Session) -> Result<String, SessionError> {
    Ok(session.get::<Deep>().await?.is_some().to_string())
}

#[test]
fn r39_sealing_without_keys_or_without_a_store_is_a_clear_error() {
    let error = |builder: SessionsBuilder| builder.build().unwrap_err();
    let no_store = error(crate::support::recorded().keys(ring(&[1])).seal(SealPolicy::Require));
    let no_keys = error(crate::support::recorded().store(MemoryStore::new()).seal(SealPolicy::Require));
    assert_eq!((no_store.setting(), no_keys.setting()), ("seal", "seal"));
    assert!(no_store.to_string().contains("without a `store`"), "{no_store}");
    assert!(no_keys.to_string().contains("with `keys`"), "{no_keys}");
}
