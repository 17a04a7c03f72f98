//! The secrets that the library derives from the recorded ones.
//!
//! Written from the description of the formats; the test
//! `the_scan_derives_the_same_secrets_as_the_library` compares the results with the library.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use sha2::{Digest, Sha256};

/// The carriers of the tests' tokens, each of which has a key of its own.
const CARRIERS: [&str; 4] = ["cookie:__Host-session", "cookie:session", "header:session-token", "header:x-session"];

/// The secret of a session's CSRF tokens: the intermediate hash between its secret and its
/// verifier.
#[must_use]
pub fn csrf_secret(namespace: &str, selector: &[u8; 16], secret: &[u8; 16]) -> [u8; 16] {
    let digest = Sha256::new()
        .chain_update(b"cloakroom/v1/secret")
        .chain_update((namespace.len() as u32).to_be_bytes())
        .chain_update(namespace)
        .chain_update(selector)
        .chain_update(secret);
    head(digest)
}

/// The hash of a session's secret that a store contains.
#[must_use]
pub fn verifier(csrf_secret: &[u8; 16]) -> [u8; 16] {
    head(Sha256::new().chain_update(b"cloakroom/v1/verify").chain_update(csrf_secret))
}

fn head(digest: Sha256) -> [u8; 16] {
    let digest: [u8; 32] = digest.finalize().into();
    std::array::from_fn(|index| digest[index])
}

/// The key that is derived from a key of the ring for one purpose.
///
/// # Panics
/// Never: HKDF rejects only lengths of more than 255 digests.
#[must_use]
pub fn derived_key(key: &[u8], purpose: &str, context: &str) -> [u8; 32] {
    let mut derived = [0; 32];
    let info = [b"cloakroom/v1/", purpose.as_bytes(), b"\0", context.as_bytes()];
    Hkdf::<Sha256>::new(None, key).expand_multi_info(&info, &mut derived).expect("one digest long");
    derived
}

/// All keys that the library derives from a key of the ring, for stores with these namespaces.
pub(crate) fn derived_keys(key: &[u8], namespaces: &[String]) -> Vec<[u8; 32]> {
    let log_ids = [derived_key(key, "log-id", "")];
    let tokens = CARRIERS.iter().map(|carrier| derived_key(key, "token", carrier));
    let seals = namespaces.iter().map(|namespace| derived_key(key, "seal", namespace));
    log_ids.into_iter().chain(tokens).chain(seals).collect()
}

/// Selector and secret of a token in any of its formats: plain, with a MAC, in a JWT.
pub(crate) fn parts_of_token(token: &str) -> Option<([u8; 16], [u8; 16])> {
    if let [_, payload, _] = token.split('.').collect::<Vec<_>>()[..] {
        let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        return parts_of_token(claims.get("session")?.as_str()?);
    }
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?;
    // A token with a MAC begins with the number of its key.
    let identity = if matches!(bytes.len(), 49 | 59) { &bytes[1..] } else { &bytes[..] };
    Some((*identity.first_chunk()?, *identity.get(16..)?.first_chunk()?))
}

/// The signature of a JWT, which is the only part that others cannot compute.
pub(crate) fn signature(token: &str) -> Option<Vec<u8>> {
    let [_, _, signature] = token.split('.').collect::<Vec<_>>()[..] else { return None };
    URL_SAFE_NO_PAD.decode(signature).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SELECTOR: [u8; 16] = [1; 16];
    const SECRET: [u8; 16] = [2; 16];

    #[test]
    fn a_token_is_taken_apart_in_each_of_its_forms() {
        let bare = [SELECTOR, SECRET].concat();
        let plain = URL_SAFE_NO_PAD.encode(&bare);
        let with_mac = URL_SAFE_NO_PAD.encode([&[7][..], &bare, &[9; 16]].concat());
        let with_mac_and_hint = URL_SAFE_NO_PAD.encode([&[7][..], &bare, &[0; 10], &[9; 16]].concat());
        let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"session":"{plain}.AAAAAAAAAQL__g"}}"#));
        let jwt = format!("eyJhbGciOiJFZERTQSJ9.{claims}.{}", URL_SAFE_NO_PAD.encode([8; 64]));
        for token in [plain.clone(), format!("{plain}.AAAAAAAAAQL__g"), with_mac, with_mac_and_hint, jwt.clone()] {
            assert_eq!(parts_of_token(&token), Some((SELECTOR, SECRET)), "{token}");
        }
        assert_eq!(signature(&jwt), Some(vec![8; 64]));
        for text in ["", "!ended", "a.b.c", &plain[..20]] {
            assert_eq!(parts_of_token(text), None, "{text}");
        }
    }
}
