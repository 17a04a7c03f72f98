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

async fn touch(stage: &Fixture, touches: impl IntoIterator<Item = Touch> + Send) -> Outcome {
    Ok(stage.store.touch(touches.into_iter().collect()).await?)
}

async fn the_idle_timeout_starts_anew(stage: &Fixture) -> Outcome {
    let selector = stage.insert(&stage.record_living(stage.ticks(4), stage.long())).await?;
    for _ in 0..2 {
        stage.wait(3).await;
        touch(stage, [Touch::new(selector, Guard::Anyone, stage.now())]).await?;
    }
    stage.wait(3).await;
    ensure!(stage.is_live(selector).await?, "the session is gone 3 ticks after a touch; its idle timeout is 4");
    stage.wait(3).await;
    ensure!(!stage.is_live(selector).await?, "the session lives 6 ticks after its last touch; its idle timeout is 4");
    Ok(())
}

async fn last_seen_moves_and_nothing_else(stage: &Fixture) -> Outcome {
    let (selector, record) = stage.session(&["cart"]).await?;
    stage.wait(1).await;
    let last_seen = stage.now();
    touch(stage, [Touch::new(selector, Guard::Anyone, last_seen)]).await?;
    same(&stage.load(selector).await?, &with_fields!(record, last_seen = last_seen), "load after the touch")
}

async fn last_seen_never_goes_back(stage: &Fixture) -> Outcome {
    let (selector, record) = stage.session(&[]).await?;
    touch(stage, [Touch::new(selector, Guard::Anyone, Timestamp::from_millis(0))]).await?;
    same(&stage.load(selector).await?, &record, "load after a touch from long ago")?;
    let (earlier, later) = (stage.now().after(stage.ticks(1)), stage.now().after(stage.ticks(2)));
    touch(stage, [Touch::new(selector, Guard::Anyone, later), Touch::new(selector, Guard::Anyone, earlier)]).await?;
    ensure_eq!(stage.load(selector).await?.last_seen, later, "last_seen after a batch with two touches of one session");
    Ok(())
}

async fn a_batch_touches_every_session(stage: &Fixture) -> Outcome {
    let mut selectors = Vec::new();
    for _ in 0..150 {
        selectors.push(stage.session(&[]).await?.0);
    }
    stage.wait(1).await;
    let seen = stage.now();
    touch(stage, selectors.iter().map(|selector| Touch::new(*selector, Guard::Anyone, seen))).await?;
    for selector in selectors {
        ensure_eq!(stage.load(selector).await?.last_seen, seen, "last_seen of a session in a batch of 150");
    }
    Ok(())
}

async fn a_batch_may_be_empty(stage: &Fixture) -> Outcome {
    touch(stage, []).await
}

async fn what_is_gone_is_skipped(stage: &Fixture) -> Outcome {
    let ((first, _), (gone, _), (last, _)) =
        (stage.session(&[]).await?, stage.session(&[]).await?, stage.session(&[]).await?);
    stage.destroy(gone).await?;
    stage.wait(1).await;
    let seen = stage.now();
    touch(stage, [first, gone, stage.selector(), last].map(|selector| Touch::new(selector, Guard::Anyone, seen)))
        .await?;
    for selector in [first, last] {
        ensure_eq!(
            stage.load(selector).await?.last_seen,
            seen,
            "last_seen of a session in a batch with sessions that are gone"
        );
    }
    Ok(())
}

async fn it_never_creates(stage: &Fixture) -> Outcome {
    let (destroyed, _) = stage.session(&[]).await?;
    stage.destroy(destroyed).await?;
    for selector in [stage.selector(), destroyed] {
        touch(stage, [Touch::new(selector, Guard::Anyone, stage.now())]).await?;
        ensure!(!stage.is_live(selector).await?, "a touch created a record");
    }
    Ok(())
}

async fn a_commit_from_before_still_fits(stage: &Fixture) -> Outcome {
    let (selector, _) = stage.session(&["cart"]).await?;
    touch(stage, [Touch::new(selector, Guard::Anyone, stage.now().after(stage.ticks(1)))]).await?;
    let commit = with(stage.commit(1), [super::helpers::at(1, put("cart", "second"))]);
    let receipt = super::helpers::done(stage.store.commit(selector, commit).await?)?;
    ensure_eq!(receipt.version, 2, "the version after a touch and a commit");
    Ok(())
}

/// A session that idles after 4 ticks, its first secret, and a second one that replaced it; the
/// first is accepted until `until`.
async fn rotated(stage: &Fixture, until: Timestamp) -> Outcome<(Selector, Verifier, Verifier)> {
    let record = stage.record_living(stage.ticks(4), stage.long());
    let (selector, new) = (stage.insert(&record).await?, stage.verifier());
    let rotation = Some(Rotation::new(new, Some(PreviousSecret::renewed(record.verifier, until))));
    super::helpers::done(stage.store.commit(selector, with_fields!(stage.commit(1), rotation = rotation)).await?)?;
    Ok((selector, record.verifier, new))
}

