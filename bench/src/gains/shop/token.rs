//! A signed token as APIs use it (JWT, HS256).
//!
//! By hand, because the library for it brings elliptic curves and RSA to the bench for the sake of one HMAC.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::Failure;

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
const LIFETIME: u64 = 3600;

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: i64,
    exp: u64,
    iss: String,
    aud: String,
}

/// Issues tokens and checks them.
#[derive(Clone)]
pub(crate) struct Tokens(Hmac<Sha256>);

impl Tokens {
    pub(crate) fn new() -> Result<Self, Failure> {
        let secret: [u8; 32] = std::array::from_fn(|_| fastrand::u8(..));
        Ok(Self(Hmac::new_from_slice(&secret)?))
    }

    pub(crate) fn issue(&self, user: i64) -> Result<String, Failure> {
        let claims = Claims {
            sub: user,
            exp: now() + LIFETIME,
            iss: "shop.example".to_owned(),
            aud: "shop.example/api".to_owned(),
        };
        let signed = format!("{}.{}", text(HEADER.as_bytes()), text(&serde_json::to_vec(&claims)?));
        let signature = self.0.clone().chain_update(&signed).finalize().into_bytes();
        Ok(format!("{signed}.{}", text(&signature)))
    }

    /// Whose token it is, if it is one.
    pub(crate) fn check(&self, token: &str) -> Option<i64> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        self.0.clone().chain_update(signed).verify_slice(&bytes(signature)?).ok()?;
        let header: serde_json::Value = serde_json::from_slice(&bytes(header)?).ok()?;
        let claims: Claims = serde_json::from_slice(&bytes(claims)?).ok()?;
        (header["alg"] == "HS256" && claims.exp > now() && claims.iss == "shop.example").then_some(claims.sub)
    }
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::Tokens;

    #[test]
    fn a_token_that_was_changed_or_signed_by_another_is_nobodys() {
        let (tokens, others) = (Tokens::new().unwrap(), Tokens::new().unwrap());
        let token = tokens.issue(7).unwrap();
        assert_eq!((tokens.check(&token), others.check(&token)), (Some(7), None));
        let changed = token.replacen('.', ".e", 1);
        assert_eq!(tokens.check(&changed), None);
    }
}
