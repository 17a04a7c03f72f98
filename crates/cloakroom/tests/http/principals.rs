//! R20–R23: all sessions of one principal are listed and ended without disclosing what opens them.

use std::str::FromStr;

use axum::Router;
use axum::extract::State;
use axum::routing::any;
use cloakroom::store::{LimitPolicy, StoreErrorKind};
use cloakroom::{EndReason, Event, EventKind, Events, PublicId, Session, SessionError, Sessions};
use cloakroom_testkit::{FaultyStore, MemoryStore, Verb};
use http::StatusCode;
use tokio::task::JoinSet;

use crate::support::{Browser, Deployment, Node, Note, canonical, decode, encodings, minutes, routes, secs};

async fn logged_in(node: &Node, user: &str) -> Browser {
    let mut browser = Browser::new(&node.app);
    browser.post(&format!("/login-keeping/{user}")).await.ok();
    browser
}

#[tokio::test]
async fn r20_all_sessions_of_a_principal_end_at_once_on_every_node() {
    for deployment in Deployment::local_and_skewed() {
        let [first, second] = deployment.nodes();
        let mut browsers = Vec::new();
        for number in 0..50 {
            let browser = logged_in(if number % 2 == 0 { &first } else { &second }, "alice").await;
            // Caches the session on both nodes.
            browser.at(&first.app).get("/whoami").await.ok();
            browser.at(&second.app).get("/whoami").await.ok();
            browsers.push(browser);
        }
        let mut bob = logged_in(&first, "bob").await;
        assert_eq!(second.sessions.of("alice").revoke_all().await.unwrap(), 50);
        let mut later = logged_in(&first, "alice").await;
        for browser in browsers {
            for node in [&first, &second] {
                assert_eq!(browser.at(&node.app).get("/whoami").await.ok().body, "nobody");
            }
        }
        assert_eq!(later.get("/whoami").await.ok().body, "alice");
        assert_eq!(bob.get("/whoami").await.ok().body, "bob");
        assert_eq!(second.sessions.of("alice").revoke_all().await.unwrap(), 1);
    }
}

#[tokio::test]
async fn r21_a_change_of_password_ends_the_other_sessions_and_rotates_this_one() {
    for deployment in Deployment::both() {
        let node = with_password_route(&deployment);
        let mut current = logged_in(&node, "alice").await;
        let others = [logged_in(&node, "alice").await, logged_in(&node, "alice").await];
        let old = current.bare_token();
        assert_eq!(current.post("/password").await.ok().body, "2");
        assert_ne!(current.bare_token(), old);
        assert_eq!(current.get("/whoami").await.ok().body, "alice");
        for mut dead in others.into_iter().chain([Browser::holding(&node.app, old)]) {
            assert_eq!(dead.get("/whoami").await.ok().body, "nobody");
        }
        assert_eq!(node.sessions.of("alice").list().await.unwrap().len(), 1);
    }
}

fn with_password_route(deployment: &Deployment) -> Node {
    async fn change_password(State(sessions): State<Sessions>, session: Session) -> Result<String, SessionError> {
        session.login("alice").await?;
        Ok(sessions.of("alice").revoke_others(&session).await?.to_string())
    }
    let sessions = deployment.builder().build().unwrap();
    let password = Router::new().route("/password", any(change_password)).with_state(sessions.clone());
    Node { app: Node::with_sessions(sessions.clone(), routes().merge(password)), sessions }
}

#[tokio::test]
async fn a_login_that_names_no_label_keeps_that_of_the_same_principal() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut browser = logged_in(&node, "alice").await;
        browser.post("/login/alice").await.ok();
        let list = node.sessions.of("alice").list().await.unwrap();
        assert_eq!(list[0].label.as_deref(), Some("Testbrowser"));
        browser.post("/login/bob").await.ok();
        let list = node.sessions.of("bob").list().await.unwrap();
        assert_eq!(list[0].label, None, "another person may use another name for the device");
    }
}

