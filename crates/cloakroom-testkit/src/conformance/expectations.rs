//! `Expect`: only the version of the value decides.

use super::checks;
use super::failure::Outcome;
use super::fixture::Fixture;
use super::helpers::{at, conflict, done, put, remove, with};

checks! { "expectations":
    any_always_holds,
    a_version_holds_until_the_value_is_written,
    a_foreign_change_of_another_value_does_not_matter,
    a_removal_can_expect_too,
    zero_means_never,
    zero_does_not_hold_for_what_was_removed,
    a_version_does_not_hold_where_nothing_ever_was,
}

async fn any_always_holds(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    for edit in [put("cart", "second"), put("new", "first"), remove("cart"), put("cart", "again"), remove("never")] {
        done(fixture.store.commit(selector, with(fixture.commit(0), [edit])).await?)?;
    }
    Ok(())
}

async fn a_version_holds_until_the_value_is_written(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    done(fixture.store.commit(selector, with(fixture.commit(1), [at(1, put("cart", "second"))])).await?)?;
    conflict(fixture.store.commit(selector, with(fixture.commit(2), [at(1, put("cart", "stale"))])).await?)?;
    conflict(fixture.store.commit(selector, with(fixture.commit(2), [at(3, put("cart", "ahead"))])).await?)?;
    done(fixture.store.commit(selector, with(fixture.commit(2), [at(2, put("cart", "third"))])).await?).map(drop)
}

async fn a_foreign_change_of_another_value_does_not_matter(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart", "theme"]).await?;
    done(fixture.store.commit(selector, with(fixture.commit(1), [put("theme", "foreign")])).await?)?;
    done(fixture.store.commit(selector, with(fixture.commit(1), [at(1, put("cart", "mine"))])).await?).map(drop)
}

async fn a_removal_can_expect_too(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    conflict(fixture.store.commit(selector, with(fixture.commit(1), [at(7, remove("cart"))])).await?)?;
    done(fixture.store.commit(selector, with(fixture.commit(1), [at(1, remove("cart"))])).await?).map(drop)
}

async fn zero_means_never(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    conflict(fixture.store.commit(selector, with(fixture.commit(1), [at(0, put("cart", "mine"))])).await?)?;
    done(fixture.store.commit(selector, with(fixture.commit(1), [at(0, put("theme", "mine"))])).await?)?;
    conflict(fixture.store.commit(selector, with(fixture.commit(2), [at(0, put("theme", "late"))])).await?).map(drop)
}

async fn zero_does_not_hold_for_what_was_removed(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    done(fixture.store.commit(selector, with(fixture.commit(1), [remove("cart")])).await?)?;
    conflict(fixture.store.commit(selector, with(fixture.commit(2), [at(0, put("cart", "late"))])).await?).map(drop)
}

async fn a_version_does_not_hold_where_nothing_ever_was(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&[]).await?;
    conflict(fixture.store.commit(selector, with(fixture.commit(1), [at(1, put("cart", "mine"))])).await?).map(drop)
}
