//! The sessions of a principal.

use cloakroom::store::{Authentication, Principal, Selector};
use cloakroom::store::{Cursor, PageRequest, Rotation, StoreErrorKind, Summary};

use super::checks;
use super::failure::{Failure, Outcome, ensure, ensure_eq};
use super::fixture::{Fixture, UNTIL, legible, listed, members};
use super::helpers::{done, put, with};

checks! { "principals":
    members_are_listed_oldest_admission_first,
    members_come_with_what_a_list_shows,
    a_stranger_has_no_members,
    admitting_twice_lists_once,
    somebody_elses_session_is_left_out,
    a_session_that_is_about_to_log_in_keeps_its_place,
    a_dismissed_session_is_left_out_and_lives,
    dismissing_again_is_harmless,
    principals_are_compared_byte_for_byte,
    an_admission_creates_nothing,
    members_come_in_pages,
    pages_join_whoever_comes_and_goes,
    what_is_no_cursor_is_refused,
    several_are_dismissed_at_once,
    an_index_lasts_as_long_as_its_longest_session,
    a_session_that_is_prolonged_prolongs_its_index,
}

async fn member(fixture: &Fixture, principal: &Principal) -> Outcome<Selector> {
    let selector = fixture.insert(&fixture.record_of(principal)).await?;
    fixture.store.add_member(principal, selector, UNTIL, None).await?;
    Ok(selector)
}

async fn members_are_listed_oldest_admission_first(fixture: &Fixture) -> Outcome {
    let principal = fixture.principal();
    let mut admitted: Vec<Selector> = Vec::new();
    for _ in 0..5 {
        admitted.push(member(fixture, &principal).await?);
        fixture.wait(1).await;
    }
    ensure_eq!(legible(&listed(&fixture.store, &principal).await?), legible(&admitted), "the members");
    Ok(())
}

async fn members_come_with_what_a_list_shows(fixture: &Fixture) -> Outcome {
    let principal = fixture.principal();
    let record = with_fields!(fixture.record_of(&principal), values = fixture.record_with(&["cart"]).values);
    let selector = fixture.insert(&record).await?;
    fixture.store.add_member(&principal, selector, UNTIL, None).await?;
    fixture.wait(1).await;
    done(fixture.store.commit(selector, with(fixture.commit(1), [put("cart", "second")])).await?)?;
    let mut members = members(&fixture.store, &principal).await?;
    ensure_eq!(members.len(), 1, "the number of members");
    let (there, record) = (members.remove(0).summary?, fixture.load(selector).await?);
    ensure_eq!(there, Summary::from(&record), "the summary of a member");
    Ok(())
}

async fn a_stranger_has_no_members(fixture: &Fixture) -> Outcome {
    let principal = fixture.principal();
    ensure!(listed(&fixture.store, &principal).await?.is_empty(), "a principal that never logged in has sessions");
    fixture.insert(&fixture.record_of(&principal)).await?;
    Ok(())
}

async fn admitting_twice_lists_once(fixture: &Fixture) -> Outcome {
    let principal = fixture.principal();
    let selector = member(fixture, &principal).await?;
    fixture.store.add_member(&principal, selector, UNTIL, None).await?;
    ensure_eq!(legible(&listed(&fixture.store, &principal).await?), legible(&[selector]), "the members");
    Ok(())
}

async fn somebody_elses_session_is_left_out(fixture: &Fixture) -> Outcome {
    let (principal, other) = (fixture.principal(), fixture.principal());
    let mine = member(fixture, &principal).await?;
    let theirs = fixture.insert(&fixture.record_of(&other)).await?;
    fixture.store.add_member(&principal, theirs, UNTIL, None).await?;
    ensure_eq!(legible(&listed(&fixture.store, &principal).await?), legible(&[mine]), "the members");
    ensure!(fixture.is_live(theirs).await?, "a session of another principal was ended");
    Ok(())
}

