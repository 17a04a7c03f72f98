//! The effect of a commit, and its result.

use cloakroom::store::{Committed, Guard};

use super::checks;
use super::failure::{Outcome, ensure, ensure_eq};
use super::fixture::Fixture;
use super::helpers::{after, at, conflict, done, gone, put, same, superseded, text, value, with};

checks! { "commit":
    an_edit_is_applied,
    only_edited_values_change,
    several_edits_share_a_version,
    a_commit_without_edits_still_counts,
    without_a_record_it_is_gone,
    the_guard_comes_before_expectations,
    a_conflict_changes_nothing,
    a_superseded_commit_changes_nothing,
    one_broken_expectation_stops_every_edit,
    refusals_show_the_present_record,
    a_receipt_brings_no_record_to_an_up_to_date_base,
    a_receipt_brings_the_record_to_a_stale_base,
    versions_are_exact_after_many_commits,
}

async fn an_edit_is_applied(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&["cart"]).await?;
    fixture.wait(1).await;
    let commit = with(fixture.commit(1), [put("cart", "second")]);
    let receipt = done(fixture.store.commit(selector, commit.clone()).await?)?;
    ensure_eq!(receipt.version, 2, "the receipt's version");
    let mut expected = after(record, &commit);
    expected.values[0].version = 2;
    expected.values[0].payload = cloakroom::store::Payload::Present(super::helpers::bytes("second"));
    same(&fixture.load(selector).await?, &expected, "load after the commit")
}

async fn only_edited_values_change(fixture: &Fixture) -> Outcome {
    let (selector, before) = fixture.session(&["cart", "theme"]).await?;
    done(fixture.store.commit(selector, with(fixture.commit(1), [put("cart", "second")])).await?)?;
    done(fixture.store.commit(selector, with(fixture.commit(2), [put("history", "new")])).await?)?;
    let after = fixture.load(selector).await?;
    ensure_eq!(value(&after, "theme")?, value(&before, "theme")?, "a value that was not edited");
    ensure_eq!(value(&after, "cart")?.version, 2, "the version of a value edited in the previous commit");
    ensure_eq!(value(&after, "history")?.version, 3, "the version of a value edited in the last commit");
    Ok(())
}

async fn several_edits_share_a_version(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart", "theme"]).await?;
    let edits = [put("cart", "second"), put("history", "new"), super::helpers::remove("theme")];
    let receipt = done(fixture.store.commit(selector, with(fixture.commit(1), edits)).await?)?;
    let after = fixture.load(selector).await?;
    ensure_eq!((receipt.version, after.version), (2, 2), "the versions of the receipt and the record");
    for key in ["cart", "history", "theme"] {
        ensure_eq!(after.version_of(key), 2, format!("the version of {key}"));
    }
    Ok(())
}

async fn a_commit_without_edits_still_counts(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&["cart"]).await?;
    let commit = fixture.commit(1);
    let receipt = done(fixture.store.commit(selector, commit.clone()).await?)?;
    ensure_eq!(receipt.version, 2, "the receipt's version");
    let expected = after(record, &commit);
    same(&fixture.load(selector).await?, &expected, "load after the commit")
}

async fn without_a_record_it_is_gone(fixture: &Fixture) -> Outcome {
    let commit = with(fixture.commit(0), [at(0, put("cart", "second"))]);
    gone(fixture.store.commit(fixture.selector(), commit.clone()).await?)?;
    let stranger = with_fields!(commit, guard = Guard::Holder(fixture.verifier()));
    gone(fixture.store.commit(fixture.selector(), stranger).await?)
}

async fn the_guard_comes_before_expectations(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    let mut commit = with(fixture.commit(1), [at(9, put("cart", "second"))]);
    commit.guard = Guard::Holder(fixture.verifier());
    superseded(fixture.store.commit(selector, commit).await?).map(drop)
}

