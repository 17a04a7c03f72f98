//! Validation of the registered claims of a JWT (RFC 7519 §4.1, RFC 8725 §3.8 to §3.12).

use cloakroom::Timestamp;
use serde_json::{Map, Value};

use super::JwtError;
use super::header::Header;

/// The largest whole number that every JSON parser reads exactly.
const MAX_DATE: u64 = 1 << 53;

/// The requirements for tokens of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Validation {
    pub(crate) typ: Typ,
    pub(crate) issuer: String,
    pub(crate) audience: String,
    /// In seconds, as `max_lifetime`.
    pub(crate) leeway: u64,
    pub(crate) max_lifetime: u64,
}

/// The required `typ` of the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Typ {
    Exactly(String),
    /// No `typ`, because some issuers leave it out.
    Missing,
}

/// The validity of a token, in seconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) issued: u64,
    starts: u64,
    pub(crate) expires: u64,
}

impl Validation {
    pub(super) fn admit(&self, header: &Header) -> Result<(), JwtError> {
        let expected = match &self.typ {
            Typ::Exactly(typ) => header.typ.as_deref() == Some(typ),
            Typ::Missing => header.typ.is_none(),
        };
        if expected { Ok(()) } else { Err(JwtError::Type) }
    }

    pub(super) fn check(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<Validity, JwtError> {
        if claims.get("iss").and_then(Value::as_str) != Some(&self.issuer) {
            return Err(JwtError::Issuer);
        }
        if !self.is_addressed(claims.get("aud")) {
            return Err(JwtError::Audience);
        }
        let life = self.life(claims)?;
        let now = now.as_millis() / 1000;
        if now.saturating_add(self.leeway) < life.starts.max(life.issued) {
            return Err(JwtError::NotYetValid);
        }
        if now >= life.expires.saturating_add(self.leeway) {
            return Err(JwtError::Expired);
        }
        Ok(life)
    }

    /// Accepts one audience, or a list that contains it.
    fn is_addressed(&self, audience: Option<&Value>) -> bool {
        match audience {
            Some(Value::String(one)) => *one == self.audience,
            Some(Value::Array(several)) => {
                several.iter().all(Value::is_string) && several.iter().any(|one| *one == *self.audience)
            }
            _ => false,
        }
    }

    fn life(&self, claims: &Map<String, Value>) -> Result<Validity, JwtError> {
        let issued = date(claims, "iat")?.ok_or(JwtError::Dates)?;
        let expires = date(claims, "exp")?.ok_or(JwtError::Dates)?;
        let starts = date(claims, "nbf")?.unwrap_or(issued);
        if expires <= issued || expires <= starts {
            return Err(JwtError::Dates);
        }
        if expires - issued > self.max_lifetime {
            return Err(JwtError::TooLongLived);
        }
        Ok(Validity { issued, starts, expires })
    }
}

/// A date, if it is present. A value of the wrong type is an error, not an absent date
/// (CVE-2026-25537).
fn date(claims: &Map<String, Value>, name: &str) -> Result<Option<u64>, JwtError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    match value.as_u64() {
        Some(seconds) if seconds <= MAX_DATE => Ok(Some(seconds)),
        _ => Err(JwtError::Dates),
    }
}
