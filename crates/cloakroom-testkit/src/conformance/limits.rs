//! The limit of concurrent sessions, decided together with the admission.

use std::num::NonZeroU32;

use cloakroom::store::{Admission, BATCH, Limit, LimitPolicy};
use cloakroom::store::{Principal, Selector};

use super::checks;
use super::failure::{Failure, Outcome, ensure, ensure_eq};
use super::fixture::{Fixture, UNTIL, legible, listed};

checks! { "limits":
    without_a_limit_everybody_is_admitted,
    below_the_limit_everybody_is_admitted,
    at_the_limit_one_more_is_refused,
    at_the_limit_the_oldest_makes_room,
    who_has_to_end_stays_a_member_until_dismissed,
    a_lower_limit_makes_as_many_leave_as_needed,
    a_far_lower_limit_is_reached_in_steps,
    a_member_is_admitted_again_at_the_limit,
    a_member_keeps_its_place_in_the_line,
    the_dead_do_not_count,
    the_dismissed_do_not_count,
    principals_do_not_share_a_limit,
}

pub(super) fn limit(count: u32, when_reached: LimitPolicy) -> Option<Limit> {
    NonZeroU32::new(count).map(|count| Limit::new(count, when_reached))
}

pub(super) fn displaced(answer: Admission) -> Outcome<Vec<Selector>> {
    match answer {
        Admission::Admitted { displaced } => Ok(displaced),
        Admission::Incomplete { .. } => Err(Failure::new("the admission was incomplete although the excess was small")),
        other => Err(Failure::new(format!("the store returned {other:?}"))),
    }
}

/// Ends sessions as a caller does.
async fn end(fixture: &Fixture, principal: &Principal, displaced: &[Selector]) -> Outcome {
    for selector in displaced {
        fixture.destroy(*selector).await?;
    }
    Ok(fixture.store.remove_members(principal, displaced.to_vec()).await?)
}

/// Admits `count` sessions of the principal, one tick apart; none may displace another.
async fn members(
    fixture: &Fixture,
    principal: &Principal,
    count: usize,
    limit: Option<Limit>,
) -> Outcome<Vec<Selector>> {
    let mut selectors = Vec::new();
    for _ in 0..count {
        selectors.push(fixture.insert(&fixture.record_of(principal)).await?);
    }
    for selector in &selectors {
        let displaced = displaced(fixture.store.add_member(principal, *selector, UNTIL, limit).await?)?;
        ensure!(displaced.is_empty(), "an admission below the limit displaced {} sessions", displaced.len());
        fixture.wait(1).await;
    }
    Ok(selectors)
}

async fn without_a_limit_everybody_is_admitted(fixture: &Fixture) -> Outcome {
    let principal = fixture.principal();
    let mut admitted = 0;
    for _ in 0..50 {
        let selector = fixture.insert(&fixture.record_of(&principal)).await?;
        ensure!(
            displaced(fixture.store.add_member(&principal, selector, UNTIL, None).await?)?.is_empty(),
            "an admission displaced a session"
        );
        admitted += 1;
    }
    ensure_eq!(listed(&fixture.store, &principal).await?.len(), admitted, "the number of members");
    Ok(())
}

async fn below_the_limit_everybody_is_admitted(fixture: &Fixture) -> Outcome {
    for policy in [LimitPolicy::Reject, LimitPolicy::EndOldest] {
        let principal = fixture.principal();
        let selectors = members(fixture, &principal, 3, limit(3, policy)).await?;
        ensure_eq!(legible(&listed(&fixture.store, &principal).await?), legible(&selectors), "the members");
    }
    Ok(())
}