async fn a_conflict_changes_nothing(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&["cart"]).await?;
    fixture.wait(1).await;
    let mut commit = with(fixture.commit(1), [at(9, put("cart", "second"))]);
    commit.lifetimes = Some(cloakroom::store::Lifetimes::new(fixture.now(), fixture.ticks(1), fixture.now()));
    commit.rotation = Some(cloakroom::store::Rotation::new(fixture.verifier(), None));
    conflict(fixture.store.commit(selector, commit).await?)?;
    same(&fixture.load(selector).await?, &record, "load after the conflict")
}

async fn a_superseded_commit_changes_nothing(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&["cart"]).await?;
    fixture.wait(1).await;
    let mut commit = with(fixture.commit(1), [at(1, put("cart", "second"))]);
    for guard in [Guard::Current(fixture.verifier()), Guard::Holder(fixture.verifier())] {
        commit.guard = guard;
        superseded(fixture.store.commit(selector, commit.clone()).await?)?;
        same(&fixture.load(selector).await?, &record, "load after a superseded edit")?;
    }
    commit.lifetimes = Some(cloakroom::store::Lifetimes::new(fixture.now(), fixture.ticks(1), fixture.now()));
    commit.rotation = Some(cloakroom::store::Rotation::new(fixture.verifier(), None));
    superseded(fixture.store.commit(selector, commit).await?)?;
    same(&fixture.load(selector).await?, &record, "load after the superseded commit")
}

async fn one_broken_expectation_stops_every_edit(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&["cart", "theme"]).await?;
    let holds = || at(1, put("cart", "second"));
    let broken = || at(9, put("theme", "second"));
    let any = || put("history", "new");
    for edits in [[holds(), any(), broken()], [broken(), holds(), any()], [any(), broken(), holds()]] {
        conflict(fixture.store.commit(selector, with(fixture.commit(1), edits)).await?)?;
        same(&fixture.load(selector).await?, &record, "load after the conflict")?;
    }
    Ok(())
}

async fn refusals_show_the_present_record(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    done(fixture.store.commit(selector, with(fixture.commit(1), [put("theme", "new")])).await?)?;
    let present = fixture.load(selector).await?;
    let commit = with(fixture.commit(1), [at(9, put("cart", "second"))]);
    same(
        &conflict(fixture.store.commit(selector, commit.clone()).await?)?,
        &present,
        "the record that came with a conflict",
    )?;
    let commit = with_fields!(commit, guard = Guard::Holder(fixture.verifier()));
    let shown = superseded(fixture.store.commit(selector, commit).await?)?;
    same(&shown, &present, "the record that came with a superseded commit")
}

async fn a_receipt_brings_no_record_to_an_up_to_date_base(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    for base in 1..4 {
        let receipt = done(fixture.store.commit(selector, with(fixture.commit(base), [put("cart", "next")])).await?)?;
        ensure!(
            receipt.record.is_none(),
            "the receipt for base {base} has a record, although no other commit changed it"
        );
    }
    Ok(())
}

async fn a_receipt_brings_the_record_to_a_stale_base(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    done(fixture.store.commit(selector, with(fixture.commit(1), [put("theme", "foreign")])).await?)?;
    let receipt = done(fixture.store.commit(selector, with(fixture.commit(1), [at(1, put("cart", "mine"))])).await?)?;
    ensure_eq!(receipt.version, 3, "the receipt's version");
    let Some(brought) = receipt.record else {
        return Err(super::failure::Failure::new("the receipt has no record, although another commit changed it"));
    };
    ensure_eq!(text(&brought, "theme")?, "foreign", "the foreign change in the receipt's record");
    same(&fixture.load(selector).await?, &brought, "load, compared with the receipt's record")
}

async fn versions_are_exact_after_many_commits(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&[]).await?;
    for base in 1..=300 {
        // The value's version is the record's version at its last write, and 0 before the first.
        let known = if base == 1 { 0 } else { base };
        let commit = with(fixture.commit(base), [at(known, put("cart", "next"))]);
        let answer = fixture.store.commit(selector, commit).await?;
        ensure!(matches!(answer, Committed::Done(_)), "commit {base} returned {}", super::helpers::name(&answer));
    }
    ensure_eq!(fixture.load(selector).await?.version, 301, "the version after 300 commits");
    Ok(())
}
