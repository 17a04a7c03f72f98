use std::borrow::Cow;
use std::time::Duration;

use super::builders::{Shape, at, fingerprint, logged_in, session, shapes, text, verifier};
use crate::cache::change::{Change, ChangeError, LoginChange, SecretRotation, ValueEdit};
use crate::cache::packed::Packed;
use crate::cache::snapshot::{SecretMatch, Snapshot};
use crate::cache::value::{ValueEntry, ValueKey, ValueState};
use crate::cache::values::Values;
use crate::lifetimes::Lifetimes;
use crate::sync::Arc;
use crate::time::Timestamp;
use crate::token::{Authentication, Guard, PreviousSecretState, Principal};

fn change(edits: &[ValueEdit]) -> Change<'_> {
    Change { guard: Guard::Anyone, edits, rotation: None, lifetimes: None, base: None, now: at(0), step: 1 }
}

fn put(key: &'static str, expect: Option<u64>, value: &str) -> ValueEdit {
    let slot = ValueState::Encoded(Arc::from(value.as_bytes()));
    let size = value.len() as u32;
    ValueEdit { key: ValueKey::Static(key), expect, state: slot, fresh_until: Timestamp::MAX, size, encoded: None }
}

fn removed(key: &'static str, version: u64) -> ValueEntry {
    ValueEntry::new(ValueKey::Static(key), version, Timestamp::MAX, 0, ValueState::Removed)
}

/// A session at version 5, with a cart of version 2 and a theme that was removed at version 4.
fn fifth() -> Snapshot {
    Snapshot { version: 5, ..session([text("cart", 2, "[1]"), removed("theme", 4)]) }
}

fn values(snapshot: &Snapshot) -> Vec<Shape> {
    shapes(snapshot.values.entries().expect("a change leaves the values unpacked"))
}

/// A rotation to secret 2. The old secret is dead at once.
fn rotation(login: Option<LoginChange>) -> SecretRotation {
    SecretRotation {
        verifier: verifier(2),
        fingerprint: fingerprint(2),
        previous: PreviousSecretState::Replaced { at: at(0) },
        login,
    }
}

fn login(keep_only: Option<Vec<&'static str>>) -> SecretRotation {
    let authentication = Authentication::new(Principal::new("other"), at(7), None);
    rotation(Some(LoginChange {
        authentication,
        keep_only: keep_only.map(|keys| keys.into_iter().map(Cow::Borrowed).collect()),
        account: None,
    }))
}

#[test]
fn what_is_written_gets_the_new_version_and_the_rest_keeps_its_own() {
    let edits = [put("theme", None, "dark"), put("name", None, "Ada")];
    let next = fifth().apply(&change(&edits)).expect("the edits expect no version");
    assert_eq!(next.version, 6);
    assert_eq!(values(&next), shapes(&[text("cart", 2, "[1]"), text("theme", 6, "dark"), text("name", 6, "Ada")]));
}

#[test]
fn what_is_removed_leaves_its_version_behind_even_where_nothing_was() {
    let edits = [ValueEdit::remove(ValueKey::Static("cart"), None), ValueEdit::remove(ValueKey::Static("never"), None)];
    let next = fifth().apply(&change(&edits)).expect("the edits expect no version");
    assert_eq!(values(&next), shapes(&[removed("cart", 6), removed("theme", 4), removed("never", 6)]));
}

#[test]
fn an_expectation_holds_for_exactly_the_version_that_is_there() {
    for (key, expect, holds) in [
        ("cart", None, true),
        ("cart", Some(2), true),
        ("cart", Some(1), false),
        ("cart", Some(5), false),
        ("cart", Some(0), false),
        ("theme", Some(4), true),
        // The theme was removed, so it had a version.
        ("theme", Some(0), false),
        ("name", Some(0), true),
        ("name", Some(1), false),
    ] {
        let outcome = fifth().apply(&change(&[put(key, expect, "x")]));
        assert_eq!(outcome.err(), (!holds).then_some(ChangeError::Conflict), "{key} {expect:?}");
    }
}

#[test]
fn one_expectation_that_fails_undoes_all_edits() {
    let edits = [put("cart", Some(2), "x"), put("name", Some(3), "x")];
    assert_eq!(fifth().apply(&change(&edits)).err(), Some(ChangeError::Conflict));
}

#[test]
fn packed_values_are_changed_as_if_they_were_not_packed() {
    let plain = fifth();
    let packed = Packed::pack(plain.values.entries().expect("not packed")).expect("can be packed");
    let packed = Snapshot { values: Values::Packed(packed), ..plain.clone() };
    for edit in [put("cart", Some(2), "x"), put("theme", Some(4), "x"), put("name", Some(0), "x")] {
        let edits = [edit];
        let expected = plain.apply(&change(&edits)).expect("the expectation holds");
        assert_eq!(values(&packed.apply(&change(&edits)).expect("the expectation holds")), values(&expected));
    }
    assert_eq!(packed.apply(&change(&[put("cart", Some(1), "x")])).err(), Some(ChangeError::Conflict));
}

/// A session whose secret 1 was renewed to secret 2, and works until second 10.
fn renewed() -> Snapshot {
    let rotation = SecretRotation { previous: PreviousSecretState::Renewed { until: at(10) }, ..rotation(None) };
    fifth().apply(&Change { rotation: Some(&rotation), ..change(&[]) }).expect("the guard admits anyone")
}

