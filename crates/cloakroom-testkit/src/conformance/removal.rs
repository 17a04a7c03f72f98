//! A removed value keeps its version, so that an older load cannot bring the value back.

use cloakroom::store::{Payload, Record};

use super::checks;
use super::failure::{Outcome, ensure_eq};
use super::fixture::Fixture;
use super::helpers::{at, conflict, done, put, remove, text, value, with};

checks! { "removal":
    a_version_stays_behind,
    a_version_stays_also_where_nothing_was,
    removing_again_moves_the_version,
    a_load_from_before_cannot_install,
    a_removed_value_can_be_put_again,
}

fn removed_at(record: &Record, version: u64) -> Outcome {
    let left = value(record, "cart")?;
    ensure_eq!((&left.payload, left.version), (&Payload::Removed, version), "the payload and version after a removal");
    Ok(())
}

async fn a_version_stays_behind(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    done(fixture.store.commit(selector, with(fixture.commit(1), [remove("cart")])).await?)?;
    removed_at(&fixture.load(selector).await?, 2)
}

async fn a_version_stays_also_where_nothing_was(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&[]).await?;
    done(fixture.store.commit(selector, with(fixture.commit(1), [at(0, remove("cart"))])).await?)?;
    removed_at(&fixture.load(selector).await?, 2)?;
    conflict(fixture.store.commit(selector, with(fixture.commit(2), [at(0, put("cart", "late"))])).await?).map(drop)
}

async fn removing_again_moves_the_version(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    for base in 1..=2 {
        done(fixture.store.commit(selector, with(fixture.commit(base), [remove("cart")])).await?)?;
    }
    removed_at(&fixture.load(selector).await?, 3)
}

async fn a_load_from_before_cannot_install(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    done(fixture.store.commit(selector, with(fixture.commit(1), [remove("cart")])).await?)?;
    conflict(fixture.store.commit(selector, with(fixture.commit(1), [at(1, put("cart", "late"))])).await?)?;
    removed_at(&fixture.load(selector).await?, 2)
}

async fn a_removed_value_can_be_put_again(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    done(fixture.store.commit(selector, with(fixture.commit(1), [remove("cart")])).await?)?;
    done(fixture.store.commit(selector, with(fixture.commit(2), [at(2, put("cart", "again"))])).await?)?;
    let record = fixture.load(selector).await?;
    ensure_eq!(
        (text(&record, "cart")?, record.version_of("cart")),
        ("again", 3),
        "the value after it was written again"
    );
    ensure_eq!(record.values.len(), 1, "the number of values under one key");
    Ok(())
}
