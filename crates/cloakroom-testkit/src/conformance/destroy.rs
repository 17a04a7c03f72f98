//! A destroyed session does not come back.

use cloakroom::store::Authentication;
use cloakroom::store::{Destroyed, Guard, Rotation, Touch};

use super::checks;
use super::failure::{Outcome, ensure, ensure_eq};
use super::fixture::{Fixture, UNTIL, listed};
use super::helpers::{done, gone, put, same, superseded, with};

checks! { "destroy":
    it_answers_whether_there_was_a_record,
    other_sessions_live_on,
    late_writes_do_not_resurrect,
    it_takes_the_session_out_of_every_list,
    several_are_destroyed_at_once_each_by_itself,
    a_new_record_under_an_old_tag_inherits_nothing,
}

async fn it_answers_whether_there_was_a_record(stage: &Fixture) -> Outcome {
    let (selector, _) = stage.session(&["cart"]).await?;
    ensure_eq!(stage.destroy(selector).await?, true, "destroy of a live session");
    ensure!(!stage.is_live(selector).await?, "load returned a destroyed session");
    for unknown in [selector, stage.selector()] {
        ensure_eq!(stage.destroy(unknown).await?, false, "destroy of a session that does not exist");
    }
    Ok(())
}

async fn other_sessions_live_on(stage: &Fixture) -> Outcome {
    let ((selector, _), (other, record)) = (stage.session(&["cart"]).await?, stage.session(&["cart"]).await?);
    stage.destroy(selector).await?;
    same(&stage.load(other).await?, &record, "load of another session")
}

async fn late_writes_do_not_resurrect(stage: &Fixture) -> Outcome {
    let (selector, record) = stage.session(&["cart"]).await?;
    stage.destroy(selector).await?;
    let edit = with(stage.commit(1), [put("cart", "late")]);
    let mut login = stage.commit(1);
    login.guard = Guard::Holder(record.verifier);
    login.rotation = Some(Rotation::new(stage.verifier(), None));
    for late in [edit, login] {
        gone(stage.store.commit(selector, late).await?)?;
        ensure!(!stage.is_live(selector).await?, "a late commit revived a destroyed session");
    }
    stage.store.touch(vec![Touch::new(selector, Guard::Holder(record.verifier), stage.now())]).await?;
    ensure!(!stage.is_live(selector).await?, "a late touch revived a destroyed session");
    stage.store.add_member(&stage.principal(), selector, UNTIL, None).await?;
    ensure!(!stage.is_live(selector).await?, "a late admission revived a destroyed session");
    ensure!(!stage.destroy(selector).await?, "a second destroy found a record");
    Ok(())
}

async fn it_takes_the_session_out_of_every_list(stage: &Fixture) -> Outcome {
    let principal = stage.principal();
    let selector = stage.insert(&stage.record_of(&principal)).await?;
    stage.store.add_member(&principal, selector, UNTIL, None).await?;
    stage.destroy(selector).await?;
    ensure!(listed(&stage.store, &principal).await?.is_empty(), "list_members returned a destroyed session");
    Ok(())
}

async fn a_new_record_under_an_old_tag_inherits_nothing(stage: &Fixture) -> Outcome {
    let principal = stage.principal();
    let authentication = Some(Authentication::new(principal, stage.now(), Some("Firefox".into())));
    let old = with_fields!(stage.record_with(&["cart", "theme"]), authentication = authentication);
    let selector = stage.insert(&old).await?;
    done(stage.store.commit(selector, with(stage.commit(1), [put("cart", "second")])).await?)?;
    stage.destroy(selector).await?;
    let new = stage.record_with(&["cart"]);
    stage.insert_as(selector, &new).await?;
    same(&stage.load(selector).await?, &new, "load of the new record")?;
    let mut late = with(stage.commit(2), [put("cart", "late")]);
    late.guard = Guard::Holder(old.verifier);
    superseded(stage.store.commit(selector, late).await?)?;
    same(&stage.load(selector).await?, &new, "load of the new record after a late write to the old one")
}

async fn several_are_destroyed_at_once_each_by_itself(stage: &Fixture) -> Outcome {
    let ((first, _), (last, _), (other, _)) =
        (stage.session(&["cart"]).await?, stage.session(&[]).await?, stage.session(&[]).await?);
    let gone = stage.selector();
    let answers = stage.store.destroy_many(vec![first, gone, last, first]).await;
    let mut answers = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
    // If a selector is given twice, either destroy may be the one that ends the session.
    if answers.first() == Some(&Destroyed::Gone) && answers.len() == 4 {
        answers.swap(0, 3);
    }
    let expected = [Destroyed::Done, Destroyed::Gone, Destroyed::Done, Destroyed::Gone];
    ensure_eq!(answers, expected, "the results for a session, an unknown one, another one, and the first again");
    for selector in [first, gone, last] {
        ensure!(!stage.is_live(selector).await?, "a session was live after it was destroyed together with others");
    }
    ensure!(stage.is_live(other).await?, "a session that was not given was destroyed");
    ensure!(stage.store.destroy_many(Vec::new()).await.is_empty(), "destroy_many without selectors returned a result");
    Ok(())
}
