//! The sessions of a principal, in the index of whichever tier keeps it.

use crate::cache::{Entry, EntryState};
use crate::error::SessionError;
use crate::store::{Admission, Member, Page, PageRequest, Summary};
use crate::sync::Arc;
use crate::time::Timestamp;
use crate::token::Principal;

use super::Engine;

impl Engine {
    /// Adds the session to the index of its principal.
    pub(super) async fn add_member(
        &self,
        principal: &Principal,
        entry: &Arc<Entry>,
        until: Timestamp,
    ) -> Result<Admission, SessionError> {
        match &self.store {
            None => Ok(self.principals.add(principal, entry, self.policy.limit)),
            Some(store) => {
                self.count_error(store.add_member(principal, entry.selector, until, self.policy.limit).await)
            }
        }
    }

    pub(super) async fn remove_member(&self, principal: &Principal, entry: &Arc<Entry>) {
        match &self.store {
            None => self.principals.remove(principal, entry),
            // A member that is logged in as another principal is harmless, and is removed when it
            // is next read.
            Some(store) => drop(self.count_error(store.remove_members(principal, vec![entry.selector]).await)),
        }
    }

    /// Returns a page of the principal's sessions. Without a shared tier, it omits sessions whose
    /// login is in progress.
    pub(crate) async fn list_members(
        &self,
        principal: &Principal,
        page: PageRequest,
    ) -> Result<Page<Member>, SessionError> {
        if let Some(store) = &self.store {
            let mut members = self.count_error(store.list_members(principal, page).await)?;
            let now = self.now();
            members.items.retain(|member| !member.is_over(now));
            return Ok(members);
        }
        if page.after.is_some() {
            // Lets other requests run between the pages of a long list.
            tokio::task::yield_now().await;
        }
        let page = self.principals.members(principal, &page).ok_or_else(SessionError::invalid_cursor)?;
        let members = page.items.iter().filter_map(|entry| self.local_member(principal, entry));
        Ok(Page::new(members.collect(), page.next))
    }

    /// `None` if the session is not logged in as this principal: a login in progress does not count
    /// yet.
    fn local_member(&self, principal: &Principal, entry: &Entry) -> Option<Member> {
        let state = entry.state();
        let EntryState::Live(snapshot) = &*state else { return None };
        if snapshot.principal() != Some(principal) || entry.expiry_reason(snapshot, self.now()).is_some() {
            return None;
        }
        let mut summary = Summary::new(snapshot.lifetimes, entry.last_seen());
        summary.authentication = snapshot.authentication().cloned();
        Some(Member::new(entry.selector, Ok(summary)))
    }
}
