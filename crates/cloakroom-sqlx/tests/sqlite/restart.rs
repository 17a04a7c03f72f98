//! Sessions survive a restart of the program.

use cloakroom::{Key, KeyRing, SealPolicy, Sessions};
use cloakroom_sqlx::SqliteStore;

use crate::backend::folder;
use crate::support::{Cart, Visitor, recorded};

fn cart(items: &[&str]) -> Cart {
    Cart(items.iter().map(|item| (*item).to_owned()).collect())
}

/// What a process does between its start and its end.
async fn run(path: &std::path::Path, build: impl Fn(SqliteStore) -> Sessions, work: impl AsyncFnOnce(&Sessions)) {
    let store = SqliteStore::open(path).await.expect("the former process has left");
    let sessions = build(store.clone());
    work(&sessions).await;
    drop(sessions);
    store.close().await;
}

fn plain(store: SqliteStore) -> Sessions {
    recorded().store(store).build().expect("valid")
}

#[tokio::test]
async fn a_visitor_keeps_cart_and_login_over_restarts_of_the_program() {
    let (_folder, path) = folder();
    let (visitor, tablet) = (Visitor::default(), Visitor::default());
    run(&path, plain, async |sessions| {
        for device in [&visitor, &tablet] {
            let visit = device.enter(sessions);
            visit.login("ada").await.expect("the store is up");
            visit.leave().await;
        }
        let visit = visitor.enter(sessions);
        visit.set(cart(&["tea"])).await.expect("the store is up");
        visit.leave().await;
    })
    .await;
    run(&path, plain, async |sessions| {
        let visit = visitor.enter(sessions);
        assert_eq!(visit.principal().await.expect("the store is up"), Some("ada".into()));
        let added = visit.update(|cart: &mut Cart| cart.0.push("cups".to_owned()));
        added.await.expect("the store is up");
        visit.leave().await;
        assert_eq!(sessions.of("ada").list().await.expect("the store is up").len(), 2);
        let visit = tablet.enter(sessions);
        visit.destroy().await.expect("the store is up");
        visit.leave().await;
    })
    .await;
    run(&path, plain, async |sessions| {
        let visit = visitor.enter(sessions);
        assert_eq!(visit.get::<Cart>().await.expect("the store is up").as_deref(), Some(&cart(&["tea", "cups"])));
        assert_eq!(visit.principal().await.expect("the store is up"), Some("ada".into()));
        assert_eq!(sessions.of("ada").list().await.expect("the store is up").len(), 1, "the tablet logged out");
    })
    .await;
}

#[tokio::test]
async fn reading_what_is_in_memory_does_not_touch_the_file() {
    let (_folder, path) = folder();
    run(&path, plain, async |sessions| {
        let visitor = Visitor::default();
        let visit = visitor.enter(sessions);
        visit.set(cart(&["tea"])).await.expect("the store is up");
        visit.leave().await;
        let loads = sessions.stats().store_loads;
        for _ in 0..100 {
            let visit = visitor.enter(sessions);
            assert!(visit.get::<Cart>().await.expect("the store is up").is_some());
            visit.leave().await;
        }
        assert_eq!(sessions.stats().store_loads, loads);
    })
    .await;
}

#[tokio::test]
async fn two_sessions_over_clones_of_one_store_see_each_others_changes_at_once() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).await.expect("it is created");
    let (here, there) = (plain(store.clone()), plain(store));
    let visitor = Visitor::default();
    for (number, (writer, reader)) in [(&here, &there), (&there, &here), (&here, &there)].into_iter().enumerate() {
        let visit = visitor.enter(writer);
        visit.update(|cart: &mut Cart| cart.0.push("tea".to_owned())).await.expect("the store is up");
        visit.leave().await;
        let visit = visitor.enter(reader);
        assert_eq!(visit.get::<Cart>().await.expect("the store is up").map(|cart| cart.0.len()), Some(number + 1));
        visit.leave().await;
    }
    let visit = visitor.enter(&here);
    visit.destroy().await.expect("the store is up");
    visit.leave().await;
    assert!(visitor.enter(&there).get::<Cart>().await.expect("the store is up").is_none());
}

fn sealed(store: SqliteStore) -> Sessions {
    let secret: [u8; 32] = std::array::from_fn(|place| (place as u8).wrapping_mul(37) ^ 0x5A);
    cloakroom_secret_scan::record("key", secret);
    let ring = KeyRing::new(Key::new(1, secret).expect("random enough"));
    recorded().store(store).keys(ring).seal(SealPolicy::Require).build().expect("valid")
}

#[tokio::test]
async fn json_can_be_read_by_people_unless_it_is_encrypted() {
    for (build, is_readable) in [(plain as fn(SqliteStore) -> Sessions, true), (sealed, false)] {
        let (_folder, path) = folder();
        let visitor = Visitor::default();
        run(&path, build, async |sessions| {
            let visit = visitor.enter(sessions);
            visit.set(cart(&["a pot of Darjeeling"])).await.expect("the store is up");
            visit.leave().await;
        })
        .await;
        let bytes = std::fs::read(&path).expect("it is there");
        let found = bytes.windows(19).any(|window| window == b"a pot of Darjeeling");
        assert_eq!(found, is_readable);
        let pool = sqlx::SqlitePool::connect_lazy_with(sqlx::sqlite::SqliteConnectOptions::new().filename(&path));
        let read: Option<String> = sqlx::query_scalar("SELECT document ->> '$.cart.json[0]' FROM cloakroom_sessions")
            .fetch_one(&pool)
            .await
            .expect("the document is JSON");
        assert_eq!(read.as_deref(), is_readable.then_some("a pot of Darjeeling"));
        pool.close().await;
        run(&path, build, async |sessions| {
            let visit = visitor.enter(sessions);
            assert!(visit.get::<Cart>().await.expect("the store is up").is_some());
        })
        .await;
    }
}

#[tokio::test]
async fn ten_times_as_many_sessions_as_fit_into_memory_are_all_there() {
    const SESSIONS: usize = 3000;
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).await.expect("it is created");
    let sessions = recorded().store(store).memory_limit(1 << 20).build().expect("valid");
    let mut visitors = Vec::new();
    for number in 0..SESSIONS {
        let visitor = Visitor::default();
        let visit = visitor.enter(&sessions);
        visit.set(cart(&[&format!("{number} {}", "x".repeat(4000))])).await.expect("the file has space");
        visit.leave().await;
        visitors.push(visitor);
    }
    let stats = sessions.stats();
    assert!(stats.sessions * 10 <= SESSIONS as u64, "{} sessions are in memory", stats.sessions);
    for (number, visitor) in visitors.iter().enumerate() {
        let visit = visitor.enter(&sessions);
        let found = visit.get::<Cart>().await.expect("the store is up").expect("it comes back from the file");
        assert!(found.0[0].starts_with(&format!("{number} ")), "session {number}");
        visit.leave().await;
    }
}
