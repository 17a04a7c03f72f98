//! The admission of a session to the index of its principal, with the limit.

use cloakroom::store::{Admission, BATCH, Limit, LimitPolicy, Selector};

use crate::record::Malformed;

/// The number of members that an admission below the limit checks for dead ones.
const PROBED: i64 = 16;

/// The index of one principal and the session that is to become a member, within a transaction that
/// excludes other admissions of the principal.
pub(crate) trait Members: Send {
    /// Removes the dead among the oldest members; `None` looks at all of them.
    fn remove_dead(&mut self, looked_at: Option<i64>) -> impl Future<Output = sqlx::Result<()>> + Send;

    fn count(&mut self) -> impl Future<Output = sqlx::Result<i64>> + Send;

    /// Returns `true` if the session is a member already.
    fn is_member(&mut self) -> impl Future<Output = sqlx::Result<bool>> + Send;

    /// The oldest members other than the session.
    fn oldest(&mut self, count: i64) -> impl Future<Output = sqlx::Result<Result<Vec<Selector>, Malformed>>> + Send;

    fn add(&mut self) -> impl Future<Output = sqlx::Result<()>> + Send;
}

/// Follows [`Store::add_member`](cloakroom::store::Store::add_member).
pub(crate) async fn admit(
    members: &mut impl Members,
    limit: Option<Limit>,
) -> sqlx::Result<Result<Admission, Malformed>> {
    members.remove_dead(Some(PROBED)).await?;
    let is_member = members.is_member().await?;
    let mut displaced = Vec::new();
    if let Some(limit) = limit {
        let excess = excess(members, limit, is_member).await?;
        match limit.when_reached {
            LimitPolicy::Reject if excess > 0 && !is_member => return Ok(Ok(Admission::Refused)),
            LimitPolicy::Reject => {}
            LimitPolicy::EndOldest => {
                displaced = match members.oldest(excess.min(BATCH as i64)).await? {
                    Ok(oldest) => oldest,
                    Err(malformed) => return Ok(Err(malformed)),
                };
                if excess > BATCH as i64 {
                    return Ok(Ok(Admission::Incomplete { displaced }));
                }
            }
        }
    }
    if !is_member {
        members.add().await?;
    }
    Ok(Ok(Admission::Admitted { displaced }))
}

/// The number of members that are too many once the session is one of them.
async fn excess(members: &mut impl Members, limit: Limit, is_member: bool) -> sqlx::Result<i64> {
    let places = i64::from(limit.count.get()) - i64::from(!is_member);
    if members.count().await? <= places {
        return Ok(0);
    }
    // All of them under `Reject`, because a dead member must not cause a refusal.
    let looked_at = if limit.when_reached == LimitPolicy::Reject { None } else { Some(BATCH as i64) };
    members.remove_dead(looked_at).await?;
    Ok(members.count().await?.saturating_sub(places).max(0))
}
