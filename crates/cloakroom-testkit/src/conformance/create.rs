//! Records are created only by `create`, and only once.

use cloakroom::Timestamp;
use cloakroom::store::{Authentication, PreviousSecret, Selector};
use cloakroom::store::{Created, Payload, Record, StoredValue};

use super::checks;
use super::failure::{Outcome, ensure, ensure_eq};
use super::fixture::{Fixture, UNTIL, listed};
use super::helpers::{bytes, done, gone, put, same, with};

checks! { "create":
    a_free_tag_is_taken,
    every_field_is_kept,
    a_taken_tag_is_refused_and_its_record_kept,
    a_repeat_answers_done_again,
    a_repeat_after_a_commit_is_refused,
    tags_are_compared_in_full,
    nobody_else_creates,
}

async fn a_free_tag_is_taken(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&["cart"]).await?;
    same(&fixture.load(selector).await?, &record, "load after create")
}

async fn every_field_is_kept(fixture: &Fixture) -> Outcome {
    let now = fixture.now();
    let until = now.after(fixture.ticks(1));
    let mut record = fixture.record_with(&["cart"]);
    record.previous = Some(PreviousSecret::renewed(fixture.verifier(), until));
    record.authentication = Some(Authentication::new("zoë:7%".into(), now, Some("Firefox, “new”\n★".into())));
    record.last_seen = now;
    record.lifetimes = record.lifetimes.with_persistent(true);
    record.values.push(StoredValue::new("roles".into(), 1, Some(until), Payload::Present(bytes("[]"))));
    record.values.push(StoredValue::new("avatar".into(), 1, Some(until), Payload::Absent));
    let selector = fixture.insert(&record).await?;
    same(&fixture.load(selector).await?, &record, "load after create")
}

async fn a_taken_tag_is_refused_and_its_record_kept(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&["cart"]).await?;
    let answer = fixture.store.create(selector, fixture.record_with(&["theme"])).await?;
    ensure_eq!(answer, Created::Exists, "create under a taken selector");
    same(&fixture.load(selector).await?, &record, "load after the refused create")
}

async fn a_repeat_answers_done_again(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&["cart"]).await?;
    let answer = fixture.store.create(selector, record.clone()).await?;
    ensure!(matches!(answer, Created::Done(_)), "create repeated with the same nonce returned {answer:?}");
    same(&fixture.load(selector).await?, &record, "load after the repeated create")
}

async fn a_repeat_after_a_commit_is_refused(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&["cart"]).await?;
    done(fixture.store.commit(selector, with(fixture.commit(1), [put("cart", "second")])).await?)?;
    let changed = fixture.load(selector).await?;
    let answer = fixture.store.create(selector, record).await?;
    ensure_eq!(answer, Created::Exists, "create with a nonce that the record no longer has");
    same(&fixture.load(selector).await?, &changed, "load after the refused create")
}

async fn tags_are_compared_in_full(fixture: &Fixture) -> Outcome {
    let mut first_differs = *fixture.selector().as_bytes();
    let mut last_differs = first_differs;
    let selector = Selector::from_bytes(first_differs);
    first_differs[0] ^= 1;
    last_differs[15] ^= 1;
    let alike = [selector, Selector::from_bytes(first_differs), Selector::from_bytes(last_differs)];
    let extremes = [
        Selector::from_bytes([0; 16]),
        Selector::from_bytes([255; 16]),
        Selector::from_bytes(*b"\r\n\0:%{}*?[]\\\"' ;"),
    ];
    let mut records = Vec::<(Selector, Record)>::new();
    for selector in alike.into_iter().chain(extremes) {
        let record = fixture.record();
        fixture.insert_as(selector, &record).await?;
        records.push((selector, record));
    }
    for (selector, record) in records {
        same(&fixture.load(selector).await?, &record, &format!("load of selector {:?}", selector.as_bytes()))?;
    }
    Ok(())
}

async fn nobody_else_creates(fixture: &Fixture) -> Outcome {
    let (selector, principal) = (fixture.selector(), fixture.principal());
    ensure!(!fixture.is_live(selector).await?, "load of an unknown selector returned a record");
    gone(fixture.store.commit(selector, with(fixture.commit(0), [put("cart", "second")])).await?)?;
    fixture
        .store
        .touch(vec![cloakroom::store::Touch::new(selector, cloakroom::store::Guard::Anyone, fixture.now())])
        .await?;
    ensure!(!fixture.destroy(selector).await?, "destroy of an unknown selector reported a record");
    fixture.store.add_member(&principal, selector, UNTIL, None).await?;
    fixture.store.remove_members(&principal, vec![selector]).await?;
    ensure!(listed(&fixture.store, &principal).await?.is_empty(), "list_members returned a session without a record");
    ensure!(!fixture.is_live(selector).await?, "a verb other than create created a record");
    ensure!(fixture.now() < Timestamp::MAX, "Backend::now returned Timestamp::MAX");
    fixture.insert_as(selector, &fixture.record()).await
}
