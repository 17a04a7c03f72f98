//! A touch records that a session was seen, and changes nothing else.

use cloakroom::Timestamp;
use cloakroom::store::{Guard, Rotation, Touch};
use cloakroom::store::{PreviousSecret, Selector, Verifier};

use super::checks;
use super::failure::{Outcome, ensure, ensure_eq};
use super::fixture::Fixture;
use super::helpers::{put, same, with};

checks! { "touch":
    the_idle_timeout_starts_anew,
    last_seen_moves_and_nothing_else,
    last_seen_never_goes_back,
    a_batch_touches_every_session,
    a_batch_may_be_empty,
    what_is_gone_is_skipped,
    it_never_creates,
    a_commit_from_before_still_fits,
    the_present_secret_touches,
    a_wrong_secret_touches_nothing,
    in_its_grace_the_previous_secret_touches,
    a_secret_whose_grace_is_over_touches_nothing,
    a_secret_that_was_dead_at_once_touches_nothing,
    a_refused_touch_spoils_no_batch,
    a_caller_without_a_copy_touches_too,
}

async fn touch(fixture: &Fixture, touches: impl IntoIterator<Item = Touch> + Send) -> Outcome {
    Ok(fixture.store.touch(touches.into_iter().collect()).await?)
}

async fn the_idle_timeout_starts_anew(fixture: &Fixture) -> Outcome {
    let selector = fixture.insert(&fixture.record_living(fixture.ticks(4), fixture.long())).await?;
    for _ in 0..2 {
        fixture.wait(3).await;
        touch(fixture, [Touch::new(selector, Guard::Anyone, fixture.now())]).await?;
    }
    fixture.wait(3).await;
    ensure!(fixture.is_live(selector).await?, "the session is gone 3 ticks after a touch; its idle timeout is 4");
    fixture.wait(3).await;
    ensure!(!fixture.is_live(selector).await?, "the session lives 6 ticks after its last touch; its idle timeout is 4");
    Ok(())
}

async fn last_seen_moves_and_nothing_else(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&["cart"]).await?;
    fixture.wait(1).await;
    let last_seen = fixture.now();
    touch(fixture, [Touch::new(selector, Guard::Anyone, last_seen)]).await?;
    same(&fixture.load(selector).await?, &with_fields!(record, last_seen = last_seen), "load after the touch")
}

async fn last_seen_never_goes_back(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&[]).await?;
    touch(fixture, [Touch::new(selector, Guard::Anyone, Timestamp::from_millis(0))]).await?;
    same(&fixture.load(selector).await?, &record, "load after a touch from long ago")?;
    let (earlier, later) = (fixture.now().after(fixture.ticks(1)), fixture.now().after(fixture.ticks(2)));
    touch(fixture, [Touch::new(selector, Guard::Anyone, later), Touch::new(selector, Guard::Anyone, earlier)]).await?;
    ensure_eq!(
        fixture.load(selector).await?.last_seen,
        later,
        "last_seen after a batch with two touches of one session"
    );
    Ok(())
}

async fn a_batch_touches_every_session(fixture: &Fixture) -> Outcome {
    let mut selectors = Vec::new();
    for _ in 0..150 {
        selectors.push(fixture.session(&[]).await?.0);
    }
    fixture.wait(1).await;
    let seen = fixture.now();
    touch(fixture, selectors.iter().map(|selector| Touch::new(*selector, Guard::Anyone, seen))).await?;
    for selector in selectors {
        ensure_eq!(fixture.load(selector).await?.last_seen, seen, "last_seen of a session in a batch of 150");
    }
    Ok(())
}

async fn a_batch_may_be_empty(fixture: &Fixture) -> Outcome {
    touch(fixture, []).await
}

async fn what_is_gone_is_skipped(fixture: &Fixture) -> Outcome {
    let ((first, _), (gone, _), (last, _)) =
        (fixture.session(&[]).await?, fixture.session(&[]).await?, fixture.session(&[]).await?);
    fixture.destroy(gone).await?;
    fixture.wait(1).await;
    let seen = fixture.now();
    touch(fixture, [first, gone, fixture.selector(), last].map(|selector| Touch::new(selector, Guard::Anyone, seen)))
        .await?;
    for selector in [first, last] {
        ensure_eq!(
            fixture.load(selector).await?.last_seen,
            seen,
            "last_seen of a session in a batch with sessions that are gone"
        );
    }
    Ok(())
}

async fn it_never_creates(fixture: &Fixture) -> Outcome {
    let (destroyed, _) = fixture.session(&[]).await?;
    fixture.destroy(destroyed).await?;
    for selector in [fixture.selector(), destroyed] {
        touch(fixture, [Touch::new(selector, Guard::Anyone, fixture.now())]).await?;
        ensure!(!fixture.is_live(selector).await?, "a touch created a record");
    }
    Ok(())
}

async fn a_commit_from_before_still_fits(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    touch(fixture, [Touch::new(selector, Guard::Anyone, fixture.now().after(fixture.ticks(1)))]).await?;
    let commit = with(fixture.commit(1), [super::helpers::at(1, put("cart", "second"))]);
    let receipt = super::helpers::done(fixture.store.commit(selector, commit).await?)?;
    ensure_eq!(receipt.version, 2, "the version after a touch and a commit");
    Ok(())
}

