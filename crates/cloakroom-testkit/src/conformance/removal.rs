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

async fn a_version_stays_behind(stage: &Fixture) -> Outcome {
    let (selector, _) = stage.session(&["cart"]).await?;
    done(stage.store.commit(selector, with(stage.commit(1), [remove("cart")])).await?)?;
    removed_at(&stage.load(selector).await?, 2)
}

async fn a_version_stays_also_where_nothing_was(stage: &Fixture) -> Outcome {
    let (selector, _) = stage.session(&[]).await?;
    done(stage.store.commit(selector, with(stage.commit(1), [at(0, remove("cart"))])).await?)?;
    removed_at(&stage.load(selector).await?, 2)?;
    conflict(stage.store.commit(selector, with(stage.commit(2), [at(0, put("cart", "late"))])).await?).map(drop)
}

async fn removing_again_moves_the_version(stage: &Fixture) -> Outcome {
    let (selector, _) = stage.session(&["cart"]).await?;
    for base in 1..=2 {
        done(stage.store.commit(selector, with(stage.commit(base), [remove("cart")])).await?)?;
    }
    removed_at(&stage.load(selector).await?, 3)
}

async fn a_load_from_before_cannot_install(stage: &Fixture) -> Outcome {
    let (selector, _) = stage.session(&["cart"]).await?;
    done(stage.store.commit(selector, with(stage.commit(1), [remove("cart")])).await?)?;
    conflict(stage.store.commit(selector, with(stage.commit(1), [at(1, put("cart", "late"))])).await?)?;
    removed_at(&stage.load(selector).await?, 2)
}

async fn a_removed_value_can_be_put_again(stage: &Fixture) -> Outcome {
    let (selector, _) = stage.session(&["cart"]).await?;
    done(stage.store.commit(selector, with(stage.commit(1), [remove("cart")])).await?)?;
    done(stage.store.commit(selector, with(stage.commit(2), [at(2, put("cart", "again"))])).await?)?;
    let record = stage.load(selector).await?;
    ensure_eq!(
        (text(&record, "cart")?, record.version_of("cart")),
        ("again", 3),
        "the value after it was written again"
    );
    ensure_eq!(record.values.len(), 1, "the number of values under one key");
    Ok(())
}
