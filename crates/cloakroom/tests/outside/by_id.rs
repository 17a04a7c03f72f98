//! Sessions found by public id, listed by principal, and counted.

use std::collections::BTreeSet;
use std::time::Duration;

use cloakroom::{Clock, Cursor, EndReason, EventKind, PageRequest, PublicId, SessionErrorKind, Sessions};
use cloakroom_testkit::Verb;

use crate::support::{Cart, Deployment, add, log_in, open, shopper};
use crate::visitor::Visitor;

async fn id_of(visitor: &Visitor, sessions: &Sessions) -> PublicId {
    open(visitor, sessions).await.public_id().await.unwrap().unwrap()
}

async fn all_users(sessions: &Sessions, limit: usize) -> Vec<String> {
    let (mut users, mut request) = (Vec::new(), PageRequest::first(limit));
    loop {
        let page = sessions.users(request.clone()).await.unwrap();
        users.extend(page.items.iter().map(|principal| principal.as_str().to_owned()));
        match page.next {
            Some(next) => request = request.after(next),
            None => return users,
        }
    }
}

#[tokio::test]
async fn an_administrator_reads_and_changes_any_session_by_its_public_id() {
    for deployment in Deployment::both() {
        let [here, there] = deployment.nodes();
        let visitor = shopper(&here).await;
        let id = id_of(&visitor, &here).await;
        for sessions in [&here, &there] {
            let session = sessions.by_id(id).await.unwrap().unwrap();
            assert_eq!(session.id(), id);
            assert_eq!(session.principal().await.unwrap(), None);
            session.update(|cart: &mut Cart| cart.0 += 1).await.unwrap();
        }
        assert_eq!(*open(&visitor, &here).await.get::<Cart>().await.unwrap().unwrap(), Cart(3));
        // A login changes whose session it is, and nothing for an administrator.
        let session = there.by_id(id).await.unwrap().unwrap();
        log_in(&visitor, &here, "alice").await;
        assert_eq!(session.principal().await.unwrap().unwrap().as_str(), "alice");
        session.set(Cart(7)).await.unwrap();
        assert!(session.remove::<Cart>().await.unwrap());
        assert_eq!(session.get::<Cart>().await.unwrap(), None);
        let mut events = there.events();
        assert!(session.revoke().await.unwrap());
        assert_eq!(events.recv().await.unwrap().kind, EventKind::Ended(EndReason::Revoked));
        assert!(!session.revoke().await.unwrap());
        assert_eq!(session.set(Cart(8)).await.unwrap_err().kind(), SessionErrorKind::Ended);
        assert_eq!(session.get::<Cart>().await.unwrap(), None);
        assert!(there.by_id(id).await.unwrap().is_none());
        assert!(!visitor.enter(&here).exists().await.unwrap());
    }
}

#[tokio::test]
async fn the_summary_of_a_session_has_its_timeouts_and_its_login() {
    for deployment in Deployment::both() {
        let [here, there] = deployment.nodes();
        let visitor = shopper(&here).await;
        let created = deployment.clock.now();
        let session = there.by_id(id_of(&visitor, &here).await).await.unwrap().unwrap();
        let anonymous = session.summary().await.unwrap().unwrap();
        assert_eq!((anonymous.lifetimes.created_at(), anonymous.last_seen), (created, created));
        assert_eq!(anonymous.authentication, None);
        deployment.clock.advance(Duration::from_secs(60));
        log_in(&visitor, &here, "alice").await;
        let summary = session.summary().await.unwrap().unwrap();
        let login = summary.authentication.unwrap();
        assert_eq!((login.principal.as_str(), login.at), ("alice", deployment.clock.now()));
        let of_user = here.of("alice").list().await.unwrap().remove(0);
        assert_eq!(summary.lifetimes.deadline(summary.last_seen), of_user.expires_at);
        assert!(session.revoke().await.unwrap());
        assert_eq!(session.summary().await.unwrap(), None);
    }
}

