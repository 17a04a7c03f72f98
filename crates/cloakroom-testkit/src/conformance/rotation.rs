//! The secrets that may write, and the effect of a new one.

use std::sync::Arc;

use cloakroom::Timestamp;
use cloakroom::store::{Action, Commit, Edit, Expect, Guard, Payload, Rotation, StoredValue};
use cloakroom::store::{Authentication, PreviousSecret, PreviousSecretState, Selector, Verifier};

use super::checks;
use super::failure::{Outcome, ensure_eq};
use super::fixture::Fixture;
use super::helpers::{after, done, put, remove, same, superseded, text, value, with};

checks! { "rotation":
    anyone_needs_no_secret,
    a_wrong_secret_opens_nothing,
    the_present_secret_may_write,
    a_new_secret_replaces_the_old,
    in_its_grace_the_old_secret_is_a_holder_but_not_current,
    the_grace_ends,
    an_old_secret_can_be_dead_at_once,
    dead_at_once_holds_for_a_clock_that_lags,
    a_grace_ends_by_the_latest_clock,
    what_became_of_the_secret_before_is_not_said_of_the_next,
    without_a_previous_the_old_secret_is_forgotten,
    the_next_rotation_ends_the_grace_of_the_one_before,
    other_commits_leave_the_secrets_alone,
    an_authentication_is_replaced,
    a_renewal_keeps_authentication_and_values,
    keep_only_removes_the_other_values,
    keep_only_leaves_old_removals_alone,
    keep_only_spares_what_the_same_commit_writes,
    keep_only_of_nothing_removes_all,
}

/// A session, its first secret, and a second one that replaced it; the first is in this `state`
/// from then on.
async fn rotated(fixture: &Fixture, state: PreviousSecretState) -> Outcome<(Selector, Verifier, Verifier)> {
    let (selector, record) = fixture.session(&["cart"]).await?;
    let new = fixture.verifier();
    rotate(fixture, selector, 1, Rotation::new(new, Some(PreviousSecret::new(record.verifier, state)))).await?;
    Ok((selector, record.verifier, new))
}

const fn renewed(until: Timestamp) -> PreviousSecretState {
    PreviousSecretState::Renewed { until }
}

fn replaced(fixture: &Fixture) -> PreviousSecretState {
    PreviousSecretState::Replaced { at: fixture.now() }
}

async fn rotate(fixture: &Fixture, selector: Selector, base: u64, rotation: Rotation) -> Outcome {
    let commit = with_fields!(fixture.commit(base), rotation = Some(rotation));
    done(fixture.store.commit(selector, commit).await?).map(drop)
}

/// A change under `guard`, independent of its base.
fn guarded(fixture: &Fixture, guard: Guard) -> Commit {
    with_fields!(with(fixture.commit(0), [put("cart", "mine")]), guard = guard)
}

async fn allowed(fixture: &Fixture, selector: Selector, guard: Guard) -> Outcome {
    done(fixture.store.commit(selector, guarded(fixture, guard)).await?).map(drop)
}

async fn refused(fixture: &Fixture, selector: Selector, guard: Guard) -> Outcome {
    superseded(fixture.store.commit(selector, guarded(fixture, guard)).await?).map(drop)
}

async fn anyone_needs_no_secret(fixture: &Fixture) -> Outcome {
    let (selector, ..) = rotated(fixture, replaced(fixture)).await?;
    allowed(fixture, selector, Guard::Anyone).await
}

async fn a_wrong_secret_opens_nothing(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&["cart"]).await?;
    let mut nearly = *record.verifier.as_bytes();
    nearly[15] ^= 1;
    for wrong in [fixture.verifier(), Verifier::from_bytes([0; 16]), Verifier::from_bytes(nearly)] {
        refused(fixture, selector, Guard::Holder(wrong)).await?;
        refused(fixture, selector, Guard::Current(wrong)).await?;
    }
    Ok(())
}

async fn the_present_secret_may_write(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&["cart"]).await?;
    allowed(fixture, selector, Guard::Holder(record.verifier)).await?;
    allowed(fixture, selector, Guard::Current(record.verifier)).await
}

async fn a_new_secret_replaces_the_old(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&["cart"]).await?;
    fixture.wait(1).await;
    let previous = PreviousSecret::replaced(record.verifier, fixture.now());
    let rotation = Rotation::new(fixture.verifier(), Some(previous));
    let commit =
        with_fields!(fixture.commit(1), rotation = Some(rotation.clone()), guard = Guard::Current(record.verifier));
    let verifier = rotation.verifier;
    let expected = with_fields!(after(record.clone(), &commit), verifier = verifier, previous = Some(previous));
    done(fixture.store.commit(selector, commit).await?)?;
    same(&fixture.load(selector).await?, &expected, "load after the rotation")?;
    allowed(fixture, selector, Guard::Holder(verifier)).await?;
    allowed(fixture, selector, Guard::Current(verifier)).await
}

