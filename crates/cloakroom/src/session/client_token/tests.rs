use super::*;
use crate::random::OsRandom;
use crate::token::FingerprintKey;
use crate::token::{Secret, Selector};

fn credential(key: &FingerprintKey, secret: u8) -> Credential {
    let secret = Secret::from_bytes([secret; 16]);
    Credential {
        selector: Selector::from_bytes([7; 16]),
        secret,
        fingerprint: key.fingerprint(&secret),
        client_version: None,
        has_opened: false,
        lineage: None,
    }
}

/// Two threads of one request: one looks the session up under the old token, and applies its result
/// after the other one has given the client a new token.
#[test]
fn what_was_found_under_the_old_token_says_nothing_of_the_new_one() {
    let key = FingerprintKey::generate(&OsRandom).unwrap();
    let (old, new) = (credential(&key, 1), credential(&key, 2));
    for found in [|| Lookup::Superseded, || Lookup::RolledBack, || Lookup::Missing] {
        let renewed =
            || ClientToken { status: TokenStatus::Opened, change: TokenChange::Issued, ..ClientToken::default() };
        let mut client_token = ClientToken { credential: Some(new), ..renewed() };
        assert!(client_token.on_passive_access(&old, found()).is_none());
        assert_eq!(
            (client_token.status, client_token.change),
            (TokenStatus::Opened, TokenChange::Issued),
            "{:?}",
            found()
        );
    }
    let mut client_token = ClientToken {
        credential: Some(new),
        status: TokenStatus::Opened,
        change: TokenChange::Issued,
        ..ClientToken::default()
    };
    client_token.on_passive_access(&new, Lookup::Superseded);
    assert_eq!((client_token.status, client_token.change), (TokenStatus::Superseded, TokenChange::None));
}