#[tokio::test]
async fn r22_nothing_in_a_list_of_sessions_opens_one() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let alice = logged_in(&node, "alice").await;
        logged_in(&node, "alice").await;
        let list = node.sessions.of("alice").list().await.unwrap();
        assert_eq!(list.len(), 2);
        assert_eq!(list[0].label.as_deref(), Some("Testbrowser"));
        let listing = format!("{list:?} {list:#?}");
        for half in [&decode(&alice.bare_token())[..16], &decode(&alice.bare_token())[16..]] {
            for encoding in encodings(half) {
                assert!(!listing.as_bytes().windows(encoding.len()).any(|window| window == encoding));
            }
        }
        let id = list[0].id.to_string();
        let number = u128::from_str_radix(&id, 16).unwrap().to_be_bytes();
        let twice = canonical(&[number, number].concat().try_into().unwrap());
        for attempt in [id.clone(), twice, format!("{id}{}", &id[..11])] {
            assert_eq!(Browser::holding(&node.app, attempt).get("/whoami").await.ok().body, "nobody");
        }
    }
}

#[tokio::test]
async fn r22_a_handle_ends_a_session_of_its_own_principal_only() {
    for deployment in Deployment::local_and_skewed() {
        let [first, second] = deployment.nodes();
        let mut alice = logged_in(&first, "alice").await;
        let id = first.sessions.of("alice").list().await.unwrap()[0].id;
        assert_eq!(PublicId::from_str(&id.to_string()), Ok(id));
        assert!(!second.sessions.of("bob").revoke(id).await.unwrap());
        assert_eq!(alice.get("/whoami").await.ok().body, "alice");
        assert!(second.sessions.of("alice").revoke(id).await.unwrap());
        assert_eq!(alice.get("/whoami").await.ok().body, "nobody");
        assert!(!second.sessions.of("alice").revoke(id).await.unwrap());
    }
}

#[tokio::test]
async fn r22_a_session_is_listed_with_when_it_was_made_and_last_seen() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut alice = logged_in(&node, "alice").await;
        let created = node.sessions.of("alice").list().await.unwrap()[0].created_at;
        deployment.clock.advance(secs(600));
        alice.get("/whoami").await.ok();
        node.sessions.run_pending_tasks().await;
        let info = node.sessions.of("alice").list().await.unwrap().remove(0);
        assert_eq!(info.created_at, created);
        assert_eq!(info.last_seen.since(created), secs(600));
        assert_eq!(info.expires_at.since(info.last_seen), secs(30 * 60));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r23_fifty_logins_at_once_never_exceed_the_limit() {
    for policy in [LimitPolicy::Reject, LimitPolicy::EndOldest] {
        for deployment in Deployment::both() {
            let build = || Node::new(deployment.builder().max_sessions_per_principal(3, policy));
            let first = build();
            let second = if deployment.store.is_some() { build() } else { first.clone() };
            let mut logins = JoinSet::new();
            for number in 0..50 {
                let app = if number % 2 == 0 { first.app.clone() } else { second.app.clone() };
                let sessions = first.sessions.clone();
                logins.spawn(async move {
                    let mut browser = Browser::new(&app);
                    let status = browser.post("/login/alice").await.status;
                    (status, browser, sessions.of("alice").list().await.unwrap().len())
                });
            }
            let outcomes = logins.join_all().await;
            assert!(outcomes.iter().all(|(_, _, listed)| *listed <= 3), "{policy:?}");
            let mut live_sessions = 0;
            for (status, browser, _) in outcomes {
                let allowed = [StatusCode::OK, StatusCode::CONFLICT, StatusCode::UNAUTHORIZED];
                assert!(allowed.contains(&status), "{policy:?} {status}");
                let Some(cookie) = browser.cookie else { continue };
                live_sessions +=
                    usize::from(Browser::holding(&second.app, cookie).get("/whoami").await.ok().body == "alice");
            }
            assert_eq!(live_sessions, 3, "{policy:?}");
            assert_eq!(deployment.session_count(&first), 3, "{policy:?}: nothing remains of the other logins");
        }
    }
}

