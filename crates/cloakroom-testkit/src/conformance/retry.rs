//! A commit whose reply was lost may be sent again: its nonce makes it count once.

use cloakroom::store::{Guard, REMEMBERED_WRITERS, Rotation};

use super::checks;
use super::failure::{Failure, Outcome, ensure, ensure_eq};
use super::fixture::Fixture;
use super::helpers::{at, conflict, done, gone, put, remove, same, with};

checks! { "retry":
    a_repeat_is_applied_once,
    a_repeat_is_recognised_before_guard_and_expectations,
    a_repeat_is_recognised_whatever_its_base,
    a_repeat_with_a_stale_base_brings_the_record,
    a_repeat_after_other_commits_is_applied_once,
    writes_that_are_long_past_do_not_pile_up,
    a_repeat_cannot_resurrect,
    nonces_differ_by_any_bit,
}

async fn a_repeat_is_applied_once(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    let commit = with(fixture.commit(1), [put("cart", "second"), remove("theme")]);
    done(fixture.store.commit(selector, commit.clone()).await?)?;
    let once = fixture.load(selector).await?;
    fixture.wait(1).await;
    for _ in 0..3 {
        let receipt = done(fixture.store.commit(selector, commit.clone()).await?)?;
        ensure_eq!(receipt.version, 2, "the version in the receipt of a repeat");
        ensure!(receipt.record.is_none(), "the receipt of a repeat has a record, although no other commit changed it");
        same(&fixture.load(selector).await?, &once, "load after the repeat")?;
    }
    Ok(())
}

async fn a_repeat_is_recognised_before_guard_and_expectations(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&["cart"]).await?;
    // The first attempt breaks both: the secret is no longer current, and the version has changed.
    let mut commit = with(fixture.commit(1), [at(1, put("cart", "second"))]);
    commit.guard = Guard::Current(record.verifier);
    commit.rotation = Some(Rotation::new(fixture.verifier(), None));
    done(fixture.store.commit(selector, commit.clone()).await?)?;
    let once = fixture.load(selector).await?;
    done(fixture.store.commit(selector, commit).await?)?;
    same(&fixture.load(selector).await?, &once, "load after the repeat")
}

async fn a_repeat_is_recognised_whatever_its_base(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    let commit = with(fixture.commit(1), [put("cart", "second")]);
    done(fixture.store.commit(selector, commit.clone()).await?)?;
    let once = fixture.load(selector).await?;
    for base in [0, 1, 2, 3] {
        done(fixture.store.commit(selector, with_fields!(commit.clone(), base = base)).await?)?;
        same(&fixture.load(selector).await?, &once, "load after the repeat")?;
    }
    Ok(())
}

async fn a_repeat_with_a_stale_base_brings_the_record(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    done(fixture.store.commit(selector, with(fixture.commit(1), [put("theme", "foreign")])).await?)?;
    let commit = with(fixture.commit(1), [put("cart", "mine")]);
    done(fixture.store.commit(selector, commit.clone()).await?)?;
    let receipt = done(fixture.store.commit(selector, commit).await?)?;
    ensure_eq!(receipt.version, 3, "the version in the receipt of a repeat");
    ensure!(receipt.record.is_some(), "the receipt of a repeat has no record, although its base was stale");
    Ok(())
}

/// The reply may be lost, and other processes may write before the caller tries again.
async fn a_repeat_after_other_commits_is_applied_once(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    let commit = with(fixture.commit(1), [at(1, put("cart", "mine"))]);
    done(fixture.store.commit(selector, commit.clone()).await?)?;
    for base in (2..).take(REMEMBERED_WRITERS - 1) {
        done(fixture.store.commit(selector, with(fixture.commit(base), [put("cart", "theirs")])).await?)?;
        let before = fixture.load(selector).await?;
        let receipt = done(fixture.store.commit(selector, commit.clone()).await?)?;
        ensure_eq!(receipt.version, base + 1, "the version in the receipt of a repeat after other commits");
        let record = receipt.record.ok_or_else(|| Failure::new("the receipt of a late repeat has no record"))?;
        same(&record, &before, "the record in the receipt of a late repeat")?;
        same(&fixture.load(selector).await?, &before, "load after the late repeat")?;
    }
    Ok(())
}

async fn writes_that_are_long_past_do_not_pile_up(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    let commit = with(fixture.commit(1), [at(1, put("cart", "mine"))]);
    done(fixture.store.commit(selector, commit.clone()).await?)?;
    // A store may remember more writes than it has to, but not all of them.
    for base in (2..).take(1024) {
        done(fixture.store.commit(selector, with(fixture.commit(base), [put("theme", "theirs")])).await?)?;
    }
    conflict(fixture.store.commit(selector, commit).await?).map(drop)
}

async fn a_repeat_cannot_resurrect(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    let commit = with(fixture.commit(1), [put("cart", "second")]);
    done(fixture.store.commit(selector, commit.clone()).await?)?;
    fixture.destroy(selector).await?;
    gone(fixture.store.commit(selector, commit).await?)?;
    ensure!(!fixture.is_live(selector).await?, "the repeat of a commit revived a destroyed session");
    Ok(())
}

/// Floating-point numbers fail beyond 2^53, and signed integers beyond 2^63.
async fn nonces_differ_by_any_bit(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&[]).await?;
    let nonces = [0, 1, (1 << 53) + 1, (1 << 53) + 2, (1 << 63) - 1, 1 << 63, (1 << 63) + 1, u64::MAX - 1, u64::MAX];
    for (base, nonce) in (1..).zip(nonces) {
        let commit = with_fields!(with(fixture.commit(base), [put("cart", &nonce.to_string())]), nonce = nonce);
        let receipt = done(fixture.store.commit(selector, commit).await?)?;
        ensure_eq!(receipt.version, base + 1, format!("the version after a commit with the new nonce {nonce}"));
        ensure_eq!(fixture.load(selector).await?.nonce, nonce, "the record's nonce");
    }
    Ok(())
}