#[test]
fn a_guard_admits_whom_it_should() {
    for (guard, now, admits) in [
        (Guard::Anyone, at(500), true),
        (Guard::Holder(fingerprint(2)), at(500), true),
        (Guard::Holder(fingerprint(1)), at(9), true),
        (Guard::Holder(fingerprint(1)), at(10), false),
        (Guard::Holder(fingerprint(3)), at(0), false),
        (Guard::Current(fingerprint(2)), at(500), true),
        (Guard::Current(fingerprint(1)), at(9), false),
        (Guard::Current(fingerprint(3)), at(0), false),
    ] {
        let outcome = renewed().apply(&Change { guard, now, ..change(&[]) });
        assert_eq!(outcome.err(), (!admits).then_some(ChangeError::Superseded), "{guard:?}");
    }
}

#[test]
fn who_may_not_write_is_not_told_of_conflicts() {
    let edits = [put("cart", Some(1), "x")];
    let stranger = Change { guard: Guard::Holder(fingerprint(3)), ..change(&edits) };
    assert_eq!(fifth().apply(&stranger).err(), Some(ChangeError::Superseded));
}

#[test]
fn a_renewal_changes_the_secret_and_nothing_else() {
    let former = Snapshot { version: 5, ..logged_in([text("cart", 2, "[1]")]) };
    let next =
        former.apply(&Change { rotation: Some(&rotation(None)), ..change(&[]) }).expect("the guard admits anyone");
    assert_eq!(next.principal(), former.principal());
    assert_eq!(values(&next), values(&former));
    assert_eq!(next.lifetimes, former.lifetimes);
    assert_eq!(next.match_secret(fingerprint(2), || verifier(2), at(0)), SecretMatch::Current);
    assert_eq!(next.match_secret(fingerprint(1), || verifier(1), at(0)), SecretMatch::Reused);
}

#[test]
fn of_two_renewals_only_the_last_secret_is_remembered() {
    let third = SecretRotation { verifier: verifier(3), fingerprint: fingerprint(3), ..rotation(None) };
    let next = renewed().apply(&Change { rotation: Some(&third), ..change(&[]) }).expect("the guard admits anyone");
    assert_eq!(next.match_secret(fingerprint(2), || verifier(2), at(0)), SecretMatch::Reused);
    assert_eq!(next.match_secret(fingerprint(1), || verifier(1), at(0)), SecretMatch::Wrong);
}

#[test]
fn a_login_replaces_who_is_logged_in_and_keeps_what_is_named() {
    let former =
        Snapshot { version: 5, ..logged_in([text("cart", 2, "[1]"), text("name", 3, "x"), removed("theme", 4)]) };
    let kept = |keep| {
        let next =
            former.apply(&Change { rotation: Some(&login(keep)), ..change(&[]) }).expect("the guard admits anyone");
        assert_eq!(next.authentication().map(|authentication| authentication.at), Some(at(7)));
        assert_eq!(next.principal().map(|principal| principal.as_str().to_owned()), Some("other".to_owned()));
        values(&next)
    };
    assert_eq!(kept(None), values(&former));
    assert_eq!(kept(Some(vec!["cart"])), shapes(&[text("cart", 2, "[1]"), removed("name", 6), removed("theme", 4)]));
    assert_eq!(kept(Some(vec![])), shapes(&[removed("cart", 6), removed("name", 6), removed("theme", 4)]));
}

#[test]
fn what_a_login_writes_is_not_what_it_clears_away() {
    let edits = [put("cart", None, "[2]")];
    let next = fifth()
        .apply(&Change { rotation: Some(&login(Some(vec![]))), ..change(&edits) })
        .expect("the guard admits anyone");
    assert_eq!(values(&next)[0], shapes(&[text("cart", 6, "[2]")])[0]);
}

#[test]
fn a_term_changes_the_lifetimes_and_not_the_login() {
    let former = logged_in([]);
    let lifetimes = Lifetimes::new(at(1), Duration::from_secs(1), at(2)).with_persistent(true);
    let next = former.apply(&Change { lifetimes: Some(lifetimes), ..change(&[]) }).expect("the guard admits anyone");
    // The time of creation never changes.
    assert_eq!(next.lifetimes, lifetimes.with_created_at(former.lifetimes.created_at()));
    assert_eq!(next.principal(), former.principal());
}

#[test]
fn a_remembered_session_stays_remembered_until_a_term_says_otherwise() {
    let lifetimes = |persistent| Some(Lifetimes::new(at(0), Duration::from_secs(1), at(2)).with_persistent(persistent));
    let remembered =
        session([]).apply(&Change { lifetimes: lifetimes(true), ..change(&[]) }).expect("the guard admits anyone");
    let renewed =
        remembered.apply(&Change { rotation: Some(&rotation(None)), ..change(&[]) }).expect("the guard admits anyone");
    let written = renewed.apply(&change(&[put("cart", None, "x")])).expect("the guard admits anyone");
    assert!(written.lifetimes.is_persistent());
    let forgotten =
        written.apply(&Change { lifetimes: lifetimes(false), ..change(&[]) }).expect("the guard admits anyone");
    assert!(!forgotten.lifetimes.is_persistent());
    assert!(forgotten.previous().is_some(), "new lifetimes do not affect secrets");
}

#[test]
fn a_change_of_all_values_holds_only_for_the_version_that_it_was_made_of() {
    let edits = [put("cart", None, "new")];
    let of = |base| Change { base: Some(base), ..change(&edits) };
    assert_eq!(fifth().apply(&of(4)).unwrap_err(), ChangeError::Conflict);
    assert!(fifth().apply(&of(5)).is_ok());
}
