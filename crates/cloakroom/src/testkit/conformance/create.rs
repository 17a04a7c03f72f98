//! Records come into being by `create` only, and never twice.

use crate::identity::{Authentication, Previous, Tag};
use crate::store::{Created, Payload, Record, StoredValue};
use crate::time::Timestamp;

use super::checks;
use super::failure::{Outcome, ensure, ensure_eq};
use super::stage::{Stage, UNTIL, listed};
use super::words::{bytes, done, gone, put, same, with};

checks! { "create":
    a_free_tag_is_taken,
    every_field_is_kept,
    a_taken_tag_is_refused_and_its_record_kept,
    a_repeat_answers_done_again,
    a_repeat_after_a_commit_is_refused,
    tags_are_compared_in_full,
    nobody_else_creates,
}

async fn a_free_tag_is_taken(stage: &Stage) -> Outcome {
    let (tag, record) = stage.session(&["cart"]).await?;
    same(&stage.load(tag).await?, &record, "load after create")
}

async fn every_field_is_kept(stage: &Stage) -> Outcome {
    let now = stage.now();
    let until = now.after(stage.ticks(1));
    let mut record = stage.record_with(&["cart"]);
    record.previous = Some(Previous::renewed(stage.verifier(), until));
    record.authentication = Some(Authentication::new("zoë:7%".into(), now, Some("Firefox, “new”\n★".into())));
    record.last_seen = now;
    record.lifetimes.persistent = true;
    record.values.push(StoredValue::new("roles".into(), 1, Some(until), Payload::Present(bytes("[]"))));
    record.values.push(StoredValue::new("avatar".into(), 1, Some(until), Payload::Absent));
    let tag = stage.insert(&record).await?;
    same(&stage.load(tag).await?, &record, "load after create")
}

async fn a_taken_tag_is_refused_and_its_record_kept(stage: &Stage) -> Outcome {
    let (tag, record) = stage.session(&["cart"]).await?;
    let answer = stage.store.create(tag, stage.record_with(&["theme"])).await?;
    ensure_eq!(answer, Created::Exists, "create under a taken tag");
    same(&stage.load(tag).await?, &record, "load after the refused create")
}

async fn a_repeat_answers_done_again(stage: &Stage) -> Outcome {
    let (tag, record) = stage.session(&["cart"]).await?;
    let answer = stage.store.create(tag, record.clone()).await?;
    ensure!(matches!(answer, Created::Done(_)), "create repeated with the same nonce answered {answer:?}");
    same(&stage.load(tag).await?, &record, "load after the repeated create")
}

async fn a_repeat_after_a_commit_is_refused(stage: &Stage) -> Outcome {
    let (tag, record) = stage.session(&["cart"]).await?;
    done(stage.store.commit(tag, with(stage.commit(1), [put("cart", "second")])).await?)?;
    let changed = stage.load(tag).await?;
    let answer = stage.store.create(tag, record).await?;
    ensure_eq!(answer, Created::Exists, "create with a nonce that is no longer the record's");
    same(&stage.load(tag).await?, &changed, "load after the refused create")
}

async fn tags_are_compared_in_full(stage: &Stage) -> Outcome {
    let mut first_differs = *stage.tag().as_bytes();
    let mut last_differs = first_differs;
    let tag = Tag::from_bytes(first_differs);
    first_differs[0] ^= 1;
    last_differs[15] ^= 1;
    let alike = [tag, Tag::from_bytes(first_differs), Tag::from_bytes(last_differs)];
    let extremes = [Tag::from_bytes([0; 16]), Tag::from_bytes([255; 16]), Tag::from_bytes(*b"\r\n\0:%{}*?[]\\\"' ;")];
    let mut records = Vec::<(Tag, Record)>::new();
    for tag in alike.into_iter().chain(extremes) {
        let record = stage.record();
        stage.insert_as(tag, &record).await?;
        records.push((tag, record));
    }
    for (tag, record) in records {
        same(&stage.load(tag).await?, &record, &format!("load of tag {:?}", tag.as_bytes()))?;
    }
    Ok(())
}

async fn nobody_else_creates(stage: &Stage) -> Outcome {
    let (tag, principal) = (stage.tag(), stage.principal());
    ensure!(!stage.is_live(tag).await?, "load of an unknown tag answered a record");
    gone(stage.store.commit(tag, with(stage.commit(0), [put("cart", "second")])).await?)?;
    stage.store.touch(vec![crate::store::Touch::new(tag, crate::store::Guard::Anyone, stage.now())]).await?;
    ensure!(!stage.destroy(tag).await?, "destroy of an unknown tag answered that there was a record");
    stage.store.admit(&principal, tag, UNTIL, None).await?;
    stage.store.dismiss(&principal, vec![tag]).await?;
    ensure!(listed(&stage.store, &principal).await?.is_empty(), "members answered a session without a record");
    ensure!(!stage.is_live(tag).await?, "some verb other than create brought a record into being");
    ensure!(stage.now() < Timestamp::MAX, "Backend::now answered the last instant there is");
    stage.insert_as(tag, &stage.record()).await
}
