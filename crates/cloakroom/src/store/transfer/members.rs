//! The index of a principal's sessions, whose members may be in either store.

use std::num::NonZeroU32;

use super::lease::Half;
use super::mover::Stores;
use crate::store::{
    Admission, BATCH, Limit, LimitPolicy, Member, Page, PageRequest, Principal, Selector, Store, StoreError,
};
use crate::time::Timestamp;

impl<Old: Store, New: Store> Stores<Old, New> {
    pub(super) async fn add_member(
        &self,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Result<Admission, StoreError> {
        let half = if self.moves { Half::New } else { Half::Old };
        let Some(limit) = limit else { return self.add_to(half, principal, selector, until, None).await };
        let (old, new) = (self.members_in_old(principal).await?, all_members(&self.new, principal).await?);
        let is_member = old.contains(&selector) || new.contains(&selector);
        let elsewhere = if half == Half::New { old.len() } else { new.len() };
        // Those of the old store are older, but for sessions that have moved.
        let others: Vec<_> = old.into_iter().chain(new).filter(|member| *member != selector).collect();
        let limit_count = limit.count.get() as usize;
        if others.len() < limit_count || elsewhere == 0 {
            // The store counts its own once more, because others may log in meanwhile.
            let here = u32::try_from(limit_count.saturating_sub(elsewhere)).ok().and_then(NonZeroU32::new);
            let limit = here.map(|count| Limit { count, ..limit });
            return self.add_to(half, principal, selector, until, limit).await;
        }
        match limit.when_reached {
            LimitPolicy::EndOldest => {
                let excess = others.len() - (limit_count - 1);
                Ok(Admission::Incomplete { displaced: others.into_iter().take(excess.min(BATCH)).collect() })
            }
            LimitPolicy::Reject if is_member => self.add_to(half, principal, selector, until, None).await,
            LimitPolicy::Reject => Ok(Admission::Refused),
        }
    }

    async fn add_to(
        &self,
        half: Half,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Result<Admission, StoreError> {
        match half {
            Half::Old => self.old.add_member(principal, selector, until, limit).await,
            Half::New => self.new.add_member(principal, selector, until, limit).await,
        }
    }

    /// The members that the old store still has. A move that was decided may not be complete, so
    /// that the session is in both indexes.
    async fn members_in_old(&self, principal: &Principal) -> Result<Vec<Selector>, StoreError> {
        let mut members = Vec::new();
        for selector in all_members(&self.old, principal).await? {
            if !self.is_in_new(selector).await? {
                members.push(selector);
            }
        }
        Ok(members)
    }

    pub(super) async fn list_members(
        &self,
        principal: &Principal,
        page: PageRequest,
    ) -> Result<Page<Member>, StoreError> {
        let (half, request) = Half::requested(page)?;
        if half == Half::New {
            return Ok(half.continued(self.new.list_members(principal, request).await?));
        }
        let first_of_new = PageRequest::first(request.limit.get());
        let listed = self.old.list_members(principal, request).await?;
        let mut page = Page::new(Vec::with_capacity(listed.items.len()), listed.next);
        for member in listed.items {
            // The pages of the new store list it.
            if !self.is_in_new(member.selector).await? {
                page.items.push(member);
            }
        }
        if page.items.is_empty() && page.next.is_none() {
            return Ok(Half::New.continued(self.new.list_members(principal, first_of_new).await?));
        }
        Ok(half.continued(page))
    }
}

/// All members of a principal in one store, oldest first.
async fn all_members<S: Store>(store: &S, principal: &Principal) -> Result<Vec<Selector>, StoreError> {
    let mut members = Vec::new();
    let mut request = PageRequest::first(BATCH);
    loop {
        let page = store.list_members(principal, request.clone()).await?;
        members.extend(page.items.into_iter().map(|member| member.selector));
        match page.next {
            Some(next) => request = request.after(next),
            None => return Ok(members),
        }
    }
}