#[tokio::test]
async fn r23_at_the_limit_a_login_is_refused_or_ends_the_oldest_and_an_event_says_so() {
    for deployment in Deployment::both() {
        let node = Node::new(deployment.builder().max_sessions_per_principal(1, LimitPolicy::Reject));
        let mut first = logged_in(&node, "alice").await;
        let mut events = node.sessions.events();
        let refused = Browser::new(&node.app).post("/login/alice").await;
        assert_eq!((refused.status, refused.set_cookie()), (StatusCode::CONFLICT, None));
        assert_eq!(first.get("/whoami").await.ok().body, "alice");
        let kinds: Vec<_> = std::iter::from_fn(|| events.try_recv()).map(|event| event.kind).collect();
        assert_eq!(kinds.iter().filter(|kind| **kind == EventKind::LoginRefused).count(), 1, "{kinds:?}");
        assert!(!kinds.contains(&EventKind::LoggedIn), "{kinds:?}");
        // Another login in the same session does not add a session.
        first.post("/login/alice").await.ok();

        let node = Node::new(deployment.builder().max_sessions_per_principal(1, LimitPolicy::EndOldest));
        let mut second = logged_in(&node, "bob").await;
        let mut events = node.sessions.events();
        let mut third = logged_in(&node, "bob").await;
        assert_eq!(second.get("/whoami").await.ok().body, "nobody");
        assert_eq!(third.get("/whoami").await.ok().body, "bob");
        let kinds: Vec<_> = std::iter::from_fn(|| events.try_recv()).map(|event| event.kind).collect();
        let displaced = EventKind::Ended(cloakroom::EndReason::Displaced);
        assert_eq!(kinds.iter().filter(|kind| **kind == displaced).count(), 1, "{kinds:?}");
    }
}

fn drain(events: &mut Events) -> Vec<Event> {
    std::iter::from_fn(|| events.try_recv()).collect()
}

/// The number of sessions of `user` that ended with `reason`. Asserts that no other user's did.
fn ends(events: &[Event], reason: EndReason, user: &str) -> usize {
    let ends = events.iter().filter(|event| event.kind == EventKind::Ended(reason));
    ends.inspect(|event| assert_eq!(event.principal.as_ref().map(cloakroom::Principal::as_str), Some(user))).count()
}

/// A node over a store whose calls a test can delay or fail.
fn faulty_node_with_limit(
    deployment: &Deployment,
    count: u32,
    policy: LimitPolicy,
) -> (FaultyStore<MemoryStore>, Node) {
    let store = FaultyStore::new(deployment.store.as_ref().unwrap().node());
    let builder = crate::support::recorded().clock(deployment.clock.clone()).store(store.clone());
    (store, Node::new(builder.max_sessions_per_principal(count, policy)))
}

