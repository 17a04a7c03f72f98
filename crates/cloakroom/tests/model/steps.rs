//! The steps of a random walk, as data.

use proptest::collection::vec;
use proptest::prelude::*;

pub(crate) const BROWSERS: usize = 4;
pub(crate) const USERS: u8 = 2;

#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A browser sends a request to a node.
    Request { browser: usize, node: usize, action: Action },
    /// Seconds pass.
    Advance(u64),
    /// The second browser gets the cookie of the first, like a tab or a thief.
    CopyCookie(usize, usize),
    /// The source of the roles changes.
    ChangeRoles(Option<u8>),
    /// "Sign out everywhere", on a node.
    RevokeAll { user: u8, node: usize },
    /// Invalidates the roles in every session of a user.
    InvalidateAll { user: u8, node: usize },
    /// A node stops receiving invalidations.
    Disconnect(usize),
    /// A node receives invalidations again.
    Reconnect(usize),
}

/// Action of a request.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Append(u8),
    Replace(Vec<u8>),
    Read,
    Remove,
    /// Reads the roles with a loader that may return `None`.
    Find,
    /// Reads the roles with a loader that always returns some.
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
    /// Reads the principal, the creation time and the end of the session.
    Info,
}

pub(crate) fn walk() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..60)
}

fn step() -> impl Strategy<Value = Step> {
    let request = (0..BROWSERS, 0_usize..2, action());
    let (user, node) = (0..USERS, 0_usize..2);
    prop_oneof![
        30 => request.prop_map(|(browser, node, action)| Step::Request { browser, node, action }),
        4 => span().prop_map(Step::Advance),
        2 => (0..BROWSERS, 0..BROWSERS).prop_map(|(from, to)| Step::CopyCookie(from, to)),
        2 => any::<Option<u8>>().prop_map(Step::ChangeRoles),
        1 => (user.clone(), node.clone()).prop_map(|(user, node)| Step::RevokeAll { user, node }),
        1 => (user, node.clone()).prop_map(|(user, node)| Step::InvalidateAll { user, node }),
        1 => node.clone().prop_map(Step::Disconnect),
        1 => node.prop_map(Step::Reconnect),
    ]
}

/// Durations around every timeout: the grace, packing, the ttl and the lifetimes.
fn span() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 1_u64..15, 3 => 50_u64..80, 3 => 100_u64..400, 2 => 500_u64..1200, 1 => 3000_u64..10_000]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => any::<u8>().prop_map(Action::Append),
        2 => vec(any::<u8>(), 0..4).prop_map(Action::Replace),
        3 => Just(Action::Read),
        2 => Just(Action::Remove),
        3 => Just(Action::Find),
        3 => Just(Action::Load),
        2 => Just(Action::ReadRoles),
        2 => Just(Action::Invalidate),
        4 => (0..USERS, any::<bool>()).prop_map(|(user, keep)| Action::Login { user, keep }),
        3 => Just(Action::Renew),
        1 => (100_u64..5000).prop_map(Action::Remember),
        2 => Just(Action::Destroy),
        1 => (0..USERS).prop_map(Action::RevokeOthers),
        3 => Just(Action::Info),
    ]
}
