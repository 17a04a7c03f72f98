use std::collections::{BTreeMap, HashMap};

use cloakroom::store::{Admission, BATCH, Limit, LimitPolicy, Principal, Selector};

/// Maximum number of members that one admission checks for dead ones.
const PROBED: usize = 16;

/// The sessions of each principal, oldest admission first.
#[derive(Default)]
pub(super) struct Index {
    members: HashMap<Principal, Members>,
    admissions: u64,
}

#[derive(Default)]
struct Members {
    by_admission: BTreeMap<u64, Selector>,
    admissions: HashMap<Selector, u64>,
    /// The admission at which the next check for dead members begins.
    probe: u64,
}

impl Members {
    fn insert(&mut self, admission: u64, selector: Selector) {
        self.by_admission.insert(admission, selector);
        self.admissions.insert(selector, admission);
    }

    fn remove(&mut self, selector: Selector) {
        if let Some(admission) = self.admissions.remove(&selector) {
            self.by_admission.remove(&admission);
        }
    }

    /// Removes the dead among the next `PROBED` members, in rotation.
    fn probe(&mut self, lives: impl Fn(&Selector) -> bool) {
        let probed: Vec<_> =
            self.by_admission.range(self.probe..).take(PROBED).map(|(at, selector)| (*at, *selector)).collect();
        self.probe = match probed.last() {
            Some((last, _)) if probed.len() == PROBED => last + 1,
            _ => 0,
        };
        probed.into_iter().filter(|(_, selector)| !lives(selector)).for_each(|(_, selector)| self.remove(selector));
    }

    fn drop_dead(&mut self, lives: impl Fn(&Selector) -> bool) {
        let dead: Vec<_> = self.admissions.keys().filter(|selector| !lives(selector)).copied().collect();
        dead.into_iter().for_each(|selector| self.remove(selector));
    }

    /// The oldest members other than `selector`.
    fn oldest_but(&self, selector: Selector, count: usize) -> Vec<Selector> {
        self.by_admission.values().filter(|member| **member != selector).take(count).copied().collect()
    }
}

impl Index {
    pub(super) fn admit(
        &mut self,
        principal: &Principal,
        selector: Selector,
        limit: Option<Limit>,
        lives: impl Fn(&Selector) -> bool,
    ) -> Admission {
        self.admissions += 1;
        let members = self.members.entry(principal.clone()).or_default();
        members.probe(&lives);
        let is_member = members.admissions.contains_key(&selector);
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
                    displaced = members.oldest_but(selector, excess.min(BATCH));
                    if displaced.len() < excess {
                        return Admission::Incomplete { displaced };
                    }
                }
            }
        }
        if !is_member {
            members.insert(self.admissions, selector);
        }
        Admission::Admitted { displaced }
    }

    pub(super) fn dismiss(&mut self, principal: &Principal, selector: Selector) {
        let Some(members) = self.members.get_mut(principal) else { return };
        members.remove(selector);
        if members.admissions.is_empty() {
            self.members.remove(principal);
        }
    }

    /// The next members after an admission, each with its own admission number.
    pub(super) fn after(&self, principal: &Principal, admission: u64, count: usize) -> Vec<(u64, Selector)> {
        let Some(members) = self.members.get(principal) else { return Vec::new() };
        let after = admission.saturating_add(1);
        members.by_admission.range(after..).take(count).map(|(admission, selector)| (*admission, *selector)).collect()
    }

    /// Removes the dead members of all principals.
    pub(super) fn retain(&mut self, lives: impl Fn(&Selector) -> bool) {
        self.members.retain(|_, members| {
            members.drop_dead(&lives);
            !members.admissions.is_empty()
        });
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&Principal, impl Iterator<Item = &Selector>)> {
        self.members.iter().map(|(principal, members)| (principal, members.by_admission.values()))
    }
}
