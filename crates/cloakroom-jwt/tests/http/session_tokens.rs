//! R42 to R48: the tokens of a layer as signed JWTs, in memory and over two nodes.

use std::time::Duration;

use axum::Router;
use cloakroom::{Clock, CookieConfig, OsRandom, SessionLayer, Sessions, Stats, Timestamp, TokenHeader, Transport};
use cloakroom_jwt::{JwtCodec, JwtKey, JwtKeys};
use http::StatusCode;

use crate::corpus::{APP, Expected, Mint, SELF, cases, ed25519_pem, hmac_secret, p256_pem};
use crate::support::{BearerClient, Browser, Deployment, Node, Recording, minutes, routes, secs};

fn active() -> JwtKey {
    JwtKey::ed25519("active", &ed25519_pem("active")).unwrap()
}

fn next() -> JwtKey {
    JwtKey::es256("next", &p256_pem("next")).unwrap()
}

fn shared() -> JwtKey {
    JwtKey::hs256("shared", hmac_secret("shared")).unwrap()
}

/// The keys that the corpus assumes.
fn keys() -> JwtKeys {
    JwtKeys::new(active()).next(next()).unwrap().next(shared()).unwrap().revoked("gone").unwrap()
}

fn format(keys: JwtKeys) -> JwtCodec {
    JwtCodec::builder(APP, keys).issuer(SELF).audience(SELF).build().unwrap()
}

fn bearer(format: &JwtCodec) -> Transport {
    Transport::bearer(TokenHeader::default()).codec(format.clone()).unwrap()
}

fn node(deployment: &Deployment, format: &JwtCodec) -> Node {
    Node::with_transport(deployment.builder(), bearer(format))
}

fn now(deployment: &Deployment) -> u64 {
    deployment.clock.now().as_millis() / 1000
}

fn claims(token: &str) -> serde_json::Value {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// The counter of rejected tokens that a request increased.
fn counter_moved(before: &Stats, after: &Stats) -> &'static str {
    let changes = [
        (after.tokens_malformed - before.tokens_malformed, "malformed"),
        (after.tokens_forged - before.tokens_forged, "forged"),
        (after.tokens_unknown_key - before.tokens_unknown_key, "of an unknown key"),
        (after.tokens_out_of_time - before.tokens_out_of_time, "out of time"),
        (after.tokens_unknown - before.tokens_unknown, "unknown"),
    ];
    assert!(changes.iter().map(|(times, _)| times).sum::<u64>() <= 1, "{changes:?}");
    changes.iter().find(|(times, _)| *times == 1).map_or("not at all", |(_, kind)| kind)
}

const fn expected_counter(expected: Expected) -> &'static str {
    match expected {
        Expected::Live => "not at all",
        Expected::UnknownKey | Expected::RevokedKey => "of an unknown key",
        Expected::NotYetValid | Expected::Expired => "out of time",
        Expected::Algorithm | Expected::Signature | Expected::Type | Expected::Issuer | Expected::Audience => "forged",
        _ => "malformed",
    }
}

