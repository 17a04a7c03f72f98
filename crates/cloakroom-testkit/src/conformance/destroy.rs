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

async fn it_answers_whether_there_was_a_record(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    ensure_eq!(fixture.destroy(selector).await?, true, "destroy of a live session");
    ensure!(!fixture.is_live(selector).await?, "load returned a destroyed session");
    for unknown in [selector, fixture.selector()] {
        ensure_eq!(fixture.destroy(unknown).await?, false, "destroy of a session that does not exist");
    }
    Ok(())
}

async fn other_sessions_live_on(fixture: &Fixture) -> Outcome {
    let ((selector, _), (other, record)) = (fixture.session(&["cart"]).await?, fixture.session(&["cart"]).await?);
    fixture.destroy(selector).await?;
    same(&fixture.load(other).await?, &record, "load of another session")
}

async fn late_writes_do_not_resurrect(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&["cart"]).await?;
    fixture.destroy(selector).await?;
    let edit = with(fixture.commit(1), [put("cart", "late")]);
    let mut login = fixture.commit(1);
    login.guard = Guard::Holder(record.verifier);
    login.rotation = Some(Rotation::new(fixture.verifier(), None));
    for late in [edit, login] {
        gone(fixture.store.commit(selector, late).await?)?;
        ensure!(!fixture.is_live(selector).await?, "a late commit revived a destroyed session");
    }
    fixture.store.touch(vec![Touch::new(selector, Guard::Holder(record.verifier), fixture.now())]).await?;
    ensure!(!fixture.is_live(selector).await?, "a late touch revived a destroyed session");
    fixture.store.add_member(&fixture.principal(), selector, UNTIL, None).await?;
    ensure!(!fixture.is_live(selector).await?, "a late admission revived a destroyed session");
    ensure!(!fixture.destroy(selector).await?, "a second destroy found a record");
    Ok(())
}

async fn it_takes_the_session_out_of_every_list(fixture: &Fixture) -> Outcome {
    let principal = fixture.principal();
    let selector = fixture.insert(&fixture.record_of(&principal)).await?;
    fixture.store.add_member(&principal, selector, UNTIL, None).await?;
    fixture.destroy(selector).await?;
    ensure!(listed(&fixture.store, &principal).await?.is_empty(), "list_members returned a destroyed session");
    Ok(())
}

async fn a_new_record_under_an_old_tag_inherits_nothing(fixture: &Fixture) -> Outcome {
    let principal = fixture.principal();
    let authentication = Some(Authentication::new(principal, fixture.now(), Some("Firefox".into())));
    let old = with_fields!(fixture.record_with(&["cart", "theme"]), authentication = authentication);
    let selector = fixture.insert(&old).await?;
    done(fixture.store.commit(selector, with(fixture.commit(1), [put("cart", "second")])).await?)?;
    fixture.destroy(selector).await?;
    let new = fixture.record_with(&["cart"]);
    fixture.insert_as(selector, &new).await?;
    same(&fixture.load(selector).await?, &new, "load of the new record")?;
    let mut late = with(fixture.commit(2), [put("cart", "late")]);
    late.guard = Guard::Holder(old.verifier);
    superseded(fixture.store.commit(selector, late).await?)?;
    same(&fixture.load(selector).await?, &new, "load of the new record after a late write to the old one")
}

async fn several_are_destroyed_at_once_each_by_itself(fixture: &Fixture) -> Outcome {
    let ((first, _), (last, _), (other, _)) =
        (fixture.session(&["cart"]).await?, fixture.session(&[]).await?, fixture.session(&[]).await?);
    let gone = fixture.selector();
    let answers = fixture.store.destroy_many(vec![first, gone, last, first]).await;
    let mut answers = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
    // If a selector is given twice, either destroy may be the one that ends the session.
    if answers.first() == Some(&Destroyed::Gone) && answers.len() == 4 {
        answers.swap(0, 3);
    }
    let expected = [Destroyed::Done, Destroyed::Gone, Destroyed::Done, Destroyed::Gone];
    ensure_eq!(answers, expected, "the results for a session, an unknown one, another one, and the first again");
    for selector in [first, gone, last] {
        ensure!(!fixture.is_live(selector).await?, "a session was live after it was destroyed together with others");
    }
    ensure!(fixture.is_live(other).await?, "a session that was not given was destroyed");
    ensure!(
        fixture.store.destroy_many(Vec::new()).await.is_empty(),
        "destroy_many without selectors returned a result"
    );
    Ok(())
}
