//! Cookies as `tower-sessions` writes them.

use cloakroom_tower_sessions::{OldCookie, TakeOverLayer};
use tower_sessions::cookie::Key;
use tower_sessions::{MemoryStore, SessionManagerLayer};

use crate::browser::Browser;
use crate::deployment::Deployment;
use crate::shop::{convert, key, new, old, visitor};

/// Moves a visitor whose cookie was written by the one layer and is read by the other.
async fn moves(before: &Browser, cookie: OldCookie, store: MemoryStore) -> String {
    let [deployment, _] = Deployment::both();
    let take_over = TakeOverLayer::new(cookie.insecure(), store, key()).convert(convert);
    before.at(&new(&deployment.node(), take_over)).get("/").await.body
}

#[tokio::test]
async fn a_signed_cookie_is_read_with_its_key_only() {
    let (store, signing) = (MemoryStore::default(), Key::generate());
    let before = visitor(&old(SessionManagerLayer::new(store.clone()).with_signed(signing.clone()))).await;
    let cookie = || OldCookie::named("id");
    assert_eq!(moves(&before, cookie(), store.clone()).await, "nobody");
    assert_eq!(moves(&before, cookie().signed(Key::generate()), store.clone()).await, "nobody");
    assert_eq!(moves(&before, cookie().signed(signing), store).await, "alice");
}

#[tokio::test]
async fn an_encrypted_cookie_is_read_with_its_key_only() {
    let (store, encrypting) = (MemoryStore::default(), Key::generate());
    let before = visitor(&old(SessionManagerLayer::new(store.clone()).with_private(encrypting.clone()))).await;
    let cookie = || OldCookie::named("id");
    assert_eq!(moves(&before, cookie().private(Key::generate()), store.clone()).await, "nobody");
    assert_eq!(moves(&before, cookie().private(encrypting), store).await, "alice");
}

#[tokio::test]
async fn a_cookie_has_the_name_that_it_had() {
    let store = MemoryStore::default();
    let before = visitor(&old(SessionManagerLayer::new(store.clone()).with_name("sid"))).await;
    assert_eq!(moves(&before, OldCookie::named("id"), store.clone()).await, "nobody");
    assert_eq!(moves(&before, OldCookie::named("sid"), store).await, "alice");
}