async fn in_its_grace_the_old_secret_is_a_holder_but_not_current(fixture: &Fixture) -> Outcome {
    let (selector, old, _) = rotated(fixture, renewed(fixture.now().after(fixture.long()))).await?;
    allowed(fixture, selector, Guard::Holder(old)).await?;
    refused(fixture, selector, Guard::Current(old)).await
}

async fn the_grace_ends(fixture: &Fixture) -> Outcome {
    let (selector, old, new) = rotated(fixture, renewed(fixture.now().after(fixture.ticks(4)))).await?;
    fixture.wait(2).await;
    allowed(fixture, selector, Guard::Holder(old)).await?;
    fixture.wait(4).await;
    refused(fixture, selector, Guard::Holder(old)).await?;
    allowed(fixture, selector, Guard::Holder(new)).await
}

async fn an_old_secret_can_be_dead_at_once(fixture: &Fixture) -> Outcome {
    let (selector, old, new) = rotated(fixture, replaced(fixture)).await?;
    refused(fixture, selector, Guard::Holder(old)).await?;
    allowed(fixture, selector, Guard::Holder(new)).await
}

/// The clock of the node that rotates may be ahead of the store, and of the node that still
/// receives the old secret.
async fn dead_at_once_holds_for_a_clock_that_lags(fixture: &Fixture) -> Outcome {
    for ahead in [fixture.ticks(10), fixture.long()] {
        let (selector, record) = fixture.session(&["cart"]).await?;
        let previous = PreviousSecret::replaced(record.verifier, fixture.now().after(ahead));
        rotate(fixture, selector, 1, Rotation::new(fixture.verifier(), Some(previous))).await?;
        ensure_eq!(fixture.load(selector).await?.previous, Some(previous), "the previous secret");
        refused(fixture, selector, Guard::Holder(record.verifier)).await?;
        // A writer whose clock is entirely wrong.
        let long_ago = with_fields!(guarded(fixture, Guard::Holder(record.verifier)), now = Timestamp::from_millis(1));
        superseded(fixture.store.commit(selector, long_ago).await?)?;
    }
    Ok(())
}

/// A writer or a store whose clock lags does not prolong a grace period.
async fn a_grace_ends_by_the_latest_clock(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&["cart"]).await?;
    let ahead = fixture.now().after(fixture.ticks(10));
    let rotation = Rotation::new(fixture.verifier(), Some(PreviousSecret::renewed(record.verifier, ahead)));
    let commit = with_fields!(fixture.commit(1), rotation = Some(rotation), now = ahead);
    done(fixture.store.commit(selector, commit).await?)?;
    refused(fixture, selector, Guard::Holder(record.verifier)).await
}

/// A renewal after a rotation, and the other way round.
async fn what_became_of_the_secret_before_is_not_said_of_the_next(fixture: &Fixture) -> Outcome {
    let until = fixture.now().after(fixture.long());
    let (selector, _, second) = rotated(fixture, replaced(fixture)).await?;
    let third = fixture.verifier();
    rotate(fixture, selector, 2, Rotation::new(third, Some(PreviousSecret::renewed(second, until)))).await?;
    ensure_eq!(
        fixture.load(selector).await?.previous,
        Some(PreviousSecret::renewed(second, until)),
        "the previous secret"
    );
    allowed(fixture, selector, Guard::Holder(second)).await?;
    let previous = PreviousSecret::replaced(third, fixture.now());
    rotate(fixture, selector, 4, Rotation::new(fixture.verifier(), Some(previous))).await?;
    ensure_eq!(fixture.load(selector).await?.previous, Some(previous), "the previous secret");
    refused(fixture, selector, Guard::Holder(third)).await
}

async fn without_a_previous_the_old_secret_is_forgotten(fixture: &Fixture) -> Outcome {
    let (selector, old, new) = rotated(fixture, renewed(fixture.now().after(fixture.long()))).await?;
    rotate(fixture, selector, 2, Rotation::new(fixture.verifier(), None)).await?;
    ensure_eq!(fixture.load(selector).await?.previous, None, "the previous secret");
    refused(fixture, selector, Guard::Holder(old)).await?;
    refused(fixture, selector, Guard::Holder(new)).await
}

async fn the_next_rotation_ends_the_grace_of_the_one_before(fixture: &Fixture) -> Outcome {
    let until = fixture.now().after(fixture.long());
    let (selector, first, second) = rotated(fixture, renewed(until)).await?;
    rotate(fixture, selector, 2, Rotation::new(fixture.verifier(), Some(PreviousSecret::renewed(second, until))))
        .await?;
    refused(fixture, selector, Guard::Holder(first)).await?;
    allowed(fixture, selector, Guard::Holder(second)).await
}

