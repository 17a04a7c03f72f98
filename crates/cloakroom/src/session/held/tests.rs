use super::*;
use crate::cache::FingerprintKey;
use crate::identity::{Secret, Tag};
use crate::random::OsRandom;

fn bearer(key: &FingerprintKey, secret: u8) -> Bearer {
    let secret = Secret::from_bytes([secret; 16]);
    Bearer {
        tag: Tag::from_bytes([7; 16]),
        secret,
        fingerprint: key.fingerprint(&secret),
        seen: None,
        opened: false,
        lineage: None,
    }
}

/// Two threads of one request: one looks the session up under the old token, and notes what it found when the other
/// one has given the client a new token.
#[test]
fn what_was_found_under_the_old_token_says_nothing_of_the_new_one() {
    let key = FingerprintKey::generate(&OsRandom).unwrap();
    let (old, new) = (bearer(&key, 1), bearer(&key, 2));
    for found in [|| Access::Superseded, || Access::RolledBack, || Access::Nothing] {
        let renewed = || Held { standing: Standing::Opened, news: News::NewToken, ..Held::default() };
        let mut held = Held { bearer: Some(new), ..renewed() };
        assert!(held.take_note(&old, found()).is_none());
        assert_eq!((held.standing, held.news), (Standing::Opened, News::NewToken), "{:?}", found());
    }
    let mut held = Held { bearer: Some(new), standing: Standing::Opened, news: News::NewToken, ..Held::default() };
    held.take_note(&new, Access::Superseded);
    assert_eq!((held.standing, held.news), (Standing::Superseded, News::None));
}