#[tokio::test]
async fn an_id_of_no_session_finds_none_and_leaves_nothing_behind() {
    for deployment in Deployment::both() {
        let [here, _] = deployment.nodes();
        shopper(&here).await;
        let before = here.stats().sessions;
        assert!(here.by_id("0".repeat(32).parse().unwrap()).await.unwrap().is_none());
        assert_eq!(here.stats().sessions, before);
    }
}

#[tokio::test]
async fn a_job_that_works_on_a_session_does_not_keep_it_alive() {
    for deployment in Deployment::both() {
        let [here, there] = deployment.nodes();
        let visitor = shopper(&here).await;
        let id = id_of(&visitor, &here).await;
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        deployment.clock.advance(minutes(20));
        // The first use of the session on this node.
        let session = there.by_id(id).await.unwrap().unwrap();
        session.update(|cart: &mut Cart| cart.0 += 1).await.unwrap();
        deployment.clock.advance(minutes(14));
        assert!(!session.exists().await.unwrap());
    }
}

#[tokio::test]
async fn a_read_that_a_change_overtakes_does_not_report_the_session_as_ended() {
    let deployment = Deployment::shared();
    let (store, here) = deployment.faulty_node();
    let [there, _] = deployment.nodes();
    let visitor = shopper(&there).await;
    let session = here.by_id(id_of(&visitor, &there).await).await.unwrap().unwrap();
    // So that the next read asks the store.
    add(&visitor, &there).await;
    let gate = store.delay_next(Verb::Load);
    let reader = session.clone();
    let read = tokio::spawn(async move { reader.get::<Cart>().await.unwrap() });
    // The record was read, and its reply is under way.
    assert!(gate.let_act().await);
    add(&visitor, &there).await;
    gate.open();
    assert_eq!(read.await.unwrap().as_deref(), Some(&Cart(3)));
}

#[tokio::test]
async fn a_search_that_is_cancelled_leaves_nothing_behind() {
    let deployment = Deployment::shared();
    let (store, here) = deployment.faulty_node();
    let [there, _] = deployment.nodes();
    let visitor = shopper(&there).await;
    let id = id_of(&visitor, &there).await;
    let gate = store.delay_next(Verb::Load);
    let sessions = here.clone();
    let search = tokio::spawn(async move { sessions.by_id(id).await.map(|found| found.is_some()) });
    assert!(gate.arrived().await);
    search.abort();
    assert!(search.await.unwrap_err().is_cancelled());
    assert_eq!(here.stats().sessions, 0);
    assert!(here.by_id(id).await.unwrap().is_some());
}

#[tokio::test]
async fn users_are_listed_in_pages_and_sessions_are_counted() {
    for deployment in Deployment::both() {
        let [here, there] = deployment.nodes();
        assert_eq!(all_users(&there, 3).await, Vec::<String>::new());
        assert_eq!(there.count().await.unwrap(), 0);
        let mut expected = BTreeSet::new();
        for number in 0..20 {
            let name = format!("user-{number}");
            for node in [&here, &there] {
                log_in(&Visitor::default(), node, &name).await;
            }
            expected.insert(name);
        }
        shopper(&here).await;
        let set = |users: Vec<String>| users.into_iter().collect::<BTreeSet<_>>();
        for limit in [1, 7, 500, usize::MAX] {
            assert_eq!(set(all_users(&there, limit).await), expected, "in pages of {limit}");
        }
        assert_eq!(here.count().await.unwrap(), 41);
        assert_eq!(here.of("user-7").revoke_all().await.unwrap(), 2);
        expected.remove("user-7");
        assert_eq!(here.count().await.unwrap(), 39);
        assert_eq!(set(all_users(&here, 7).await), expected);
        for text in ["", "nonsense", "1024.1", "1.01", "+1.1"] {
            let foreign = PageRequest::first(1).after(Cursor::new(text));
            assert_eq!(here.users(foreign).await.unwrap_err().kind(), SessionErrorKind::InvalidCursor, "{text}");
        }
        deployment.clock.advance(Duration::from_secs(34 * 60));
        here.run_pending_tasks().await;
        assert_eq!(here.count().await.unwrap(), 0);
    }
}