/// A session that idles after 4 ticks, its first secret, and a second one that replaced it; the
/// first is accepted until `until`.
async fn rotated(fixture: &Fixture, until: Timestamp) -> Outcome<(Selector, Verifier, Verifier)> {
    let record = fixture.record_living(fixture.ticks(4), fixture.long());
    let (selector, new) = (fixture.insert(&record).await?, fixture.verifier());
    let rotation = Some(Rotation::new(new, Some(PreviousSecret::renewed(record.verifier, until))));
    super::helpers::done(fixture.store.commit(selector, with_fields!(fixture.commit(1), rotation = rotation)).await?)?;
    Ok((selector, record.verifier, new))
}

/// Returns `true` if a touch under `guard` moves `last_seen` and prolongs the session. One without
/// the other is a failure.
async fn touches(fixture: &Fixture, selector: Selector, guard: Guard) -> Outcome<bool> {
    let before = fixture.load(selector).await?;
    fixture.wait(3).await;
    let seen = fixture.now();
    touch(fixture, [Touch::new(selector, guard, seen)]).await?;
    let after = fixture.load(selector).await?;
    same(&after, &with_fields!(before.clone(), last_seen = after.last_seen), "load after the touch")?;
    fixture.wait(3).await;
    let (moved, prolonged) = (after.last_seen == seen, fixture.is_live(selector).await?);
    ensure!(moved || after.last_seen == before.last_seen, "last_seen is neither the old instant nor that of the touch");
    ensure_eq!(moved, prolonged, "last_seen moved, compared with the session prolonged");
    Ok(moved)
}

async fn the_present_secret_touches(fixture: &Fixture) -> Outcome {
    let (selector, _, new) = rotated(fixture, fixture.now()).await?;
    ensure!(
        touches(fixture, selector, Guard::Holder(new)).await?,
        "a touch with the present secret was refused under Holder"
    );
    let record = fixture.record_living(fixture.ticks(4), fixture.long());
    let selector = fixture.insert(&record).await?;
    ensure!(
        touches(fixture, selector, Guard::Current(record.verifier)).await?,
        "a touch with the present secret was refused under Current"
    );
    Ok(())
}

async fn a_wrong_secret_touches_nothing(fixture: &Fixture) -> Outcome {
    for guard in [Guard::Holder, Guard::Current] {
        let selector = fixture.insert(&fixture.record_living(fixture.ticks(4), fixture.long())).await?;
        ensure!(
            !touches(fixture, selector, guard(fixture.verifier())).await?,
            "a caller without the secret kept the session alive"
        );
    }
    Ok(())
}

async fn in_its_grace_the_previous_secret_touches(fixture: &Fixture) -> Outcome {
    let (selector, old, _) = rotated(fixture, fixture.now().after(fixture.long())).await?;
    ensure!(
        touches(fixture, selector, Guard::Holder(old)).await?,
        "a touch with the previous secret was refused within its grace"
    );
    let (selector, old, _) = rotated(fixture, fixture.now().after(fixture.long())).await?;
    ensure!(
        !touches(fixture, selector, Guard::Current(old)).await?,
        "a touch with the previous secret was accepted under Current"
    );
    Ok(())
}

async fn a_secret_whose_grace_is_over_touches_nothing(fixture: &Fixture) -> Outcome {
    let (selector, old, _) = rotated(fixture, fixture.now().after(fixture.ticks(1))).await?;
    ensure!(
        !touches(fixture, selector, Guard::Holder(old)).await?,
        "a secret whose grace is over kept the session alive"
    );
    Ok(())
}

async fn a_secret_that_was_dead_at_once_touches_nothing(fixture: &Fixture) -> Outcome {
    // The clock of the node that logged in may be ahead of the store, and of the node that still
    // receives the old secret.
    let (selector, old, _) = rotated(fixture, fixture.now()).await?;
    ensure!(!touches(fixture, selector, Guard::Holder(old)).await?, "a replaced secret kept the session alive");
    Ok(())
}

async fn a_refused_touch_spoils_no_batch(fixture: &Fixture) -> Outcome {
    let ((first, one), (second, _), (last, other)) =
        (fixture.session(&[]).await?, fixture.session(&[]).await?, fixture.session(&[]).await?);
    fixture.wait(1).await;
    let seen = fixture.now();
    let shown = [(first, one.verifier), (second, fixture.verifier()), (last, other.verifier)];
    touch(fixture, shown.map(|(selector, shown)| Touch::new(selector, Guard::Holder(shown), seen))).await?;
    for selector in [first, last] {
        ensure_eq!(
            fixture.load(selector).await?.last_seen,
            seen,
            "last_seen of a session in a batch with a refused touch"
        );
    }
    Ok(())
}

async fn a_caller_without_a_copy_touches_too(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&[]).await?;
    fixture.wait(1).await;
    let seen = fixture.now();
    touch(fixture, [Touch::new(selector, Guard::Holder(record.verifier), seen).without_copy()]).await?;
    ensure_eq!(fixture.load(selector).await?.last_seen, seen, "last_seen after a touch by a caller without a copy");
    Ok(())
}
