use std::time::Duration;

use super::builders::{ABSOLUTE, IDLE, at, bulk, fingerprint, key, logged_in, secret, session, verifier};
use crate::cache::snapshot::{LoginState, SecretMatch, Snapshot};
use crate::sync::Arc;
use crate::time::Timestamp;
use crate::token::Fingerprint;
use crate::token::PreviousSecret;

/// A session with current secret 1, renewed from secret 2, which works until second 10.
fn renewed() -> Snapshot {
    let previous = Some((PreviousSecret::renewed(verifier(2), at(10)), fingerprint(2)));
    Snapshot { login_state: Some(Arc::new(LoginState { previous, ..LoginState::default() })), ..session([]) }
}

/// A snapshot as read from a store: no secret was presented to this process yet.
fn unseen(mut snapshot: Snapshot) -> Snapshot {
    snapshot.fingerprint = Fingerprint::UNKNOWN;
    if let Some(login_state) = &snapshot.login_state {
        let previous = login_state.previous.map(|(previous, _)| (previous, Fingerprint::UNKNOWN));
        snapshot.login_state = Some(Arc::new(LoginState { previous, ..LoginState::clone(login_state) }));
    }
    snapshot
}

/// Calls `admits` as a node does that has seen nothing later than its own clock.
fn admits(snapshot: &Snapshot, fingerprint: Fingerprint, now: Timestamp) -> bool {
    snapshot.admits(fingerprint, now, || now)
}

/// A session with current secret 1, whose secret 2 a login replaced at second 10.
fn replaced() -> Snapshot {
    let previous = Some((PreviousSecret::replaced(verifier(2), at(10)), fingerprint(2)));
    Snapshot { login_state: Some(Arc::new(LoginState { previous, ..LoginState::default() })), ..session([]) }
}

#[test]
fn a_secret_that_a_login_replaced_opens_nothing_for_a_clock_that_lags() {
    for now in [at(0), at(9), at(10), at(500)] {
        for snapshot in [replaced(), unseen(replaced())] {
            assert!(!admits(&snapshot, fingerprint(2), now), "{now:?}");
            assert_eq!(snapshot.match_secret(fingerprint(2), || verifier(2), now), SecretMatch::Reused, "{now:?}");
            assert!(!snapshot.is_verified_by(verifier(2), now), "{now:?}");
        }
    }
}

#[test]
fn a_grace_ends_by_the_latest_instant_that_is_known() {
    let snapshot = renewed();
    assert!(snapshot.admits(fingerprint(2), at(5), || at(9)));
    assert!(!snapshot.admits(fingerprint(2), at(5), || at(10)));
    assert!(snapshot.admits(fingerprint(1), at(5), || unreachable!("not needed for the current secret")));
}

#[test]
fn the_earlier_of_the_two_lifetimes_counts() {
    let snapshot = session([]);
    assert_eq!(snapshot.lifetimes.deadline(at(0)), at(IDLE));
    assert_eq!(snapshot.lifetimes.deadline(at(ABSOLUTE - 1)), at(ABSOLUTE));
    assert_eq!(snapshot.lifetimes.deadline(Timestamp::MAX), at(ABSOLUTE));
}

#[test]
fn only_the_secrets_of_a_session_open_it() {
    let snapshot = renewed();
    assert!(admits(&snapshot, fingerprint(1), at(5)));
    assert!(admits(&snapshot, fingerprint(2), at(5)));
    assert!(!admits(&snapshot, fingerprint(3), at(5)));
    assert!(!admits(&snapshot, Fingerprint::UNKNOWN, at(5)));
}

#[test]
fn a_replaced_secret_dies_when_its_grace_is_over() {
    let snapshot = renewed();
    let last_moment = Timestamp::from_millis(at(10).as_millis() - 1);
    assert!(admits(&snapshot, fingerprint(2), last_moment));
    assert!(!admits(&snapshot, fingerprint(2), at(10)));
    assert!(admits(&snapshot, fingerprint(1), at(10)));
}