/// A login admits first and commits afterwards. Listing the members in between must not remove the
/// session.
async fn a_session_that_is_about_to_log_in_keeps_its_place(fixture: &Fixture) -> Outcome {
    let (former, principal) = (fixture.principal(), fixture.principal());
    let (anonymous, _) = fixture.session(&[]).await?;
    let switching = member(fixture, &former).await?;
    for selector in [anonymous, switching] {
        fixture.store.add_member(&principal, selector, UNTIL, None).await?;
        listed(&fixture.store, &principal).await?;
        let authentication = Some(Authentication::new(principal.clone(), fixture.now(), None));
        let rotation = Some(with_fields!(Rotation::new(fixture.verifier(), None), authentication = authentication));
        done(fixture.store.commit(selector, with_fields!(fixture.commit(1), rotation = rotation)).await?)?;
        let members = listed(&fixture.store, &principal).await?;
        ensure!(members.contains(&selector), "a session that just logged in was not listed");
    }
    ensure!(listed(&fixture.store, &former).await?.is_empty(), "a session was listed under its former principal");
    Ok(())
}

async fn a_dismissed_session_is_left_out_and_lives(fixture: &Fixture) -> Outcome {
    let principal = fixture.principal();
    let (stays, leaves) = (member(fixture, &principal).await?, member(fixture, &principal).await?);
    fixture.store.remove_members(&principal, vec![leaves]).await?;
    ensure_eq!(legible(&listed(&fixture.store, &principal).await?), legible(&[stays]), "the members");
    ensure!(fixture.is_live(leaves).await?, "remove_members ended the session");
    Ok(())
}

async fn dismissing_again_is_harmless(fixture: &Fixture) -> Outcome {
    let (principal, other) = (fixture.principal(), fixture.principal());
    let selector = member(fixture, &principal).await?;
    fixture.store.remove_members(&other, vec![selector]).await?;
    fixture.store.remove_members(&principal, vec![fixture.selector()]).await?;
    ensure_eq!(
        legible(&listed(&fixture.store, &principal).await?),
        legible(&[selector]),
        "the members after unrelated removals"
    );
    for _ in 0..2 {
        fixture.store.remove_members(&principal, vec![selector]).await?;
    }
    ensure!(listed(&fixture.store, &principal).await?.is_empty(), "a removed member was still listed");
    Ok(())
}

/// Collations and key patterns fail on case, accents, white space and wildcards.
async fn principals_are_compared_byte_for_byte(fixture: &Fixture) -> Outcome {
    let long = "x".repeat(300);
    let longer = "x".repeat(301);
    let ids = [
        "ann",
        "Ann",
        "ANN",
        "ann ",
        " ann",
        "ánn",
        "a\u{301}nn",
        "ann\u{0}",
        "an",
        "a%",
        "a_n",
        "a*",
        "ann:1",
        "ann}",
        "",
        "0",
        "00",
        "-1",
        "ß",
        "ss",
        "'; --",
        &long,
        &longer,
    ];
    let principals = ids.map(Principal::from);
    let mut selectors = Vec::new();
    for principal in &principals {
        selectors.push(member(fixture, principal).await?);
    }
    for (principal, selector) in principals.iter().zip(selectors) {
        let what = format!("the members of {:?}", principal.as_str());
        ensure_eq!(legible(&listed(&fixture.store, principal).await?), legible(&[selector]), what);
    }
    Ok(())
}

async fn an_admission_creates_nothing(fixture: &Fixture) -> Outcome {
    let (principal, selector) = (fixture.principal(), fixture.selector());
    fixture.store.add_member(&principal, selector, UNTIL, None).await?;
    ensure!(!fixture.is_live(selector).await?, "add_member created a record");
    ensure!(listed(&fixture.store, &principal).await?.is_empty(), "a session without a record was listed");
    Ok(())
}

async fn some_members(fixture: &Fixture, principal: &Principal, count: usize) -> Outcome<Vec<Selector>> {
    let mut selectors = Vec::new();
    for _ in 0..count {
        selectors.push(member(fixture, principal).await?);
    }
    Ok(selectors)
}

async fn members_come_in_pages(fixture: &Fixture) -> Outcome {
    let principal = fixture.principal();
    let selectors = some_members(fixture, &principal, 7).await?;
    let (mut listed, mut request) = (Vec::new(), PageRequest::first(3));
    for _ in 0..2 * selectors.len() {
        let page = fixture.store.list_members(&principal, request.clone()).await?;
        ensure!(page.items.len() <= 3, "a page with a limit of 3 has {} members", page.items.len());
        listed.extend(page.items.into_iter().map(|member| member.selector));
        let Some(next) = page.next else {
            ensure_eq!(legible(&listed), legible(&selectors), "the members on all pages");
            return Ok(());
        };
        request = request.after(next);
    }
    Err(Failure::new("the pages do not end"))
}

