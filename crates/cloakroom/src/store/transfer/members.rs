//! The index of a principal's sessions, whose members may be in either store.

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
        let elsewhere = match half {
            Half::New => self.members_in_old(principal).await?,
            Half::Old => all_members(&self.new, principal).await?,
        };
        let is_member = elsewhere.contains(&selector);
        let others: Vec<_> = elsewhere.into_iter().filter(|member| *member != selector).collect();
        let free = (limit.count.get() as usize).saturating_sub(others.len());
        match u32::try_from(free).ok().and_then(std::num::NonZeroU32::new) {
            Some(count) => {
                let limit = Limit { count, ..limit };
                let limit = Some(limit).filter(|_| !(is_member && limit.when_reached == LimitPolicy::Reject));
                self.add_to(half, principal, selector, until, limit).await
            }
            None if limit.when_reached == LimitPolicy::EndOldest => {
                let excess = others.len() - (limit.count.get() as usize - 1);
                Ok(Admission::Incomplete { displaced: others.into_iter().take(excess.min(BATCH)).collect() })
            }
            None if is_member || self.is_member(half, principal, selector).await? => {
                self.add_to(half, principal, selector, until, None).await
            }
            None => Ok(Admission::Refused),
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

    async fn is_member(&self, half: Half, principal: &Principal, selector: Selector) -> Result<bool, StoreError> {
        let members = match half {
            Half::Old => all_members(&self.old, principal).await?,
            Half::New => all_members(&self.new, principal).await?,
        };
        Ok(members.contains(&selector))
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
