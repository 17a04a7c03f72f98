//! What can happen, as data.

use proptest::collection::vec;
use proptest::prelude::*;

pub(crate) const BROWSERS: usize = 4;
pub(crate) const USERS: u8 = 2;

#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A browser sends a request to a node.
    Request { browser: usize, node: usize, act: Act },
    /// Seconds pass.
    Pass(u64),
    /// The second browser gets hold of the cookie of the first: a tab, or a thief.
    Copy(usize, usize),
    /// The source of the roles says something else.
    Source(Option<u8>),
    /// "Sign out everywhere", from a node.
    RevokeAll { user: u8, node: usize },
    /// The roles of a user have changed.
    InvalidateAll { user: u8, node: usize },
    /// A node hears of no changes any more.
    Cut(usize),
    /// It does again.
    Mend(usize),
}

/// What a request does.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Append(u8),
    Replace(Vec<u8>),
    Read,
    Remove,
    /// Reads the roles through a loader that may answer that there are none.
    Find,
    /// Reads the roles through a loader that always has some.
    Load,
    ReadRoles,
    Invalidate,
    Login {
        user: u8,
        keep: bool,
    },
    Renew,
    Remember(u64),
    Destroy,
    RevokeOthers(u8),
    /// Who is logged in, since when is the session, until when.
    Who,
}

pub(crate) fn walk() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..60)
}

fn step() -> impl Strategy<Value = Step> {
    let request = (0..BROWSERS, 0_usize..2, act());
    let (user, node) = (0..USERS, 0_usize..2);
    prop_oneof![
        30 => request.prop_map(|(browser, node, act)| Step::Request { browser, node, act }),
        4 => span().prop_map(Step::Pass),
        2 => (0..BROWSERS, 0..BROWSERS).prop_map(|(from, to)| Step::Copy(from, to)),
        2 => any::<Option<u8>>().prop_map(Step::Source),
        1 => (user.clone(), node.clone()).prop_map(|(user, node)| Step::RevokeAll { user, node }),
        1 => (user, node.clone()).prop_map(|(user, node)| Step::InvalidateAll { user, node }),
        1 => node.clone().prop_map(Step::Cut),
        1 => node.prop_map(Step::Mend),
    ]
}

/// Around everything that has a time: the grace, packing, the ttl, the lifetimes.
fn span() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 1_u64..15, 3 => 50_u64..80, 3 => 100_u64..400, 2 => 500_u64..1200, 1 => 3000_u64..10_000]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => any::<u8>().prop_map(Act::Append),
        2 => vec(any::<u8>(), 0..4).prop_map(Act::Replace),
        3 => Just(Act::Read),
        2 => Just(Act::Remove),
        3 => Just(Act::Find),
        3 => Just(Act::Load),
        2 => Just(Act::ReadRoles),
        2 => Just(Act::Invalidate),
        4 => (0..USERS, any::<bool>()).prop_map(|(user, keep)| Act::Login { user, keep }),
        3 => Just(Act::Renew),
        1 => (100_u64..5000).prop_map(Act::Remember),
        2 => Just(Act::Destroy),
        1 => (0..USERS).prop_map(Act::RevokeOthers),
        3 => Just(Act::Who),
    ]
}