#[test]
fn a_session_from_the_future_is_refused() {
    let created_at = at(1000);
    let snapshot = Snapshot { lifetimes: session([]).lifetimes.with_created_at(created_at), ..session([]) };
    let minute_before = Timestamp::from_millis(created_at.as_millis() - 60_000);
    assert!(admits(&snapshot, fingerprint(1), minute_before));
    assert!(!admits(&snapshot, fingerprint(1), Timestamp::from_millis(minute_before.as_millis() - 1)));
}

#[test]
fn a_secret_proves_the_same_whether_it_was_seen_before_or_not() {
    for snapshot in [renewed(), unseen(renewed())] {
        let prove = |number, now| snapshot.match_secret(fingerprint(number), || verifier(number), now);
        assert_eq!(prove(1, at(5)), SecretMatch::Current);
        assert_eq!(prove(1, at(500)), SecretMatch::Current);
        assert_eq!(prove(2, at(9)), SecretMatch::Grace);
        assert_eq!(prove(2, at(10)), SecretMatch::Reused);
        assert_eq!(prove(3, at(5)), SecretMatch::Wrong);
    }
    assert_eq!(session([]).match_secret(fingerprint(2), || verifier(2), at(5)), SecretMatch::Wrong);
}

#[test]
fn a_secret_that_proved_itself_is_known_from_then_on() {
    for (number, proof) in [(1, SecretMatch::Current), (2, SecretMatch::Grace)] {
        let mut snapshot = unseen(renewed());
        assert!(!admits(&snapshot, fingerprint(number), at(5)));
        snapshot.remember_fingerprint(proof, fingerprint(number));
        assert!(admits(&snapshot, fingerprint(number), at(5)), "{proof:?}");
        assert!(!admits(&snapshot, fingerprint(3 - number), at(5)), "the other secret was not presented yet");
    }
}

#[test]
fn a_secret_that_proved_nothing_is_not_remembered() {
    for proof in [SecretMatch::Reused, SecretMatch::Wrong] {
        let mut snapshot = unseen(renewed());
        snapshot.remember_fingerprint(proof, fingerprint(3));
        assert!(!admits(&snapshot, fingerprint(3), at(5)), "{proof:?}");
    }
}

#[test]
fn a_session_weighs_its_overhead_and_its_values() {
    assert_eq!(session([]).weight(), 256);
    assert_eq!(session([bulk(1000)]).weight(), 256 + 96 + 1000);
    assert_eq!(logged_in([]).weight(), 256 + 156);
}

#[test]
fn who_is_logged_in_is_not_anonymous() {
    assert!(session([]).is_anonymous());
    assert!(renewed().is_anonymous());
    assert!(!logged_in([]).is_anonymous());
    assert_eq!(logged_in([]).principal().map(|principal| principal.as_str().to_owned()), Some("user".to_owned()));
}

#[test]
fn fingerprints_of_one_secret_differ_between_processes() {
    #[derive(Debug)]
    struct Other;
    impl crate::random::RandomSource for Other {
        fn fill(&self, buffer: &mut [u8]) -> Result<(), crate::random::RandomError> {
            buffer.fill(8);
            Ok(())
        }
    }
    let other = crate::token::FingerprintKey::generate(&Other).expect("the random source never fails");
    assert_eq!(key().fingerprint(&secret(1)), key().fingerprint(&secret(1)));
    assert_ne!(key().fingerprint(&secret(1)), key().fingerprint(&secret(2)));
    assert_ne!(key().fingerprint(&secret(1)), other.fingerprint(&secret(1)));
}

#[test]
fn what_is_printed_of_a_session_has_no_secret_in_it() {
    let printed = format!("{:?} {:?} {:?}", renewed(), key(), Duration::ZERO);
    let bytes = format!("{:?}", secret(1).as_bytes());
    assert!(!printed.contains(&bytes));
    assert!(printed.contains("Fingerprint(..)") && printed.contains("Verifier(..)"), "{printed}");
}
