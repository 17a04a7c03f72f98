//! Token formats of other crates: what a codec says of a token is counted and answered, and what it makes is checked
//! before it is sent.

use axum::Router;
use axum::routing::get;
use cloakroom::codec::{DecodedToken, IssuedToken, PlainToken, TokenCodec, TokenContents};
use cloakroom::{CookieConfig, Session, SessionLayer, Stats, Timestamp, TokenHeader, Transport};
use http::StatusCode;

use crate::support::{BearerClient, Browser, Deployment, Node, capture};

/// Tokens behind a label that says what they have to come to.
#[derive(Clone, Debug, PartialEq)]
struct Labelled {
    /// The label of new tokens.
    label: String,
    /// What follows a new token, and no token may have.
    rest: &'static str,
}

impl Labelled {
    fn valid() -> Self {
        Self { label: "valid".to_owned(), rest: "" }
    }
}

fn parts(text: &[u8]) -> Option<(&[u8], PlainToken)> {
    let dot = text.iter().position(|byte| *byte == b'.')?;
    Some((&text[..dot], PlainToken::parse(&text[dot + 1..])?))
}

impl TokenCodec for Labelled {
    fn max_len(&self) -> usize {
        self.label.len() + 1 + PlainToken::MAX_LEN
    }

    fn is_well_formed(&self, text: &[u8]) -> bool {
        parts(text).is_some()
    }

    fn decode(&self, text: &[u8], _: Timestamp) -> DecodedToken {
        match parts(text) {
            Some((b"valid", token)) => DecodedToken::Valid(token),
            Some((b"again", token)) => DecodedToken::NeedsReissue(token),
            Some((b"forged", _)) => DecodedToken::Forged,
            Some((b"expired", _)) => DecodedToken::Expired,
            Some((b"unknown-key", _)) => DecodedToken::UnknownKey,
            _ => DecodedToken::Malformed,
        }
    }

    fn encode(&self, contents: &TokenContents) -> Option<IssuedToken> {
        let text = format!("{}.{}{}", self.label, *contents.token.to_text(), self.rest);
        (self.label != "nothing").then(|| IssuedToken::new(text, contents.lifetime))
    }
}

fn bearer(codec: Labelled) -> Transport {
    Transport::bearer(TokenHeader::default()).codec(codec).unwrap()
}

/// How often a token was refused, for each reason.
fn refused(stats: &Stats) -> [u64; 4] {
    [stats.tokens_malformed, stats.tokens_forged, stats.tokens_out_of_time, stats.tokens_unknown_key]
}

#[tokio::test]
async fn what_a_codec_says_of_a_token_is_counted_and_answered() {
    for deployment in Deployment::both() {
        let node = Node::with_transport(deployment.builder(), bearer(Labelled::valid()));
        let mut program = BearerClient::new(&node.app);
        program.post("/login/alice").await.ok();
        let token = program.token.clone().unwrap();
        let plain = token.strip_prefix("valid.").unwrap();
        assert_eq!(program.get("/whoami").await.ok().body, "alice");
        let again = BearerClient::holding(&node.app, format!("again.{plain}")).get("/whoami").await.ok();
        assert_eq!((again.body.as_str(), again.token()), ("alice", Some(token.as_str())));
        let table = [
            ("strange", [1, 0, 0, 0]),
            ("forged", [1, 1, 0, 0]),
            ("expired", [1, 1, 1, 0]),
            ("unknown-key", [1, 1, 1, 1]),
        ];
        for (label, counts) in table {
            BearerClient::holding(&node.app, format!("{label}.{plain}")).get("/whoami").await.invalid_token();
            assert_eq!(refused(&node.sessions.stats()), counts, "{label}");
        }
    }
}

#[tokio::test]
async fn a_text_that_is_no_token_is_not_sent_and_breaks_no_header() {
    let bad = [("valid", ";"), ("valid", "\r\nset-cookie: a=b"), ("valid", "!"), ("valid", " "), ("valid", "\u{e4}")];
    let too_long = ("valid", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    for deployment in Deployment::both() {
        for (label, rest) in bad.into_iter().chain([too_long, ("nothing", "")]) {
            let codec = Labelled { label: label.to_owned(), rest };
            let node = Node::with_transport(deployment.builder(), bearer(codec.clone()));
            let reply = BearerClient::new(&node.app).post("/login/alice").await;
            assert_eq!((reply.status, reply.token()), (StatusCode::OK, None), "{rest:?}");
            let cookie = Transport::cookie(CookieConfig::default()).codec(codec).unwrap();
            let node = Node::with_transport(deployment.builder(), cookie);
            let reply = Browser::new(&node.app).post("/login/alice").await;
            assert_eq!((reply.status, reply.set_cookie()), (StatusCode::OK, None), "{rest:?}");
        }
    }
}

#[tokio::test]
async fn nested_layers_with_equal_codecs_are_alike() {
    let other = Labelled { label: "again".to_owned(), ..Labelled::valid() };
    for (inner, is_alike) in [(Labelled::valid(), true), (other, false)] {
        let deployment = Deployment::local();
        let (log, _guard) = capture();
        let sessions = deployment.builder().build().unwrap();
        let layer = |codec| SessionLayer::new(sessions.clone()).transport(bearer(codec));
        let page = async |_: Session| "a page";
        let app = Router::new().route("/", get(page)).layer(layer(inner)).layer(layer(Labelled::valid()));
        BearerClient::new(&app).get("/").await.ok();
        assert_eq!(log.text().contains("a nested layer has"), !is_alike, "{}", log.text());
    }
}

#[test]
fn r28_a_codec_that_could_make_the_cookie_too_long_is_refused_when_it_is_configured() {
    let wide = Labelled { label: "x".repeat(4000), rest: "" };
    let error = Transport::cookie(CookieConfig::default()).codec(wide.clone()).unwrap_err();
    assert_eq!(error.setting(), "cookie.name");
    assert!(Transport::either(CookieConfig::default(), TokenHeader::default()).codec(wide.clone()).is_err());
    assert!(Transport::bearer(TokenHeader::default()).codec(wide).is_ok());
    assert!(Transport::cookie(CookieConfig::default()).codec(Labelled::valid()).is_ok());
}

#[test]
fn r55_a_plain_token_does_not_show() {
    let token = PlainToken::parse("A".repeat(43).as_bytes()).unwrap();
    let contents = TokenContents::new(token, Timestamp::default(), std::time::Duration::ZERO);
    let shown = format!("{token:?} {contents:?}");
    assert!(!shown.contains("AAAA") && !shown.contains("0, 0"), "{shown}");
    assert_eq!(token.to_text().as_str(), "A".repeat(43));
}