async fn at_the_limit_one_more_is_refused(fixture: &Fixture) -> Outcome {
    let (principal, limit) = (fixture.principal(), limit(2, LimitPolicy::Reject));
    let selectors = members(fixture, &principal, 2, limit).await?;
    let late = fixture.insert(&fixture.record_of(&principal)).await?;
    ensure_eq!(
        fixture.store.add_member(&principal, late, UNTIL, limit).await?,
        Admission::Refused,
        "an admission beyond the limit"
    );
    ensure_eq!(legible(&listed(&fixture.store, &principal).await?), legible(&selectors), "the members");
    ensure!(fixture.is_live(late).await?, "a refused admission ended the session");
    Ok(())
}

async fn at_the_limit_the_oldest_makes_room(fixture: &Fixture) -> Outcome {
    let (principal, limit) = (fixture.principal(), limit(2, LimitPolicy::EndOldest));
    let selectors = members(fixture, &principal, 2, limit).await?;
    let late = fixture.insert(&fixture.record_of(&principal)).await?;
    let left = displaced(fixture.store.add_member(&principal, late, UNTIL, limit).await?)?;
    ensure_eq!(legible(&left), legible(&selectors[..1]), "the displaced sessions");
    end(fixture, &principal, &left).await?;
    ensure_eq!(legible(&listed(&fixture.store, &principal).await?), legible(&[selectors[1], late]), "the members");
    Ok(())
}

/// The caller may be gone, or the reply lost: every live session must stay listed.
async fn who_has_to_end_stays_a_member_until_dismissed(fixture: &Fixture) -> Outcome {
    let (principal, limit) = (fixture.principal(), limit(2, LimitPolicy::EndOldest));
    let selectors = members(fixture, &principal, 2, limit).await?;
    let (late, later) =
        (fixture.insert(&fixture.record_of(&principal)).await?, fixture.insert(&fixture.record_of(&principal)).await?);
    displaced(fixture.store.add_member(&principal, late, UNTIL, limit).await?)?;
    ensure_eq!(
        legible(&listed(&fixture.store, &principal).await?),
        legible(&[selectors[0], selectors[1], late]),
        "the members"
    );
    let again = displaced(fixture.store.add_member(&principal, late, UNTIL, limit).await?)?;
    ensure_eq!(legible(&again), legible(&selectors[..1]), "the displaced sessions when asked again");
    fixture.wait(1).await;
    let left = displaced(fixture.store.add_member(&principal, later, UNTIL, limit).await?)?;
    ensure_eq!(legible(&left), legible(&selectors), "the displaced sessions at the next admission");
    end(fixture, &principal, &left).await?;
    ensure_eq!(legible(&listed(&fixture.store, &principal).await?), legible(&[late, later]), "the members");
    Ok(())
}

async fn a_lower_limit_makes_as_many_leave_as_needed(fixture: &Fixture) -> Outcome {
    let principal = fixture.principal();
    let selectors = members(fixture, &principal, 4, None).await?;
    let late = fixture.insert(&fixture.record_of(&principal)).await?;
    let left = displaced(fixture.store.add_member(&principal, late, UNTIL, limit(2, LimitPolicy::EndOldest)).await?)?;
    ensure_eq!(legible(&left), legible(&selectors[..3]), "the displaced sessions");
    end(fixture, &principal, &left).await?;
    ensure_eq!(legible(&listed(&fixture.store, &principal).await?), legible(&[selectors[3], late]), "the members");
    Ok(())
}