#[tokio::test]
async fn r23_who_is_displaced_is_dead_before_the_newcomer_lives() {
    let deployment = Deployment::shared();
    let (store, node) = faulty_node_with_limit(&deployment, 1, LimitPolicy::EndOldest);
    let mut old = logged_in(&node, "alice").await;
    let gate = store.delay_next(Verb::Commit);
    let login = tokio::spawn({
        let app = node.app.clone();
        async move { Browser::new(&app).post("/login/alice").await.ok() }
    });
    assert!(gate.arrived().await);
    // The new login has not been committed yet.
    assert_eq!(old.get("/whoami").await.ok().body, "nobody");
    assert_eq!(node.sessions.stats().ended_displaced, 1);
    gate.open();
    login.await.unwrap();
    assert_eq!(node.sessions.of("alice").list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn r23_who_cannot_be_ended_keeps_the_newcomer_out_and_is_ended_by_and_by() {
    let deployment = Deployment::shared();
    let (store, node) = faulty_node_with_limit(&deployment, 1, LimitPolicy::EndOldest);
    let mut old = logged_in(&node, "alice").await;
    let mut events = node.sessions.events();
    store.fail_next(Verb::Destroy, StoreErrorKind::Unavailable);
    let refused = Browser::new(&node.app).post("/login/alice").await;
    assert_eq!((refused.status, refused.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None));
    assert_eq!(old.get("/whoami").await.ok().body, "alice", "the old session stays until it can be ended");
    node.sessions.run_pending_tasks().await;
    assert_eq!(old.get("/whoami").await.ok().body, "nobody");
    node.sessions.run_pending_tasks().await;
    let events = drain(&mut events);
    assert_eq!(events.iter().filter(|event| event.kind == EventKind::Ended(EndReason::Displaced)).count(), 1);
    Browser::new(&node.app).post("/login/alice").await.ok();
}

#[tokio::test]
async fn r20_sessions_that_have_to_make_room_are_found_even_if_the_answer_about_them_is_lost() {
    let deployment = Deployment::shared();
    let (store, node) = faulty_node_with_limit(&deployment, 1, LimitPolicy::EndOldest);
    let mut old = logged_in(&node, "alice").await;
    store.lose_reply_next(Verb::AddMember);
    assert_eq!(Browser::new(&node.app).post("/login/alice").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(old.get("/whoami").await.ok().body, "alice");
    assert_eq!(node.sessions.of("alice").list().await.unwrap().len(), 1, "the live session is listed");
    Browser::new(&node.app).post("/login/alice").await.ok();
    assert_eq!(old.get("/whoami").await.ok().body, "nobody", "the next login ends it");
    assert_eq!(node.sessions.of("alice").list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn r23_two_logins_at_once_displace_two_sessions_and_each_is_announced_once() {
    for deployment in Deployment::both() {
        let build = || Node::new(deployment.builder().max_sessions_per_principal(2, LimitPolicy::EndOldest));
        let first = build();
        let second = if deployment.store.is_some() { build() } else { first.clone() };
        let mut old = vec![logged_in(&first, "alice").await, logged_in(&second, "alice").await];
        let mut listeners = vec![first.sessions.events()];
        listeners.extend(deployment.store.is_some().then(|| second.sessions.events()));
        let (mut one, mut other) = (Browser::new(&first.app), Browser::new(&second.app));
        let (first, second) = tokio::join!(one.post("/login/alice"), other.post("/login/alice"));
        assert_eq!((first.status, second.status), (StatusCode::OK, StatusCode::OK));
        for browser in &mut old {
            assert_eq!(browser.get("/whoami").await.ok().body, "nobody");
        }
        for browser in [&mut one, &mut other] {
            assert_eq!(browser.get("/whoami").await.ok().body, "alice");
        }
        let announced: usize =
            listeners.iter_mut().map(|events| ends(&drain(events), EndReason::Displaced, "alice")).sum();
        assert_eq!(announced, 2);
    }
}

#[tokio::test]
async fn r23_a_logout_frees_its_place_at_once_on_every_node() {
    for deployment in Deployment::both() {
        let build = || Node::new(deployment.builder().max_sessions_per_principal(2, LimitPolicy::Reject));
        let first = build();
        let second = if deployment.store.is_some() { build() } else { first.clone() };
        let mut sessions = vec![logged_in(&first, "alice").await, logged_in(&second, "alice").await];
        for round in 0..20 {
            let refused = Browser::new(&second.app).post("/login/alice").await;
            assert_eq!(refused.status, StatusCode::CONFLICT, "{round}");
            let mut logged_out = sessions.remove(0);
            logged_out.post("/do/destroy").await.ok();
            sessions.push(logged_in(if round % 2 == 0 { &first } else { &second }, "alice").await);
        }
        assert_eq!(first.sessions.of("alice").list().await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn r20_a_login_under_way_comes_wholly_before_or_wholly_after_a_revocation() {
    for (verb, survives) in [(Verb::AddMember, true), (Verb::Commit, false)] {
        let deployment = Deployment::shared();
        let (store, node) = faulty_node_with_limit(&deployment, 10, LimitPolicy::Reject);
        let other = deployment.node();
        let mut old = logged_in(&other, "alice").await;
        let gate = store.delay_next(verb);
        let login = tokio::spawn({
            let app = node.app.clone();
            async move {
                let mut browser = Browser::new(&app);
                (browser.post("/login/alice").await, browser)
            }
        });
        assert!(gate.arrived().await);
        other.sessions.of("alice").revoke_all().await.unwrap();
        gate.open();
        let (reply, mut browser) = login.await.unwrap();
        assert_eq!(old.get("/whoami").await.ok().body, "nobody");
        assert_eq!(reply.status == StatusCode::OK, survives, "{verb:?}: {}", reply.status);
        assert_eq!(reply.set_cookie().is_some(), survives, "{verb:?}");
        let listed = other.sessions.of("alice").list().await.unwrap().len();
        assert_eq!(listed, usize::from(survives), "{verb:?}: the session exists if and only if the login succeeded");
        assert_eq!(browser.get("/whoami").await.ok().body, if survives { "alice" } else { "nobody" });
        // A later login is not affected by the revocation.
        assert_eq!(logged_in(&node, "alice").await.get("/whoami").await.ok().body, "alice");
    }
}

#[tokio::test]
async fn r20_a_revocation_that_fails_half_way_can_be_repeated_and_is_announced_once_for_each() {
    let deployment = Deployment::shared();
    let (store, node) = faulty_node_with_limit(&deployment, 10, LimitPolicy::Reject);
    let mut sessions = Vec::new();
    for _ in 0..5 {
        sessions.push(logged_in(&node, "alice").await);
    }
    let mut events = node.sessions.events();
    let fresh = deployment.node();
    let gate = store.delay_next(Verb::Destroy);
    let alices = node.sessions.of("alice");
    let revocation = tokio::spawn(async move { alices.revoke_all().await });
    assert!(gate.arrived().await);
    // The first call succeeds, and the second fails.
    store.fail_next(Verb::Destroy, StoreErrorKind::Unavailable);
    gate.open();
    assert!(revocation.await.unwrap().is_err());
    assert_eq!(
        fresh.sessions.of("alice").list().await.unwrap().len(),
        1,
        "one fault must not keep other sessions alive"
    );
    assert_eq!(node.sessions.of("alice").revoke_all().await.unwrap(), 1);
    for browser in &mut sessions {
        assert_eq!(browser.get("/whoami").await.ok().body, "nobody");
    }
    assert_eq!(ends(&drain(&mut events), EndReason::Revoked, "alice"), 5);
}

#[tokio::test]
async fn r22_nobody_ends_a_session_by_a_handle_that_is_not_theirs_or_not_one() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut alice = logged_in(&node, "alice").await;
        let mut bob = logged_in(&node, "bob").await;
        let before = node.sessions.stats();
        let mut events = node.sessions.events();
        let id_of_alice = node.sessions.of("alice").list().await.unwrap()[0].id;
        let off_by_one = format!("{:032x}", u128::from_str_radix(&id_of_alice.to_string(), 16).unwrap() ^ 1);
        for id in [id_of_alice, off_by_one.parse().unwrap(), "0".repeat(32).parse().unwrap()] {
            assert!(!node.sessions.of("bob").revoke(id).await.unwrap());
            assert!(!node.sessions.of("nobody").revoke(id).await.unwrap());
        }
        assert_eq!(alice.get("/whoami").await.ok().body, "alice");
        assert_eq!(bob.get("/whoami").await.ok().body, "bob");
        assert_eq!((node.sessions.stats().ended_revoked, drain(&mut events).len()), (before.ended_revoked, 0));
    }
}

#[tokio::test]
async fn a_session_used_outside_of_a_request_is_not_kept_alive() {
    for deployment in Deployment::both() {
        let [first, second] = deployment.nodes();
        let mut alice = logged_in(&first, "alice").await;
        alice.post("/note/mine").await.ok();
        let of_alice = second.sessions.of("alice");
        let id = of_alice.list().await.unwrap()[0].id;
        assert!(second.sessions.of("bob").by_id(id).await.unwrap().is_none(), "the id belongs to another user");
        let session = of_alice.by_id(id).await.unwrap().unwrap();
        assert_eq!(session.id(), id);
        assert_eq!(session.get::<Note>().await.unwrap().unwrap().0, "mine");
        session.update(|note: &mut Note| note.0.push_str(", and the job's")).await.unwrap();
        assert_eq!(alice.get("/note").await.ok().body, "mine, and the job's");
        // Half an hour of background jobs without a request.
        for _ in 0..6 {
            deployment.clock.advance(minutes(6));
            let _ = session.update(|note: &mut Note| note.0.push('.')).await;
        }
        assert!(!session.exists().await.unwrap(), "a job keeps no session alive");
        assert_eq!(session.get::<Note>().await.unwrap().map(|note| note.0.clone()), None);
        let late = session.set(Note("late".to_owned())).await.unwrap_err();
        assert_eq!(late.kind(), cloakroom::SessionErrorKind::Ended);
        assert_eq!(alice.get("/whoami").await.ok().body, "nobody");
        assert_eq!(of_alice.count().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn r53_a_job_writes_nothing_into_a_session_that_changes_hands_meanwhile() {
    let deployment = Deployment::shared();
    let (store, node) = faulty_node_with_limit(&deployment, 5, LimitPolicy::Reject);
    let mut browser = logged_in(&node, "alice").await;
    let of_alice = node.sessions.of("alice");
    let id = of_alice.list().await.unwrap()[0].id;
    let session = of_alice.by_id(id).await.unwrap().unwrap();
    let gate = store.delay_next(Verb::Commit);
    let job = tokio::spawn(async move { session.set(Note("alice's".to_owned())).await.map_err(|error| error.kind()) });
    assert!(gate.arrived().await);
    let other = deployment.node();
    browser = browser.at(&other.app);
    browser.post("/login/bob").await.ok();
    gate.open();
    assert_eq!(job.await.unwrap(), Err(cloakroom::SessionErrorKind::Ended));
    assert!(!browser.get("/note").await.body.contains("alice's"));
}

#[tokio::test]
async fn updates_from_inside_and_outside_of_requests_lose_nothing() {
    for deployment in Deployment::both() {
        let [first, second] = deployment.nodes();
        let mut alice = logged_in(&first, "alice").await;
        alice.post("/note/a").await.ok();
        let id = first.sessions.of("alice").list().await.unwrap()[0].id;
        let mut jobs = JoinSet::new();
        for number in 0..20 {
            let node = if number % 2 == 0 { &first } else { &second };
            let session = node.sessions.of("alice").by_id(id).await.unwrap().unwrap();
            jobs.spawn(async move { session.update(|note: &mut Note| note.0.push('x')).await });
        }
        let done = jobs.join_all().await.into_iter().filter(Result::is_ok).count();
        assert!(done > 0);
        assert_eq!(
            alice.get("/note").await.ok().body.matches('x').count(),
            done,
            "each acknowledged update is applied once"
        );
        let session = second.sessions.of("alice").by_id(id).await.unwrap().unwrap();
        assert!(session.remove::<Note>().await.unwrap());
        assert!(!session.remove::<Note>().await.unwrap());
        assert!(session.revoke().await.unwrap());
        assert!(!session.revoke().await.unwrap());
        assert_eq!(alice.get("/whoami").await.ok().body, "nobody");
    }
}