#[tokio::test]
async fn r42_to_r47_a_corpus_of_hostile_jwts_opens_no_session_and_costs_no_lookup() {
    for deployment in Deployment::both() {
        let node = node(&deployment, &format(keys()));
        let mut owner = BearerClient::new(&node.app);
        owner.post("/login/victim").await.ok();
        owner.post("/note/secret").await.ok();
        let session = claims(owner.token.as_deref().unwrap())["session"].as_str().unwrap().to_owned();
        let cases = cases(&Mint { now: now(&deployment), longest: 3600, session });
        assert!(cases.len() >= 200, "{}", cases.len());
        let mut wrong = Vec::new();
        for case in cases {
            let Ok(token) = String::from_utf8(case.token) else { continue };
            if token.starts_with(' ') {
                continue; // As a header, this is an additional space after the scheme, which is allowed.
            }
            let before = node.sessions.stats();
            let reply = BearerClient::holding(&node.app, token).get("/note").await;
            let after = node.sessions.stats();
            let is_live = case.expected == Expected::Live;
            let status = if is_live { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
            let outcome = (reply.status, counter_moved(&before, &after));
            if outcome != (status, expected_counter(case.expected))
                || (!is_live && after.store_loads > before.store_loads)
            {
                wrong.push((case.why, reply.body, counter_moved(&before, &after), case.expected));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert_eq!(owner.get("/whoami").await.ok().body, "victim");
    }
}

#[tokio::test]
async fn jwts_work_from_the_first_write_to_the_logout() {
    for deployment in Deployment::both() {
        let format = format(keys());
        let first = node(&deployment, &format);
        let second = if deployment.store.is_some() { node(&deployment, &format) } else { first.clone() };
        let mut client = BearerClient::new(&first.app);
        let created = client.post("/note/mine").await.ok();
        assert_eq!(created.header("session-token-expires-in"), ["3600"], "the lifetime of the JWT, not of the session");
        assert_eq!(created.header("cache-control"), ["no-store"]);
        let anonymous = client.clone();
        client.post("/login/alice").await.ok();
        let mut client = client.at(&second.app);
        assert_eq!(client.get("/whoami").await.ok().body, "alice");
        anonymous.at(&second.app).get("/note").await.invalid_token();
        client.post("/do/renew").await.ok();
        let old_token = client.clone();
        assert_eq!(client.post("/do/destroy").await.ok().token(), Some("!ended"));
        for node in [&first, &second] {
            // Its `exp` is an hour ahead.
            old_token.at(&node.app).get("/whoami").await.invalid_token();
        }
    }
}

#[tokio::test]
async fn a_jwt_works_in_a_cookie() {
    for deployment in Deployment::both() {
        let transport = Transport::cookie(CookieConfig::default()).codec(format(keys())).unwrap();
        let node = Node::with_transport(deployment.builder(), transport);
        let mut tab = Browser::new(&node.app);
        tab.post("/login/alice").await.ok();
        assert_eq!(tab.get("/whoami").await.ok().body, "alice");
        assert_eq!(tab.cookie.as_deref().unwrap().split('.').count(), 3);
        tab.post("/do/destroy").await.ok();
        assert_eq!(tab.cookie, None);
    }
}

#[tokio::test]
async fn r28_a_jwt_that_could_make_the_cookie_too_long_is_refused_when_it_is_configured() {
    let long = "x".repeat(255);
    let large = JwtCodec::builder(APP, keys()).issuer(&long).audience(&long).with_subject().build().unwrap();
    let cookie = |length: usize| CookieConfig::builder().name("n".repeat(length)).build().unwrap();
    let error = Transport::cookie(cookie(3000)).codec(large.clone()).unwrap_err();
    assert_eq!(error.setting(), "cookie.name");
    assert!(Transport::either(cookie(3000), TokenHeader::default()).codec(large.clone()).is_err());
    assert!(Transport::bearer(TokenHeader::default()).codec(large.clone()).is_ok());
    assert!(Transport::cookie(CookieConfig::default()).codec(large).is_ok());
}

#[tokio::test]
async fn r46_whatever_ends_a_session_ends_its_jwt_at_once_in_all_its_spellings() {
    for deployment in Deployment::both() {
        let format = format(JwtKeys::new(next()));
        let [first, second] = [node(&deployment, &format), node(&deployment, &format)];
        let second = if deployment.store.is_some() { second } else { first.clone() };
        for ending in ["logout", "revocation", "login", "idle", "absolute"] {
            let mut client = BearerClient::new(&first.app);
            client.post("/login/alice").await.ok();
            let token = client.token.clone().unwrap();
            assert_eq!(client.at(&second.app).get("/whoami").await.ok().body, "alice", "{ending}");
            match ending {
                "logout" => drop(client.post("/do/destroy").await.ok()),
                "revocation" => drop(second.sessions.of("alice").revoke_all().await.unwrap()),
                "login" => drop(client.post("/login/alice").await.ok()),
                // With a store, another node may have used the session and may report it up to a
                // tenth of the timeout later.
                "idle" => deployment.clock.advance(minutes(34)),
                _ => deployment.clock.advance(secs(24 * 3600)),
            }
            for variant in variants(&token) {
                for node in [&first, &second] {
                    let reply = BearerClient::holding(&node.app, variant.clone()).get("/whoami").await;
                    assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{ending}: {variant}");
                }
            }
            first.sessions.of("alice").revoke_all().await.unwrap();
        }
    }
}

/// Variants of an ES256 token that anybody can make, and that some verifier accepts as the same
/// token.
fn variants(token: &str) -> Vec<String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
        0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let (message, signature) = token.rsplit_once('.').unwrap();
    let mut other = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut borrow = 0;
    for index in (0..32).rev() {
        let value = i32::from(ORDER[index]) - i32::from(other[32 + index]) - borrow;
        borrow = i32::from(value < 0);
        other[32 + index] = value.rem_euclid(256) as u8;
    }
    let malleated = format!("{message}.{}", URL_SAFE_NO_PAD.encode(other));
    vec![
        token.to_owned(),
        malleated,
        format!("{token}="),
        format!("{token}=="),
        format!("{token} "),
        format!("{token}."),
    ]
}

#[tokio::test]
async fn r46_a_malleated_jwt_opens_nothing_while_the_session_lives_either() {
    for deployment in Deployment::both() {
        let node = node(&deployment, &format(JwtKeys::new(next())));
        let mut client = BearerClient::new(&node.app);
        client.post("/login/alice").await.ok();
        client.get("/note").await.ok();
        let variants = variants(client.token.as_deref().unwrap());
        for (index, variant) in variants.into_iter().enumerate() {
            let reply = BearerClient::holding(&node.app, variant).get("/whoami").await;
            let expected = if index == 0 { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
            assert_eq!(reply.status, expected, "variant {index}");
        }
    }
}

#[tokio::test]
async fn r46_while_the_shared_tier_is_away_no_jwt_is_good_by_its_signature_alone() {
    let deployment = Deployment::shared();
    let format = format(keys());
    let mut client = BearerClient::new(&node(&deployment, &format).app);
    client.post("/login/alice").await.ok();
    let (store, cold) = deployment.faulty_node();
    store.fail_all(cloakroom::store::StoreErrorKind::Unavailable);
    let app = routes().layer(SessionLayer::new(cold.sessions).transport(bearer(&format)));
    assert_eq!(client.at(&app).get("/whoami").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn r44_a_jwt_is_given_again_at_half_of_its_life_and_only_where_the_session_is_used() {
    for deployment in Deployment::both() {
        let node = node(&deployment, &format(keys()));
        let mut client = BearerClient::new(&node.app);
        client.post("/login/alice").await.ok();
        client.get("/note").await.ok();
        let first = client.token.clone().unwrap();
        deployment.clock.advance(minutes(29));
        assert_eq!(client.get("/whoami").await.ok().token(), None);
        node.sessions.run_pending_tasks().await;
        deployment.clock.advance(minutes(1));
        assert_eq!(
            client.get("/untouched").await.ok().token(),
            None,
            "an unused session changes no response, which may be cached"
        );
        assert!(client.get("/whoami").await.ok().token().is_some());
        let second = client.token.clone().unwrap();
        let (one, other) = (claims(&first), claims(&second));
        assert_eq!(bare_token_of(&one), bare_token_of(&other), "the session and its secret are the same");
        assert_eq!(other["exp"].as_u64().unwrap() - one["exp"].as_u64().unwrap(), 30 * 60);
        assert_ne!(one["jti"], other["jti"]);
        assert_eq!(one["sid"], other["sid"]);
        // The first token stays valid until it expires, for requests in flight.
        assert_eq!(BearerClient::holding(&node.app, first.clone()).get("/whoami").await.ok().body, "alice");
        node.sessions.run_pending_tasks().await;
        deployment.clock.advance(minutes(29));
        client.get("/whoami").await.ok();
        node.sessions.run_pending_tasks().await;
        deployment.clock.advance(secs(90));
        BearerClient::holding(&node.app, first).get("/whoami").await.invalid_token();
        assert_eq!(node.sessions.stats().tokens_out_of_time, 1);
        assert_eq!(client.get("/whoami").await.ok().body, "alice");
    }
}

fn bare_token_of(claims: &serde_json::Value) -> String {
    crate::support::bare_token(claims["session"].as_str().unwrap()).to_owned()
}

#[tokio::test]
async fn r48_a_signing_key_is_replaced_without_logging_anybody_out_and_revoked_at_once() {
    let deployment = Deployment::shared();
    let formats = [format(JwtKeys::new(active())), format(JwtKeys::new(active()))];
    let nodes = formats.each_ref().map(|format| node(&deployment, format));
    let mut client = BearerClient::new(&nodes[0].app);
    client.post("/login/alice").await.ok();
    let old = client.token.clone().unwrap();
    let steps: [fn() -> JwtKeys; 3] = [
        || JwtKeys::new(active()).next(next()).unwrap(),
        || JwtKeys::new(next()).retired(active(), Timestamp::MAX).unwrap(),
        || JwtKeys::new(next()),
    ];
    for (number, step) in steps.into_iter().enumerate() {
        for (node, format) in formats.iter().enumerate() {
            format.replace_keys(step());
            for asked in [0, 1, 0] {
                client = client.at(&nodes[asked].app);
                assert_eq!(client.get("/whoami").await.ok().body, "alice", "step {number} on node {node}");
            }
        }
    }
    BearerClient::holding(&nodes[0].app, old).get("/whoami").await.invalid_token();
    for format in &formats {
        format.replace_keys(JwtKeys::new(active()).revoked("next").unwrap());
    }
    for node in &nodes {
        client.at(&node.app).get("/whoami").await.invalid_token();
        assert!(node.sessions.stats().tokens_unknown_key > 0);
    }
}

#[tokio::test]
async fn r45_who_is_logged_in_is_said_only_if_it_is_asked_for() {
    let deployment = Deployment::local();
    let with_subject = JwtCodec::builder(APP, keys()).issuer(SELF).audience(SELF).with_subject().build().unwrap();
    for (format, subject) in [(format(keys()), None), (with_subject, Some("alice"))] {
        let mut client = BearerClient::new(&node(&deployment, &format).app);
        client.post("/note/mine").await.ok();
        assert!(claims(client.token.as_deref().unwrap()).get("sub").is_none(), "an anonymous session has no subject");
        client.post("/login/alice").await.ok();
        assert_eq!(claims(client.token.as_deref().unwrap()).get("sub").and_then(|sub| sub.as_str()), subject);
    }
}

#[tokio::test]
async fn r41_jwts_and_other_tokens_do_not_stand_in_for_each_other() {
    for deployment in Deployment::both() {
        let sessions: Sessions = deployment.builder().build().unwrap();
        let layer = |transport| -> Router { routes().layer(SessionLayer::new(sessions.clone()).transport(transport)) };
        let plain = layer(Transport::bearer(TokenHeader::default()));
        let signed = layer(bearer(&format(keys())));
        let mut plain_client = BearerClient::new(&plain);
        plain_client.post("/login/plain").await.ok();
        plain_client.at(&signed).get("/whoami").await.invalid_token();
        let mut jwt_client = BearerClient::new(&signed);
        jwt_client.post("/login/jwt").await.ok();
        jwt_client.at(&plain).get("/whoami").await.invalid_token();
        assert_eq!(sessions.stats().tokens_malformed, 2);
    }
}

#[tokio::test]
async fn other_services_verify_jwts_with_only_the_published_jwks() {
    use cloakroom_jwt::{AccessTokenVerifier, JwkSet};
    let deployment = Deployment::local();
    let format = format(keys());
    let mut client = BearerClient::new(&node(&deployment, &format).app);
    client.post("/login/alice").await.ok();
    let verifier = AccessTokenVerifier::builder(SELF, SELF)
        .token_type("shop-session+jwt")
        .clock(deployment.clock.clone())
        .build(JwkSet::from_jwks(&format.jwks()).unwrap())
        .unwrap();
    let token = client.token.unwrap();
    let verified = verifier.verify::<serde_json::Value>(&token).unwrap();
    assert_eq!(verified.claims["iss"], SELF);
    deployment.clock.advance(Duration::from_secs(3630));
    assert!(verifier.verify::<serde_json::Value>(&token).is_err());
}

#[tokio::test]
async fn a_signing_key_can_be_generated_at_startup() {
    let deployment = Deployment::local();
    let format = format(JwtKeys::new(JwtKey::generate("own", &Recording(OsRandom)).unwrap()));
    let mut client = BearerClient::new(&node(&deployment, &format).app);
    client.post("/login/alice").await.ok();
    assert_eq!(client.get("/whoami").await.ok().body, "alice");
}
