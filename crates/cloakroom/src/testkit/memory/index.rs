use std::collections::{BTreeMap, HashMap};

use crate::store::{Admission, BATCH, Limit, LimitPolicy, Principal, Tag};

/// How many members an admission looks at to find those that are dead.
const PROBED: usize = 16;

/// The sessions of each principal, oldest admission first.
#[derive(Default)]
pub(super) struct Index {
    members: HashMap<Principal, Members>,
    admissions: u64,
}

#[derive(Default)]
struct Members {
    by_admission: BTreeMap<u64, Tag>,
    admissions: HashMap<Tag, u64>,
    /// Where the next search for the dead begins.
    probe: u64,
}

impl Members {
    fn insert(&mut self, admission: u64, tag: Tag) {
        self.by_admission.insert(admission, tag);
        self.admissions.insert(tag, admission);
    }

    fn remove(&mut self, tag: Tag) {
        if let Some(admission) = self.admissions.remove(&tag) {
            self.by_admission.remove(&admission);
        }
    }

    /// Drops the dead among the next few, in turn.
    fn probe(&mut self, lives: impl Fn(&Tag) -> bool) {
        let probed: Vec<_> = self.by_admission.range(self.probe..).take(PROBED).map(|(at, tag)| (*at, *tag)).collect();
        self.probe = match probed.last() {
            Some((last, _)) if probed.len() == PROBED => last + 1,
            _ => 0,
        };
        probed.into_iter().filter(|(_, tag)| !lives(tag)).for_each(|(_, tag)| self.remove(tag));
    }

    fn drop_dead(&mut self, lives: impl Fn(&Tag) -> bool) {
        let dead: Vec<_> = self.admissions.keys().filter(|tag| !lives(tag)).copied().collect();
        dead.into_iter().for_each(|tag| self.remove(tag));
    }

    /// The oldest members but one.
    fn oldest_but(&self, tag: Tag, count: usize) -> Vec<Tag> {
        self.by_admission.values().filter(|member| **member != tag).take(count).copied().collect()
    }
}

impl Index {
    pub(super) fn admit(
        &mut self,
        principal: &Principal,
        tag: Tag,
        limit: Option<Limit>,
        lives: impl Fn(&Tag) -> bool,
    ) -> Admission {
        self.admissions += 1;
        let members = self.members.entry(principal.clone()).or_default();
        members.probe(&lives);
        let is_member = members.admissions.contains_key(&tag);
        let mut displaced = Vec::new();
        if let Some(limit) = limit {
            let places = usize::try_from(limit.count.get()).unwrap_or(usize::MAX);
            if members.admissions.len() >= places {
                members.drop_dead(&lives);
            }
            let excess = (members.admissions.len() + usize::from(!is_member)).saturating_sub(places);
            match limit.when_reached {
                LimitPolicy::Reject if excess > 0 && !is_member => return Admission::Refused,
                LimitPolicy::Reject => {}
                LimitPolicy::EndOldest => {
                    displaced = members.oldest_but(tag, excess.min(BATCH));
                    if displaced.len() < excess {
                        return Admission::Incomplete { displaced };
                    }
                }
            }
        }
        if !is_member {
            members.insert(self.admissions, tag);
        }
        Admission::Admitted { displaced }
    }

    pub(super) fn dismiss(&mut self, principal: &Principal, tag: Tag) {
        let Some(members) = self.members.get_mut(principal) else { return };
        members.remove(tag);
        if members.admissions.is_empty() {
            self.members.remove(principal);
        }
    }

    /// The next members after an admission, each with its own.
    pub(super) fn after(&self, principal: &Principal, admission: u64, count: usize) -> Vec<(u64, Tag)> {
        let Some(members) = self.members.get(principal) else { return Vec::new() };
        let after = admission.saturating_add(1);
        members.by_admission.range(after..).take(count).map(|(admission, tag)| (*admission, *tag)).collect()
    }

    /// Drops the members of all principals that do not live.
    pub(super) fn retain(&mut self, lives: impl Fn(&Tag) -> bool) {
        self.members.retain(|_, members| {
            members.drop_dead(&lives);
            !members.admissions.is_empty()
        });
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&Principal, impl Iterator<Item = &Tag>)> {
        self.members.iter().map(|(principal, members)| (principal, members.by_admission.values()))
    }
}