/// A caller that revokes all sessions ends the members of a page before it requests the next one.
async fn pages_join_whoever_comes_and_goes(fixture: &Fixture) -> Outcome {
    let (principal, request) = (fixture.principal(), PageRequest::first(2));
    let selectors = some_members(fixture, &principal, 6).await?;
    let first = fixture.store.list_members(&principal, request.clone()).await?;
    let on_first: Vec<_> = first.items.iter().map(|member| member.selector).collect();
    ensure_eq!(legible(&on_first), legible(&selectors[..2]), "the first page");
    let next = first.next.ok_or_else(|| Failure::new("the list ends after 2 of 6 members"))?;
    fixture.destroy(selectors[0]).await?;
    fixture.store.remove_members(&principal, vec![selectors[0], selectors[1]]).await?;
    fixture.destroy(selectors[2]).await?;
    let late = member(fixture, &principal).await?;
    let (mut rest, mut request) = (Vec::new(), request.after(next));
    loop {
        let page = fixture.store.list_members(&principal, request.clone()).await?;
        rest.extend(page.items.into_iter().map(|member| member.selector));
        match page.next {
            Some(next) => request = request.after(next),
            None => break,
        }
    }
    rest.retain(|selector| *selector != late);
    ensure_eq!(legible(&rest), legible(&selectors[3..]), "the members on the other pages");
    Ok(())
}

async fn what_is_no_cursor_is_refused(fixture: &Fixture) -> Outcome {
    let principal = fixture.principal();
    member(fixture, &principal).await?;
    for text in ["", "no cursor", "-1", "1 OR 1=1", "(0", "\u{0}"] {
        let request = PageRequest::first(2).after(Cursor::new(text));
        match fixture.store.list_members(&principal, request).await {
            Err(error) if error.kind() == StoreErrorKind::InvalidCursor => {}
            other => return Err(Failure::new(format!("the cursor {text:?} was accepted with {other:?}"))),
        }
    }
    Ok(())
}

async fn several_are_dismissed_at_once(fixture: &Fixture) -> Outcome {
    let principal = fixture.principal();
    let selectors = some_members(fixture, &principal, 5).await?;
    fixture
        .store
        .remove_members(&principal, vec![selectors[0], fixture.selector(), selectors[3], selectors[0]])
        .await?;
    ensure_eq!(
        legible(&listed(&fixture.store, &principal).await?),
        legible(&[selectors[1], selectors[2], selectors[4]]),
        "the members"
    );
    fixture.store.remove_members(&principal, Vec::new()).await?;
    ensure_eq!(listed(&fixture.store, &principal).await?.len(), 3, "the number of members");
    Ok(())
}

async fn an_index_lasts_as_long_as_its_longest_session(fixture: &Fixture) -> Outcome {
    let (principal, now) = (fixture.principal(), fixture.now());
    let (long, short) = (fixture.insert(&fixture.record_of(&principal)).await?, fixture.record_of(&principal));
    let short = fixture.insert(&short).await?;
    fixture.store.add_member(&principal, long, now.after(fixture.long()), None).await?;
    fixture.store.add_member(&principal, short, now.after(fixture.ticks(1)), None).await?;
    fixture.wait(3).await;
    ensure!(
        listed(&fixture.store, &principal).await?.contains(&long),
        "the index was removed before its longest session ended"
    );
    Ok(())
}

/// "Remember me" for an existing session.
async fn a_session_that_is_prolonged_prolongs_its_index(fixture: &Fixture) -> Outcome {
    let (principal, now) = (fixture.principal(), fixture.now());
    let selector = fixture.insert(&fixture.record_of(&principal)).await?;
    fixture.store.add_member(&principal, selector, now.after(fixture.ticks(1)), None).await?;
    fixture.store.add_member(&principal, selector, now.after(fixture.long()), None).await?;
    fixture.wait(3).await;
    ensure_eq!(legible(&listed(&fixture.store, &principal).await?), legible(&[selector]), "the members");
    Ok(())
}
