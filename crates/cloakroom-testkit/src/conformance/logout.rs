//! The secrets that may end a session.

use cloakroom::Timestamp;
use cloakroom::store::{Destroyed, Guard, Rotation};
use cloakroom::store::{PreviousSecret, PreviousSecretState, Selector, Verifier};

use super::checks;
use super::failure::{Outcome, ensure, ensure_eq};
use super::fixture::Fixture;
use super::helpers::{done, same};

checks! { "logout":
    a_wrong_secret_ends_nothing,
    the_present_secret_ends_the_session,
    in_its_grace_the_old_secret_ends_the_session,
    only_the_present_secret_is_current,
    a_dead_secret_ends_nothing,
    the_grace_ends,
    a_secret_dead_at_once_is_dead_for_a_clock_that_lags,
    a_grace_ends_by_what_the_record_was_last_seen,
    anyone_needs_no_secret,
    what_is_gone_is_gone_for_every_guard,
    a_repeat_is_harmless,
}

/// A session, its first secret, and a second one that replaced it; the first is in this `state`
/// from then on.
async fn rotated(fixture: &Fixture, state: PreviousSecretState) -> Outcome<(Selector, Verifier, Verifier)> {
    let (selector, record) = fixture.session(&["cart"]).await?;
    let new = fixture.verifier();
    let rotation = Some(Rotation::new(new, Some(PreviousSecret::new(record.verifier, state))));
    done(fixture.store.commit(selector, with_fields!(fixture.commit(1), rotation = rotation)).await?)?;
    Ok((selector, record.verifier, new))
}

const fn renewed(until: Timestamp) -> PreviousSecretState {
    PreviousSecretState::Renewed { until }
}

fn replaced(fixture: &Fixture) -> PreviousSecretState {
    PreviousSecretState::Replaced { at: fixture.now() }
}

async fn ends(fixture: &Fixture, selector: Selector, guard: Guard) -> Outcome {
    ensure_eq!(fixture.store.destroy(selector, guard).await?, Destroyed::Done, format!("destroy under {guard:?}"));
    ensure!(!fixture.is_live(selector).await?, "load returned a session that was destroyed under {guard:?}");
    Ok(())
}

async fn ends_nothing(fixture: &Fixture, selector: Selector, guard: Guard) -> Outcome {
    let before = fixture.load(selector).await?;
    let answer = fixture.store.destroy(selector, guard).await?;
    ensure_eq!(answer, Destroyed::Superseded, format!("destroy under {guard:?}, which must be refused"));
    same(&fixture.load(selector).await?, &before, "load after a refused destroy")
}

async fn a_wrong_secret_ends_nothing(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&["cart"]).await?;
    let mut nearly = *record.verifier.as_bytes();
    nearly[15] ^= 1;
    for wrong in [fixture.verifier(), Verifier::from_bytes([0; 16]), Verifier::from_bytes(nearly)] {
        ends_nothing(fixture, selector, Guard::Holder(wrong)).await?;
        ends_nothing(fixture, selector, Guard::Current(wrong)).await?;
    }
    Ok(())
}

async fn the_present_secret_ends_the_session(fixture: &Fixture) -> Outcome {
    for guard in [Guard::Holder, Guard::Current] {
        let (selector, record) = fixture.session(&["cart"]).await?;
        ends(fixture, selector, guard(record.verifier)).await?;
        let (selector, _, new) = rotated(fixture, replaced(fixture)).await?;
        ends(fixture, selector, guard(new)).await?;
    }
    Ok(())
}

async fn in_its_grace_the_old_secret_ends_the_session(fixture: &Fixture) -> Outcome {
    let (selector, old, _) = rotated(fixture, renewed(fixture.now().after(fixture.long()))).await?;
    ends(fixture, selector, Guard::Holder(old)).await
}

async fn only_the_present_secret_is_current(fixture: &Fixture) -> Outcome {
    let (selector, old, _) = rotated(fixture, renewed(fixture.now().after(fixture.long()))).await?;
    ends_nothing(fixture, selector, Guard::Current(old)).await
}

async fn a_dead_secret_ends_nothing(fixture: &Fixture) -> Outcome {
    let (selector, old, _) = rotated(fixture, replaced(fixture)).await?;
    ends_nothing(fixture, selector, Guard::Holder(old)).await
}

async fn the_grace_ends(fixture: &Fixture) -> Outcome {
    let (selector, old, _) = rotated(fixture, renewed(fixture.now().after(fixture.ticks(2)))).await?;
    fixture.wait(4).await;
    ends_nothing(fixture, selector, Guard::Holder(old)).await
}

/// The clock of the node that logged in may be ahead of the store, and of the node that logs out.
async fn a_secret_dead_at_once_is_dead_for_a_clock_that_lags(fixture: &Fixture) -> Outcome {
    for ahead in [fixture.ticks(10), fixture.long()] {
        let state = PreviousSecretState::Replaced { at: fixture.now().after(ahead) };
        let (selector, old, _) = rotated(fixture, state).await?;
        ends_nothing(fixture, selector, Guard::Holder(old)).await?;
    }
    Ok(())
}

/// A store whose clock lags does not prolong a grace period.
async fn a_grace_ends_by_what_the_record_was_last_seen(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&["cart"]).await?;
    let ahead = fixture.now().after(fixture.ticks(10));
    let rotation = Some(Rotation::new(fixture.verifier(), Some(PreviousSecret::renewed(record.verifier, ahead))));
    done(fixture.store.commit(selector, with_fields!(fixture.commit(1), rotation = rotation, now = ahead)).await?)?;
    ends_nothing(fixture, selector, Guard::Holder(record.verifier)).await
}

async fn anyone_needs_no_secret(fixture: &Fixture) -> Outcome {
    let (selector, ..) = rotated(fixture, replaced(fixture)).await?;
    ends(fixture, selector, Guard::Anyone).await
}

async fn what_is_gone_is_gone_for_every_guard(fixture: &Fixture) -> Outcome {
    let (gone, record) = fixture.session(&["cart"]).await?;
    fixture.destroy(gone).await?;
    for selector in [gone, fixture.selector()] {
        for guard in [Guard::Anyone, Guard::Holder(record.verifier), Guard::Current(fixture.verifier())] {
            let answer = fixture.store.destroy(selector, guard).await?;
            ensure_eq!(answer, Destroyed::Gone, format!("destroy under {guard:?} of a session that does not exist"));
        }
    }
    Ok(())
}

/// A caller repeats a destroy whose reply was lost.
async fn a_repeat_is_harmless(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&["cart"]).await?;
    let guard = Guard::Holder(record.verifier);
    ends(fixture, selector, guard).await?;
    for _ in 0..2 {
        ensure_eq!(fixture.store.destroy(selector, guard).await?, Destroyed::Gone, "the repeat of a destroy");
        ensure!(!fixture.is_live(selector).await?, "the repeat of a destroy revived the session");
    }
    // A late repeat must not end the session that has the selector by then.
    let new = fixture.record_with(&["cart"]);
    fixture.insert_as(selector, &new).await?;
    ends_nothing(fixture, selector, guard).await
}
