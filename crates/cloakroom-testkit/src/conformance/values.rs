//! A store keeps bytes unchanged, whatever their number and content.

use std::sync::Arc;

use cloakroom::store::{Action, Edit, Expect, Payload, StoredValue};

use super::checks;
use super::failure::{Outcome, ensure_eq};
use super::fixture::Fixture;
use super::helpers::{after, done, same};

checks! { "values":
    bytes_are_kept_as_they_are,
    no_bytes_are_a_value_too,
    sixty_four_kibibytes_fit,
    a_hundred_values_fit,
    every_allowed_key_is_kept,
    absent_is_neither_present_nor_removed,
    sealed_is_kept_apart_from_what_is_not,
    freshness_is_kept,
    freshness_goes_with_the_value_it_belonged_to,
}

/// Writes the payloads with a commit and reads them back, then does the same with a create.
async fn round_trip(fixture: &Fixture, values: Vec<(Arc<str>, Payload)>) -> Outcome {
    let (selector, mut record) = fixture.session(&[]).await?;
    let mut commit = fixture.commit(1);
    for (key, payload) in &values {
        let action = Action::Put { payload: payload.clone(), fresh_until: None };
        commit.edits.push(Edit::new(Arc::clone(key), Expect::Version(0), action));
        record.values.push(StoredValue::new(Arc::clone(key), 2, None, payload.clone()));
    }
    let record = after(record, &commit);
    done(fixture.store.commit(selector, commit).await?)?;
    same(&fixture.load(selector).await?, &record, "load after the commit")?;

    let mut record = fixture.record();
    record.values = values.into_iter().map(|(key, payload)| StoredValue::new(key, 1, None, payload)).collect();
    let selector = fixture.insert(&record).await?;
    same(&fixture.load(selector).await?, &record, "load after the create")
}

async fn bytes_are_kept_as_they_are(fixture: &Fixture) -> Outcome {
    let every_byte: Arc<[u8]> = (0..=255).chain([0, 0, 13, 10, 26]).collect();
    round_trip(fixture, vec![("cart".into(), Payload::Present(every_byte))]).await
}

async fn no_bytes_are_a_value_too(fixture: &Fixture) -> Outcome {
    round_trip(fixture, vec![("cart".into(), Payload::Present(Arc::default()))]).await
}

async fn sixty_four_kibibytes_fit(fixture: &Fixture) -> Outcome {
    let large: Arc<[u8]> = (0..64 * 1024).map(|place: u32| place.to_le_bytes()[0]).collect();
    round_trip(fixture, vec![("cart".into(), Payload::Present(large))]).await
}

async fn a_hundred_values_fit(fixture: &Fixture) -> Outcome {
    let value = |number: u8| (format!("value-{number}").into(), Payload::Present([number; 100].into()));
    round_trip(fixture, (0..100).map(value).collect()).await
}

async fn every_allowed_key_is_kept(fixture: &Fixture) -> Outcome {
    const ALLOWED: &str = "abcdefghijklmnopqrstuvwxyz0123456789_.-";
    let one = ALLOWED.char_indices().map(|(place, _)| &ALLOWED[place..=place]);
    let longest = [ALLOWED, "0123456789", "_.-_.-_.-_.-_.-"].concat();
    ensure_eq!(longest.len(), 64, "the length of the longest allowed key");
    let looks_like_the_stores_own =
        ["v", "n", "id", "tag", "version", "nonce", "f-v", "f.v", "__proto__", "null", "-", "--", ".."];
    let of_the_library = ["*", "*key"];
    let all = one.chain(looks_like_the_stores_own).chain(of_the_library).chain([&*longest]);
    let mut keys: Vec<Arc<str>> = all.map(Arc::from).collect();
    keys.sort();
    keys.dedup();
    let value = |key: Arc<str>| (Arc::clone(&key), Payload::Present(key.as_bytes().into()));
    round_trip(fixture, keys.into_iter().map(value).collect()).await
}

async fn absent_is_neither_present_nor_removed(fixture: &Fixture) -> Outcome {
    let empty = Payload::Present(Arc::default());
    round_trip(fixture, vec![("avatar".into(), Payload::Absent), ("cart".into(), empty)]).await
}

async fn sealed_is_kept_apart_from_what_is_not(fixture: &Fixture) -> Outcome {
    let every_byte: Arc<[u8]> = [0, 1, 32, 34, 92].into_iter().chain(0..=255).collect();
    let both = || [Payload::Sealed(Arc::clone(&every_byte)), Payload::Present(Arc::clone(&every_byte))];
    let [sealed, plain] = both();
    // The seal of a record is stored under a key that no value's type can have.
    round_trip(fixture, vec![("cart".into(), sealed.clone()), ("theme".into(), plain), ("*".into(), sealed)]).await?;
    let [sealed, plain] = both();
    round_trip(fixture, vec![("cart".into(), plain), ("theme".into(), sealed)]).await?;
    round_trip(fixture, vec![("cart".into(), Payload::Sealed(Arc::default()))]).await
}

async fn freshness_is_kept(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&["cart"]).await?;
    // Also in the past: how long a stale value may be served is not decided by the store.
    let instants = [
        fixture.now().after(fixture.long()),
        fixture.record().lifetimes.created_at(),
        cloakroom::Timestamp::from_millis(1),
    ];
    let mut commit = fixture.commit(1);
    let mut expected = record.values;
    for (place, fresh_until) in instants.into_iter().enumerate() {
        let (key, payload) = (Arc::<str>::from(format!("roles-{place}")), Payload::Present(place.to_le_bytes().into()));
        let action = Action::Put { payload: payload.clone(), fresh_until: Some(fresh_until) };
        commit.edits.push(Edit::new(Arc::clone(&key), Expect::Any, action));
        expected.push(StoredValue::new(key, 2, Some(fresh_until), payload));
    }
    done(fixture.store.commit(selector, commit).await?)?;
    let loaded = fixture.load(selector).await?;
    same(&loaded, &with_fields!(loaded.clone(), values = expected), "freshness after a commit")
}

async fn freshness_goes_with_the_value_it_belonged_to(fixture: &Fixture) -> Outcome {
    let mut record = fixture.record();
    let fresh_until = Some(fixture.now().after(fixture.long()));
    for key in ["replaced", "removed", "kept"] {
        record.values.push(StoredValue::new(key.into(), 1, fresh_until, Payload::Present([1].into())));
    }
    let selector = fixture.insert(&record).await?;
    let put = Action::Put { payload: Payload::Present([2].into()), fresh_until: None };
    let mut commit = fixture.commit(1);
    commit.edits.push(Edit::new("replaced".into(), Expect::Any, put));
    commit.edits.push(Edit::new("removed".into(), Expect::Any, Action::Remove));
    done(fixture.store.commit(selector, commit).await?)?;
    let loaded = fixture.load(selector).await?;
    let values = vec![
        StoredValue::new("replaced".into(), 2, None, Payload::Present([2].into())),
        StoredValue::new("removed".into(), 2, None, Payload::Removed),
        StoredValue::new("kept".into(), 1, fresh_until, Payload::Present([1].into())),
    ];
    same(&loaded, &with_fields!(loaded.clone(), values = values), "freshness after other edits")
}
