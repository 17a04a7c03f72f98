//! Tokens by which a session recognises the forms of its own pages.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{SessionError, SessionErrorKind};
use crate::token::CsrfSecret;

use super::Session;

/// The encoded length of 32 bytes.
const LENGTH: usize = 43;

/// A token that proves that a form or a script comes from a page of this session (OWASP:
/// synchronizer token).
///
/// For applications that need more than the check of the request's origin, for example because they
/// share their host with others. Put it into a hidden field or a custom header, never into a URL.
/// It looks different in every response, so compressing it together with attacker-chosen text
/// reveals nothing (BREACH).
///
/// The token becomes invalid at a login, a logout, or the end of the session; after a renewal, at
/// the end of the grace period.
///
/// ```
/// use cloakroom::{Session, SessionError};
///
/// async fn form(session: Session) -> Result<String, SessionError> {
///     let token = session.csrf_token().await?;
///     let token = token.as_ref().map_or("", |token| token.as_str());
///     Ok(format!(r#"<form method="post"><input type="hidden" name="csrf" value="{token}"><button>Pay</button></form>"#))
/// }
///
/// #[derive(serde::Deserialize)]
/// struct Payment { csrf: String }
///
/// async fn pay(session: Session, axum::Form(payment): axum::Form<Payment>) -> Result<&'static str, SessionError> {
///     session.check_csrf(&payment.csrf).await?; // 403 otherwise
///     Ok("paid")
/// }
/// # let _: axum::Router = axum::Router::new().route("/pay", axum::routing::get(form).post(pay));
/// ```
#[derive(Clone)]
pub struct CsrfToken(String);

impl CsrfToken {
    /// Returns the text for the page: 43 characters of `A-Z`, `a-z`, `0-9`, `-` and `_`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn new(csrf_secret: CsrfSecret, mask: [u8; 16]) -> Self {
        let masked = xor(csrf_secret.as_bytes(), &mask);
        Self(URL_SAFE_NO_PAD.encode([mask, masked].as_flattened()))
    }
}

impl fmt::Debug for CsrfToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CsrfToken(..)")
    }
}

/// Decodes the CSRF secret that a token claims to contain.
fn read(presented: &str) -> Option<CsrfSecret> {
    if presented.len() != LENGTH {
        return None;
    }
    let mut bytes = [0; 32];
    let written = URL_SAFE_NO_PAD.decode_slice(presented, &mut bytes).ok()?;
    let ([mask, masked], []) = bytes[..written].as_chunks::<16>() else { return None };
    Some(CsrfSecret::from_bytes(xor(mask, masked)))
}

fn xor(one: &[u8; 16], other: &[u8; 16]) -> [u8; 16] {
    std::array::from_fn(|index| one[index] ^ other[index])
}

impl Session {
    /// Returns a CSRF token for the forms of a page. `None` if there is no session, which a forged
    /// request could not exploit.
    ///
    /// In a request that also replaces the session's token, call this afterwards.
    ///
    /// # Errors
    /// The errors of a shared tier; a failure of the random source.
    pub async fn csrf_token(&self) -> Result<Option<CsrfToken>, SessionError> {
        if self.request.open_to_read().await?.is_none() {
            return Ok(None);
        }
        let Some(credential) = self.request.credential() else { return Ok(None) };
        let engine = self.request.engine();
        let mut mask = [0; 16];
        engine.fill_random(&mut mask)?;
        Ok(Some(CsrfToken::new(engine.csrf_secret(&credential), mask)))
    }

    /// Checks that the request carries a [`CsrfToken`] of its session. Returns an error if not, so
    /// `?` is enough.
    ///
    /// # Errors
    /// [`CsrfRefused`](SessionErrorKind::CsrfRefused), as a response 403, if the token is missing,
    /// malformed, of another session or from before a login, or if there is no session. Also the
    /// errors of a shared tier.
    pub async fn check_csrf(&self, presented: &str) -> Result<(), SessionError> {
        let engine = self.request.engine();
        let accepted = match read(presented) {
            None => false,
            Some(csrf_secret) => self.request.open_or_ended().await?.is_some_and(|open| {
                let (verifier, now) = (csrf_secret.verifier(), open.entry.latest(engine.now()));
                open.snapshot().is_some_and(|snapshot| snapshot.is_verified_by(verifier, now))
            }),
        };
        if accepted {
            return Ok(());
        }
        engine.counters().csrf_refused.count();
        Err(SessionError::new(SessionErrorKind::CsrfRefused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_under_every_mask_and_never_looks_the_same() {
        let csrf_secret = CsrfSecret::from_bytes([0x5a; 16]);
        let tokens: Vec<_> = (0..=255).map(|mask| CsrfToken::new(csrf_secret, [mask; 16])).collect();
        for token in &tokens {
            assert_eq!(token.as_str().len(), LENGTH);
            assert_eq!(read(token.as_str()).unwrap().as_bytes(), csrf_secret.as_bytes());
        }
        let distinct: std::collections::HashSet<_> = tokens.iter().map(CsrfToken::as_str).collect();
        assert_eq!(distinct.len(), 256);
        assert_eq!(format!("{:?}", tokens[7]), "CsrfToken(..)");
    }

    #[test]
    fn r50_what_is_no_token_is_not_read() {
        let good = CsrfToken::new(CsrfSecret::from_bytes([1; 16]), [2; 16]).0;
        let mut other_spelling = good.clone();
        other_spelling.replace_range(42.., if good.ends_with('A') { "B" } else { "_" });
        for bad in ["", &good[1..], &format!("{good}="), &format!(" {}", &good[1..]), &other_spelling, &"é".repeat(43)]
        {
            assert!(read(bad).is_none(), "{bad}");
        }
        assert!(read(&"A".repeat(1 << 20)).is_none());
    }
}
