//! Callbacks and tokens that sign nobody in.

use std::time::Duration;

use cloakroom_openid_connect::ResponseMode;
use http::StatusCode;

use crate::browser::{Browser, Navigation};
use crate::provider::Defect;
use crate::site::Site;

/// Sends a callback that must sign nobody in.
async fn refused(site: &Site, browser: &mut Browser, callback: Navigation) {
    let reply = browser.send(callback).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{}", reply.body);
    assert_eq!(browser.visit("/").await.body, "Nobody is signed in.");
    assert_eq!(site.signed_in().await, 0);
}

/// The callback with one parameter replaced.
fn with(callback: &Navigation, name: &str, value: &str) -> Navigation {
    let mut changed = callback.clone();
    let pairs = callback.address.query_pairs().map(|(key, old)| {
        let new = if key == name { value.to_owned() } else { old.into_owned() };
        (key.into_owned(), new)
    });
    let pairs: Vec<_> = pairs.collect();
    changed.address.query_pairs_mut().clear().extend_pairs(pairs);
    changed
}

#[tokio::test]
async fn a_wrong_state_signs_nobody_in_and_uses_the_sign_in_up() {
    for site in [Site::in_memory(ResponseMode::Query).await, Site::on_two_nodes(ResponseMode::Query).await] {
        let mut browser = site.browser();
        let callback = browser.sign_in_until_callback("/sign-in").await;
        refused(&site, &mut browser, with(&callback, "state", "forged")).await;
        refused(&site, &mut browser, callback).await;
        assert_eq!(site.provider.exchanges(), 0, "the code was not even sent to the provider");
    }
}

#[tokio::test]
async fn a_callback_of_another_browser_signs_nobody_in() {
    let site = Site::in_memory(ResponseMode::Query).await;
    let (mut attacker, mut victim, mut busy_victim) = (site.browser(), site.browser(), site.browser());
    let callback = attacker.sign_in_until_callback("/sign-in").await;
    refused(&site, &mut victim, callback.clone()).await;
    busy_victim.sign_in_until_callback("/sign-in").await;
    refused(&site, &mut busy_victim, callback).await;
}

#[tokio::test]
async fn a_replayed_callback_signs_nobody_in() {
    for site in [Site::in_memory(ResponseMode::Query).await, Site::on_two_nodes(ResponseMode::Query).await] {
        let mut browser = site.browser();
        let callback = browser.sign_in_until_callback("/sign-in").await;
        let mut thief = browser.clone();
        assert_eq!(browser.send(callback.clone()).await.status, StatusCode::SEE_OTHER);
        assert_eq!(browser.send(callback.clone()).await.status, StatusCode::BAD_REQUEST);
        // The login has replaced the token that the thief has.
        assert_eq!(thief.send(callback).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!((site.signed_in().await, site.provider.exchanges()), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_parallel_callbacks_one_is_used() {
    for site in [Site::in_memory(ResponseMode::Query).await, Site::on_two_nodes(ResponseMode::Query).await] {
        let mut browser = site.browser();
        let callback = browser.sign_in_until_callback("/sign-in").await;
        let requests: Vec<_> = (0..20)
            .map(|number| {
                let mut copy = Browser::new(&site.nodes[number % 2], &site.provider.router());
                copy.cookie = browser.cookie.clone();
                let callback = callback.clone();
                tokio::spawn(async move { copy.send(callback).await.status })
            })
            .collect();
        let mut signed_in = 0;
        for request in requests {
            match request.await.unwrap() {
                StatusCode::SEE_OTHER => signed_in += 1,
                // The token of the others is replaced by the login of the one.
                status => assert!(matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED), "{status}"),
            }
        }
        assert_eq!((signed_in, site.provider.exchanges(), site.signed_in().await), (1, 1, 1));
    }
}

#[tokio::test]
async fn a_wrong_code_signs_nobody_in() {
    let site = Site::in_memory(ResponseMode::Query).await;
    let mut browser = site.browser();
    let callback = browser.sign_in_until_callback("/sign-in").await;
    refused(&site, &mut browser, with(&callback, "code", "invented")).await;
}

#[tokio::test]
async fn a_code_of_another_sign_in_signs_nobody_in() {
    let site = Site::in_memory(ResponseMode::Query).await;
    let (mut thief, mut victim) = (site.browser(), site.browser());
    let stolen = victim.sign_in_until_callback("/sign-in").await;
    let (_, code) = stolen.address.query_pairs().find(|(name, _)| name == "code").unwrap();
    let own = thief.sign_in_until_callback("/sign-in").await;
    // The provider refuses it: the PKCE verifier is that of the thief's sign-in.
    refused(&site, &mut thief, with(&own, "code", &code)).await;
    assert_eq!(site.provider.exchanges(), 0);
}

#[tokio::test]
async fn a_sign_in_that_takes_too_long_signs_nobody_in() {
    for site in [Site::in_memory(ResponseMode::Query).await, Site::on_two_nodes(ResponseMode::Query).await] {
        let mut browser = site.browser();
        let callback = browser.sign_in_until_callback("/sign-in").await;
        site.clock.advance(Duration::from_secs(10 * 60));
        refused(&site, &mut browser, callback).await;
        assert_eq!(site.provider.exchanges(), 0);
    }
}

#[tokio::test]
async fn an_id_token_that_is_not_for_this_sign_in_signs_nobody_in() {
    let site = Site::in_memory(ResponseMode::Query).await;
    for (count, defect) in
        [Defect::Nonce, Defect::NoNonce, Defect::Expired, Defect::Audience, Defect::Issuer, Defect::Signature]
            .into_iter()
            .enumerate()
    {
        site.provider.set_defect(defect);
        let mut browser = site.browser();
        let callback = browser.sign_in_until_callback("/sign-in").await;
        refused(&site, &mut browser, callback).await;
        assert_eq!(site.provider.exchanges(), count + 1, "{defect:?}: the code was right");
    }
    site.provider.set_defect(Defect::None);
    assert_eq!(site.browser().visit("/account").await.body, "The account of Ada.");
}

#[tokio::test]
async fn a_visitor_who_declines_is_not_signed_in() {
    let site = Site::in_memory(ResponseMode::Query).await;
    let mut browser = site.browser();
    let mut callback = browser.sign_in_until_callback("/sign-in").await;
    let (_, state) = callback.address.query_pairs().find(|(name, _)| name == "state").unwrap();
    let answer = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("error", "access_denied"), ("state", &state)])
        .finish();
    callback.address.set_query(Some(&answer));
    refused(&site, &mut browser, callback).await;
}
