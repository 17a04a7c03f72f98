//! The admission of a session to the index of its principal, with the limit.

use cloakroom::store::{Admission, BATCH, Limit, LimitPolicy, Selector};

use crate::node::random_number;
use crate::record::Malformed;

/// The number of members that each admission looks at from the beginning of the index, and as many
/// again from an arbitrary place, for dead ones.
pub(crate) const PROBED: i64 = 16;

/// The number of members among which the arbitrary place is, which bounds the work of an admission.
pub(crate) const PROBED_AMONG: i64 = 4096;

/// The index of one principal and the session that is to become a member, within a transaction that
/// excludes other admissions of the principal.
pub(crate) trait Members: Send {
    /// Removes the dead among the [`PROBED`] oldest members and among as many after a place that is
    /// derived from `random`, so that dead members are found in time even if live ones come first.
    fn remove_some_dead(&mut self, random: i64) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Removes the dead among the oldest members; `None` looks at all of them.
    fn remove_dead(&mut self, looked_at: Option<i64>) -> impl Future<Output = sqlx::Result<()>> + Send;

    fn count(&mut self) -> impl Future<Output = sqlx::Result<i64>> + Send;

    /// Returns `true` if the session is a member already.
    fn is_member(&mut self) -> impl Future<Output = sqlx::Result<bool>> + Send;

    /// The oldest of the members that are older than the `kept` newest live ones, without the session
    /// itself.
    fn older_than_live(
        &mut self,
        kept: i64,
        limit: i64,
    ) -> impl Future<Output = sqlx::Result<Result<Vec<Selector>, Malformed>>> + Send;

    fn add(&mut self) -> impl Future<Output = sqlx::Result<()>> + Send;
}

/// Follows [`Store::add_member`](cloakroom::store::Store::add_member).
pub(crate) async fn admit(
    members: &mut impl Members,
    limit: Option<Limit>,
) -> sqlx::Result<Result<Admission, Malformed>> {
    members.remove_some_dead(random_number() & i64::MAX).await?;
    let is_member = members.is_member().await?;
    let mut displaced = Vec::new();
    if let Some(limit) = limit {
        let places = i64::from(limit.count.get()) - i64::from(!is_member);
        match limit.when_reached {
            LimitPolicy::Reject if !is_member && !has_place(members, places).await? => {
                return Ok(Ok(Admission::Refused));
            }
            LimitPolicy::EndOldest if members.count().await? > places => {
                // There may be dead members between the live ones, which must not end any.
                members.remove_dead(Some(BATCH as i64)).await?;
                let kept = i64::from(limit.count.get()) - 1;
                displaced = match members.older_than_live(kept, BATCH as i64 + 1).await? {
                    Ok(older) => older,
                    Err(malformed) => return Ok(Err(malformed)),
                };
                if displaced.len() > BATCH {
                    displaced.truncate(BATCH);
                    return Ok(Ok(Admission::Incomplete { displaced }));
                }
            }
            _ => {}
        }
    }
    if !is_member {
        members.add().await?;
    }
    Ok(Ok(Admission::Admitted { displaced }))
}

/// Looks at all members if need be, because a dead one must not cause a refusal.
async fn has_place(members: &mut impl Members, places: i64) -> sqlx::Result<bool> {
    if members.count().await? <= places {
        return Ok(true);
    }
    members.remove_dead(None).await?;
    Ok(members.count().await? <= places)
}