/// No step exceeds a batch, and no session is lost.
async fn a_far_lower_limit_is_reached_in_steps(fixture: &Fixture) -> Outcome {
    let (principal, limit) = (fixture.principal(), limit(3, LimitPolicy::EndOldest));
    let mut selectors = Vec::new();
    for _ in 0..BATCH + 10 {
        let selector = fixture.insert(&fixture.record_of(&principal)).await?;
        displaced(fixture.store.add_member(&principal, selector, UNTIL, None).await?)?;
        selectors.push(selector);
    }
    let late = fixture.insert(&fixture.record_of(&principal)).await?;
    let mut left = Vec::new();
    for _ in 0..selectors.len() {
        let answer = fixture.store.add_member(&principal, late, UNTIL, limit).await?;
        let (displaced, done) = match answer {
            Admission::Admitted { displaced } => (displaced, true),
            Admission::Incomplete { displaced } => (displaced, false),
            other => return Err(Failure::new(format!("the store returned {other:?}"))),
        };
        ensure!(displaced.len() <= BATCH, "one step displaced {} sessions", displaced.len());
        ensure!(done || !displaced.is_empty(), "a step neither displaced nor admitted a session");
        end(fixture, &principal, &displaced).await?;
        left.extend(displaced);
        if done {
            break;
        }
    }
    let stayed = selectors.split_off(selectors.len() - 2);
    ensure_eq!(legible(&left), legible(&selectors), "the displaced sessions");
    ensure_eq!(
        legible(&listed(&fixture.store, &principal).await?),
        legible(&[stayed[0], stayed[1], late]),
        "the members"
    );
    Ok(())
}

async fn a_member_is_admitted_again_at_the_limit(fixture: &Fixture) -> Outcome {
    for policy in [LimitPolicy::Reject, LimitPolicy::EndOldest] {
        let (principal, limit) = (fixture.principal(), limit(2, policy));
        let selectors = members(fixture, &principal, 2, limit).await?;
        for selector in &selectors {
            let left = displaced(fixture.store.add_member(&principal, *selector, UNTIL, limit).await?)?;
            ensure!(left.is_empty(), "a member that was admitted again displaced a session");
        }
        ensure_eq!(legible(&listed(&fixture.store, &principal).await?), legible(&selectors), "the members");
    }
    Ok(())
}

async fn a_member_keeps_its_place_in_the_line(fixture: &Fixture) -> Outcome {
    let (principal, limit) = (fixture.principal(), limit(2, LimitPolicy::EndOldest));
    let selectors = members(fixture, &principal, 2, limit).await?;
    displaced(fixture.store.add_member(&principal, selectors[0], UNTIL, limit).await?)?;
    let late = fixture.insert(&fixture.record_of(&principal)).await?;
    let left = displaced(fixture.store.add_member(&principal, late, UNTIL, limit).await?)?;
    ensure_eq!(legible(&left), legible(&selectors[..1]), "the displaced sessions");
    Ok(())
}

async fn the_dead_do_not_count(fixture: &Fixture) -> Outcome {
    let (principal, limit) = (fixture.principal(), limit(2, LimitPolicy::Reject));
    let selectors = members(fixture, &principal, 2, limit).await?;
    fixture.destroy(selectors[0]).await?;
    let late = fixture.insert(&fixture.record_of(&principal)).await?;
    ensure!(
        displaced(fixture.store.add_member(&principal, late, UNTIL, limit).await?)?.is_empty(),
        "an admission displaced a session"
    );
    ensure_eq!(legible(&listed(&fixture.store, &principal).await?), legible(&[selectors[1], late]), "the members");
    Ok(())
}

async fn the_dismissed_do_not_count(fixture: &Fixture) -> Outcome {
    let (principal, limit) = (fixture.principal(), limit(2, LimitPolicy::Reject));
    let selectors = members(fixture, &principal, 2, limit).await?;
    fixture.store.remove_members(&principal, vec![selectors[0]]).await?;
    let late = fixture.insert(&fixture.record_of(&principal)).await?;
    displaced(fixture.store.add_member(&principal, late, UNTIL, limit).await?)?;
    ensure_eq!(legible(&listed(&fixture.store, &principal).await?), legible(&[selectors[1], late]), "the members");
    Ok(())
}

async fn principals_do_not_share_a_limit(fixture: &Fixture) -> Outcome {
    let limit = limit(1, LimitPolicy::Reject);
    for _ in 0..3 {
        members(fixture, &fixture.principal(), 1, limit).await?;
    }
    Ok(())
}