async fn other_commits_leave_the_secrets_alone(fixture: &Fixture) -> Outcome {
    let until = fixture.now().after(fixture.long());
    let (selector, old, new) = rotated(fixture, renewed(until)).await?;
    allowed(fixture, selector, Guard::Holder(old)).await?;
    let record = fixture.load(selector).await?;
    ensure_eq!(record.verifier, new, "the present secret");
    ensure_eq!(record.previous, Some(PreviousSecret::renewed(old, until)), "the previous secret");
    allowed(fixture, selector, Guard::Holder(old)).await
}

async fn an_authentication_is_replaced(fixture: &Fixture) -> Outcome {
    let selector = fixture.insert(&fixture.record_of(&fixture.principal())).await?;
    let authentication = Authentication::new(fixture.principal(), fixture.now(), Some("Firefox".into()));
    let rotation = with_fields!(Rotation::new(fixture.verifier(), None), authentication = Some(authentication.clone()));
    rotate(fixture, selector, 1, rotation).await?;
    ensure_eq!(
        fixture.load(selector).await?.authentication,
        Some(authentication),
        "the authentication after the login"
    );
    Ok(())
}

async fn a_renewal_keeps_authentication_and_values(fixture: &Fixture) -> Outcome {
    let mut record = fixture.record_of(&fixture.principal());
    record.values = fixture.record_with(&["cart", "theme"]).values;
    let selector = fixture.insert(&record).await?;
    rotate(fixture, selector, 1, Rotation::new(fixture.verifier(), None)).await?;
    let renewed = fixture.load(selector).await?;
    let expected = with_fields!(renewed.clone(), authentication = record.authentication, values = record.values);
    same(&renewed, &expected, "load after the renewal")
}

fn keeping(verifier: Verifier, keys: &[&str]) -> Option<Rotation> {
    let keys = keys.iter().map(|key| Arc::from(*key)).collect();
    Some(with_fields!(Rotation::new(verifier, None), keep_only = Some(keys)))
}

async fn keep_only_removes_the_other_values(fixture: &Fixture) -> Outcome {
    let mut record = fixture.record_with(&["cart", "theme"]);
    record.values.push(StoredValue::new("avatar".into(), 1, Some(fixture.now()), Payload::Absent));
    let kept = record.values[0].clone();
    let selector = fixture.insert(&record).await?;
    let rotation = keeping(fixture.verifier(), &["cart", "history"]);
    done(fixture.store.commit(selector, with_fields!(fixture.commit(1), rotation = rotation)).await?)?;
    let after = fixture.load(selector).await?;
    let removed = |key: &str| StoredValue::new(key.into(), 2, None, Payload::Removed);
    let expected = with_fields!(after.clone(), values = vec![kept, removed("theme"), removed("avatar")]);
    same(&after, &expected, "load after the login")
}

async fn keep_only_leaves_old_removals_alone(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    done(fixture.store.commit(selector, with(fixture.commit(1), [remove("cart")])).await?)?;
    let rotation = keeping(fixture.verifier(), &[]);
    done(fixture.store.commit(selector, with_fields!(fixture.commit(2), rotation = rotation)).await?)?;
    ensure_eq!(
        value(&fixture.load(selector).await?, "cart")?.version,
        2,
        "the version of a value removed before the login"
    );
    Ok(())
}

async fn keep_only_spares_what_the_same_commit_writes(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart", "theme"]).await?;
    let edit = |key: &str, payload| Edit::new(key.into(), Expect::Any, Action::Put { payload, fresh_until: None });
    let edits = [edit("cart", Payload::Present(super::helpers::bytes("mine"))), edit("avatar", Payload::Absent)];
    let commit = with_fields!(with(fixture.commit(1), edits), rotation = keeping(fixture.verifier(), &[]));
    done(fixture.store.commit(selector, commit).await?)?;
    let after = fixture.load(selector).await?;
    ensure_eq!(after.version, 2, "the version after one commit");
    ensure_eq!(text(&after, "cart")?, "mine", "the value that the login wrote");
    ensure_eq!(value(&after, "avatar")?.payload, Payload::Absent, "the absence that the login wrote");
    ensure_eq!(value(&after, "theme")?.payload, Payload::Removed, "the value that the login did not keep");
    Ok(())
}

async fn keep_only_of_nothing_removes_all(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart", "theme"]).await?;
    let rotation = keeping(fixture.verifier(), &[]);
    done(fixture.store.commit(selector, with_fields!(fixture.commit(1), rotation = rotation)).await?)?;
    let after = fixture.load(selector).await?;
    for key in ["cart", "theme"] {
        ensure_eq!(value(&after, key)?.payload, Payload::Removed, format!("{key} after the login"));
    }
    Ok(())
}
