use std::collections::HashMap;

use crate::store::{Admission, Limit, LimitPolicy, Principal, Tag};

/// The sessions of each principal, oldest admission first.
#[derive(Default)]
pub(super) struct Index {
    members: HashMap<Principal, Vec<Tag>>,
}

impl Index {
    pub(super) fn admit(&mut self, principal: &Principal, tag: Tag, limit: Option<Limit>) -> Admission {
        let members = self.members.entry(principal.clone()).or_default();
        let mut displaced = Vec::new();
        if members.contains(&tag) {
            return Admission::Admitted { displaced };
        }
        if let Some(limit) = limit {
            let places = usize::try_from(limit.count.get()).unwrap_or(usize::MAX);
            match (members.len().checked_sub(places), limit.when_reached) {
                (None, _) => {}
                (Some(_), LimitPolicy::Reject) => return Admission::Refused,
                (Some(excess), LimitPolicy::EndOldest) => displaced.extend(members.drain(..=excess)),
            }
        }
        members.push(tag);
        Admission::Admitted { displaced }
    }

    pub(super) fn dismiss(&mut self, principal: &Principal, tag: Tag) {
        self.keep(principal, |member| *member != tag);
    }

    pub(super) fn of(&self, principal: &Principal) -> Vec<Tag> {
        self.members.get(principal).cloned().unwrap_or_default()
    }

    /// Drops the members of one principal that do not satisfy `keep`.
    pub(super) fn keep(&mut self, principal: &Principal, keep: impl FnMut(&Tag) -> bool) {
        let Some(members) = self.members.get_mut(principal) else { return };
        members.retain(keep);
        if members.is_empty() {
            self.members.remove(principal);
        }
    }

    /// Drops the members of all principals that do not satisfy `keep`.
    pub(super) fn retain(&mut self, keep: impl Fn(&Tag) -> bool) {
        self.members.retain(|_, members| {
            members.retain(&keep);
            !members.is_empty()
        });
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&Principal, &[Tag])> {
        self.members.iter().map(|(principal, tags)| (principal, tags.as_slice()))
    }
}
