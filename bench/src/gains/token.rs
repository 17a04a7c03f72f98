//! Authenticating a request: a signed token (JWT, HS256) that is checked every time, against a
//! session in the cache.
//!
//! The token is implemented here, because the library for it brings elliptic curves and RSA for the
//! sake of one HMAC.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cloakroom::Sessions;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::Result;
use crate::args::Options;
use crate::fixtures::{Endpoint, Population, SessionChoice};
use crate::measure::{InProcessClient, Spread, time_together, with_idle_runtime};
use crate::report::{Section, value};
use crate::targets::bare;
use crate::targets::cloakroom::layered;

const NOTE: &str = "In process, one thread. The signature, the algorithm, the issuer and the expiry of a JWT (HS256, \
    four claims) are checked. The session is one of a thousand, its secret is verified and its cart read; the time is \
    that over a request without a session.";

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
const LIFETIME: u64 = 3600;
const ISSUER: &str = "shop.example";

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: i64,
    exp: u64,
    iss: String,
    aud: String,
}

/// Issues tokens and checks them.
#[derive(Clone)]
pub(super) struct Tokens(Hmac<Sha256>);

impl Tokens {
    pub(super) fn new() -> Result<Self> {
        let secret: [u8; 32] = std::array::from_fn(|_| fastrand::u8(..));
        Ok(Self(Hmac::new_from_slice(&secret)?))
    }

    pub(super) fn issue(&self, user: i64) -> Result<String> {
        let (iss, aud) = (ISSUER.to_owned(), "shop.example/api".to_owned());
        let claims = Claims { sub: user, exp: now() + LIFETIME, iss, aud };
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let signed = format!("{}.{}", encode(HEADER.as_bytes()), encode(&serde_json::to_vec(&claims)?));
        let signature = self.0.clone().chain_update(&signed).finalize().into_bytes();
        Ok(format!("{signed}.{}", encode(&signature)))
    }

    /// Returns the user of a valid token.
    pub(super) fn check(&self, token: &str) -> Option<i64> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        self.0.clone().chain_update(signed).verify_slice(&decode(signature)?).ok()?;
        let header: serde_json::Value = serde_json::from_slice(&decode(header)?).ok()?;
        let claims: Claims = serde_json::from_slice(&decode(claims)?).ok()?;
        (header["alg"] == "HS256" && claims.exp > now() && claims.iss == ISSUER).then_some(claims.sub)
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The times of both ways to authenticate a request, in nanoseconds.
pub(super) struct CheckTimes {
    pub(super) token: Spread,
    pub(super) session: Spread,
}

pub(super) fn measure(options: &Options) -> Result<CheckTimes> {
    let (tokens, count) = (Tokens::new()?, options.size(50_000, 500));
    let issued = (1..=1000).map(|user| tokens.issue(user)).collect::<Result<Vec<_>>>()?;
    let time_token = || {
        let began = Instant::now();
        for token in issued.iter().cycle().take(count) {
            black_box(tokens.check(token));
        }
        began.elapsed().as_nanos() as f64 / count as f64
    };
    // The first run of each warms up and is dropped.
    let token = (0..=options.runs()).map(|_| time_token()).collect::<Vec<_>>().split_off(1);
    let session = with_idle_runtime(|_| {
        let population = Population::create(Sessions::in_memory(), 1000, Endpoint::post("/fill"))?;
        let requests = || {
            let cookies = Arc::clone(&population.cookies);
            SessionChoice::Random(1000).requests(Endpoint::get("/cart"), cookies, options.seed, (0, 1))
        };
        let time_session = || -> Result<f64> {
            let bare = time_together(&mut [InProcessClient::new(bare::app(), requests())], count)?;
            let app = layered(&population.sessions);
            Ok(time_together(&mut [InProcessClient::new(app, requests())], count)? - bare)
        };
        (0..=options.runs()).map(|_| time_session()).collect::<Result<Vec<_>>>()
    })?;
    Ok(CheckTimes { token: Spread::of(token), session: Spread::of(session.into_iter().skip(1)) })
}

pub(super) fn section(times: &CheckTimes) -> Section {
    let mut section = Section::new("Authenticating a request", NOTE, ["method", "ns per request"]);
    section.measured_row(&["checking a signed token"], "gains/token", [value("signed", "ns", times.token)]);
    let label = "finding the session and reading from it";
    section.measured_row(&[label], "gains/token", [value("session", "ns", times.session)]);
    section
}

#[cfg(test)]
mod tests {
    use super::Tokens;

    #[test]
    fn a_modified_or_foreign_token_is_invalid() {
        let (tokens, others) = (Tokens::new().unwrap(), Tokens::new().unwrap());
        let token = tokens.issue(7).unwrap();
        assert_eq!((tokens.check(&token), others.check(&token)), (Some(7), None));
        let modified = token.replacen('.', ".e", 1);
        assert_eq!(tokens.check(&modified), None);
    }
}