/// Returns `true` if a touch under `guard` moves `last_seen` and prolongs the session. One without
/// the other is a failure.
async fn touches(stage: &Fixture, selector: Selector, guard: Guard) -> Outcome<bool> {
    let before = stage.load(selector).await?;
    stage.wait(3).await;
    let seen = stage.now();
    touch(stage, [Touch::new(selector, guard, seen)]).await?;
    let after = stage.load(selector).await?;
    same(&after, &with_fields!(before.clone(), last_seen = after.last_seen), "load after the touch")?;
    stage.wait(3).await;
    let (moved, prolonged) = (after.last_seen == seen, stage.is_live(selector).await?);
    ensure!(moved || after.last_seen == before.last_seen, "last_seen is neither the old instant nor that of the touch");
    ensure_eq!(moved, prolonged, "last_seen moved, compared with the session prolonged");
    Ok(moved)
}

async fn the_present_secret_touches(stage: &Fixture) -> Outcome {
    let (selector, _, new) = rotated(stage, stage.now()).await?;
    ensure!(
        touches(stage, selector, Guard::Holder(new)).await?,
        "a touch with the present secret was refused under Holder"
    );
    let record = stage.record_living(stage.ticks(4), stage.long());
    let selector = stage.insert(&record).await?;
    ensure!(
        touches(stage, selector, Guard::Current(record.verifier)).await?,
        "a touch with the present secret was refused under Current"
    );
    Ok(())
}

async fn a_wrong_secret_touches_nothing(stage: &Fixture) -> Outcome {
    for guard in [Guard::Holder, Guard::Current] {
        let selector = stage.insert(&stage.record_living(stage.ticks(4), stage.long())).await?;
        ensure!(
            !touches(stage, selector, guard(stage.verifier())).await?,
            "a caller without the secret kept the session alive"
        );
    }
    Ok(())
}

async fn in_its_grace_the_previous_secret_touches(stage: &Fixture) -> Outcome {
    let (selector, old, _) = rotated(stage, stage.now().after(stage.long())).await?;
    ensure!(
        touches(stage, selector, Guard::Holder(old)).await?,
        "a touch with the previous secret was refused within its grace"
    );
    let (selector, old, _) = rotated(stage, stage.now().after(stage.long())).await?;
    ensure!(
        !touches(stage, selector, Guard::Current(old)).await?,
        "a touch with the previous secret was accepted under Current"
    );
    Ok(())
}

async fn a_secret_whose_grace_is_over_touches_nothing(stage: &Fixture) -> Outcome {
    let (selector, old, _) = rotated(stage, stage.now().after(stage.ticks(1))).await?;
    ensure!(
        !touches(stage, selector, Guard::Holder(old)).await?,
        "a secret whose grace is over kept the session alive"
    );
    Ok(())
}

async fn a_secret_that_was_dead_at_once_touches_nothing(stage: &Fixture) -> Outcome {
    // The clock of the node that logged in may be ahead of the store, and of the node that still
    // receives the old secret.
    let (selector, old, _) = rotated(stage, stage.now()).await?;
    ensure!(!touches(stage, selector, Guard::Holder(old)).await?, "a replaced secret kept the session alive");
    Ok(())
}

async fn a_refused_touch_spoils_no_batch(stage: &Fixture) -> Outcome {
    let ((first, one), (second, _), (last, other)) =
        (stage.session(&[]).await?, stage.session(&[]).await?, stage.session(&[]).await?);
    stage.wait(1).await;
    let seen = stage.now();
    let shown = [(first, one.verifier), (second, stage.verifier()), (last, other.verifier)];
    touch(stage, shown.map(|(selector, shown)| Touch::new(selector, Guard::Holder(shown), seen))).await?;
    for selector in [first, last] {
        ensure_eq!(
            stage.load(selector).await?.last_seen,
            seen,
            "last_seen of a session in a batch with a refused touch"
        );
    }
    Ok(())
}

async fn a_caller_without_a_copy_touches_too(stage: &Fixture) -> Outcome {
    let (selector, record) = stage.session(&[]).await?;
    stage.wait(1).await;
    let seen = stage.now();
    touch(stage, [Touch::new(selector, Guard::Holder(record.verifier), seen).without_copy()]).await?;
    ensure_eq!(stage.load(selector).await?.last_seen, seen, "last_seen after a touch by a caller without a copy");
    Ok(())
}
