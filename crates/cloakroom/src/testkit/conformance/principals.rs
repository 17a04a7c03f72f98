//! The sessions of a principal.

use crate::identity::{Authentication, Principal, Tag};
use crate::store::{Commit, Record, Rotation};

use super::checks;
use super::failure::{Outcome, ensure, ensure_eq};
use super::stage::Stage;
use super::words::{done, put, same, with};

checks! { "principals":
    members_are_listed_oldest_admission_first,
    members_come_with_their_records,
    a_stranger_has_no_members,
    admitting_twice_lists_once,
    somebody_elses_session_is_left_out,
    a_session_that_is_about_to_log_in_keeps_its_place,
    a_dismissed_session_is_left_out_and_lives,
    dismissing_again_is_harmless,
    principals_are_compared_byte_for_byte,
    an_admission_creates_nothing,
}

async fn member(stage: &Stage, principal: &Principal) -> Outcome<Tag> {
    let tag = stage.insert(&stage.record_of(principal)).await?;
    stage.store.admit(principal, tag, None).await?;
    Ok(tag)
}

async fn listed(stage: &Stage, principal: &Principal) -> Outcome<Vec<[u8; 16]>> {
    Ok(stage.store.members(principal).await?.iter().map(|(tag, _)| *tag.as_bytes()).collect())
}

async fn members_are_listed_oldest_admission_first(stage: &Stage) -> Outcome {
    let principal = stage.principal();
    let mut admitted = Vec::new();
    for _ in 0..5 {
        admitted.push(*member(stage, &principal).await?.as_bytes());
        stage.wait(1).await;
    }
    ensure_eq!(listed(stage, &principal).await?, admitted, "the members");
    Ok(())
}

async fn members_come_with_their_records(stage: &Stage) -> Outcome {
    let principal = stage.principal();
    let record = Record { values: stage.record_with(&["cart"]).values, ..stage.record_of(&principal) };
    let tag = stage.insert(&record).await?;
    stage.store.admit(&principal, tag, None).await?;
    done(stage.store.commit(tag, with(stage.commit(1), [put("cart", "second")])).await?)?;
    let mut members = stage.store.members(&principal).await?;
    ensure_eq!(members.len(), 1, "members");
    same(&members.remove(0).1?, &stage.load(tag).await?, "the record of a member")
}

async fn a_stranger_has_no_members(stage: &Stage) -> Outcome {
    let principal = stage.principal();
    ensure!(listed(stage, &principal).await?.is_empty(), "somebody who never logged in has sessions");
    stage.insert(&stage.record_of(&principal)).await?;
    Ok(())
}

async fn admitting_twice_lists_once(stage: &Stage) -> Outcome {
    let principal = stage.principal();
    let tag = member(stage, &principal).await?;
    stage.store.admit(&principal, tag, None).await?;
    ensure_eq!(listed(stage, &principal).await?, [*tag.as_bytes()], "the members");
    Ok(())
}

async fn somebody_elses_session_is_left_out(stage: &Stage) -> Outcome {
    let (principal, other) = (stage.principal(), stage.principal());
    let mine = member(stage, &principal).await?;
    let theirs = stage.insert(&stage.record_of(&other)).await?;
    stage.store.admit(&principal, theirs, None).await?;
    ensure_eq!(listed(stage, &principal).await?, [*mine.as_bytes()], "the members");
    ensure!(stage.is_live(theirs).await?, "a session was ended because it is somebody else's");
    Ok(())
}

/// A login admits first and commits then. A list that is read in between must not cost it its place.
async fn a_session_that_is_about_to_log_in_keeps_its_place(stage: &Stage) -> Outcome {
    let (former, principal) = (stage.principal(), stage.principal());
    let (anonymous, _) = stage.session(&[]).await?;
    let switching = member(stage, &former).await?;
    for tag in [anonymous, switching] {
        stage.store.admit(&principal, tag, None).await?;
        listed(stage, &principal).await?;
        let authentication = Some(Authentication::new(principal.clone(), stage.now(), None));
        let rotation = Some(Rotation { authentication, ..Rotation::new(stage.verifier(), None) });
        done(stage.store.commit(tag, Commit { rotation, ..stage.commit(1) }).await?)?;
        let members = listed(stage, &principal).await?;
        ensure!(members.contains(tag.as_bytes()), "a session that just logged in is not listed");
    }
    ensure!(listed(stage, &former).await?.is_empty(), "a session is listed under its former principal");
    Ok(())
}

async fn a_dismissed_session_is_left_out_and_lives(stage: &Stage) -> Outcome {
    let principal = stage.principal();
    let (stays, leaves) = (member(stage, &principal).await?, member(stage, &principal).await?);
    stage.store.dismiss(&principal, leaves).await?;
    ensure_eq!(listed(stage, &principal).await?, [*stays.as_bytes()], "the members");
    ensure!(stage.is_live(leaves).await?, "dismiss ended the session");
    Ok(())
}

async fn dismissing_again_is_harmless(stage: &Stage) -> Outcome {
    let (principal, other) = (stage.principal(), stage.principal());
    let tag = member(stage, &principal).await?;
    stage.store.dismiss(&other, tag).await?;
    stage.store.dismiss(&principal, stage.tag()).await?;
    ensure_eq!(listed(stage, &principal).await?, [*tag.as_bytes()], "the members after dismissals of others");
    for _ in 0..2 {
        stage.store.dismiss(&principal, tag).await?;
    }
    ensure!(listed(stage, &principal).await?.is_empty(), "a dismissed session is still listed");
    Ok(())
}

/// Case, accents, white space and wildcards are where collations and key patterns go wrong.
async fn principals_are_compared_byte_for_byte(stage: &Stage) -> Outcome {
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
    let mut tags = Vec::new();
    for principal in &principals {
        tags.push(member(stage, principal).await?);
    }
    for (principal, tag) in principals.iter().zip(tags) {
        let what = format!("the members of {:?}", principal.as_str());
        ensure_eq!(listed(stage, principal).await?, [*tag.as_bytes()], what);
    }
    Ok(())
}

async fn an_admission_creates_nothing(stage: &Stage) -> Outcome {
    let (principal, tag) = (stage.principal(), stage.tag());
    stage.store.admit(&principal, tag, None).await?;
    ensure!(!stage.is_live(tag).await?, "admit brought a record into being");
    ensure!(listed(stage, &principal).await?.is_empty(), "a session without a record is listed");
    Ok(())
}
