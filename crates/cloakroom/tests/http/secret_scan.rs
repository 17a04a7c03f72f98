//! R55: the scan of the tests' output also searches for secrets that the library computes.

use axum::routing::any;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cloakroom::{Key, KeyRing, Session, SessionError};
use cloakroom_secret_scan::derive::{csrf_secret, derived_key, verifier};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::support::{Browser, Deployment, Node, decode, routes};

async fn csrf_token(session: Session) -> Result<String, SessionError> {
    Ok(session.csrf_token().await?.map_or_else(String::new, |token| token.as_str().to_owned()))
}

#[tokio::test]
async fn r55_the_scan_derives_the_same_secrets_as_the_library() {
    let deployment = Deployment::shared();
    let key: [u8; 32] = Sha256::digest("a key for this test").into();
    let builder = deployment.builder().keys(KeyRing::new(Key::new(1, key).unwrap()));
    let node = Node::with_routes(builder, routes().route("/csrf", any(csrf_token)));
    let mut browser = Browser::new(&node.app);
    browser.post("/login/ada").await.ok();
    let csrf_token = URL_SAFE_NO_PAD.decode(browser.get("/csrf").await.ok().body).unwrap();

    let token = decode(browser.cookie.as_deref().unwrap());
    let (selector, secret) = (token[..16].try_into().unwrap(), token[16..].try_into().unwrap());
    let csrf = csrf_secret("", &selector, &secret);
    let unmasked: Vec<u8> =
        csrf_token[..16].iter().zip(&csrf_token[16..]).map(|(mask, masked)| mask ^ masked).collect();
    assert_eq!(unmasked, csrf);

    let store = deployment.store.as_ref().unwrap();
    let record = store.record(store.selectors()[0]).unwrap();
    assert_eq!(*record.verifier.as_bytes(), verifier(&csrf));

    let text = URL_SAFE_NO_PAD.decode(browser.cookie.as_deref().unwrap()).unwrap();
    let (message, mac) = text.split_last_chunk::<16>().unwrap();
    let derived = derived_key(&key, "token", "cookie:__Host-session");
    let mac_of_library: Hmac<Sha256> = Hmac::new_from_slice(&derived).unwrap();
    mac_of_library.chain_update(message).verify_truncated_left(mac).expect("the key of the cookie's MAC");
}
