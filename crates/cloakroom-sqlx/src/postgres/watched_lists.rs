//! The principals whose lists of sessions are watched on this node, and the rows of the table of
//! changes that report such lists.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use cloakroom::store::{Authentication, Principal};
use parking_lot::Mutex;

use super::text::escape;

/// How long a report is asked for. Streams ask again with each read of their list, once per second.
const KEPT: Duration = Duration::from_secs(10);

/// Begins the name of a list in the column of the selectors.
///
/// It is longer than a selector, so that no name can be one, and nodes of releases that know no such
/// rows pass over them.
macro_rules! list_prefix {
    () => {
        "sessions of user "
    };
}
pub(super) use list_prefix;

const _: () = assert!(list_prefix!().len() > 16, "a name is longer than a selector");

/// The name of a principal's list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ListName(Vec<u8>);

impl ListName {
    pub(super) fn of(principal: &Principal) -> Self {
        Self::of_column(&escape(principal.as_str()))
    }

    /// The name of the list of a principal as its column contains it.
    pub(super) fn of_column(principal: &str) -> Self {
        Self([list_prefix!().as_bytes(), principal.as_bytes()].concat())
    }

    /// Reads a name from the column of the selectors. `None` if it is not the name of a list.
    pub(super) fn read(column: &[u8]) -> Option<Self> {
        column.starts_with(list_prefix!().as_bytes()).then(|| Self(column.to_vec()))
    }

    pub(super) fn into_column(self) -> Vec<u8> {
        self.0
    }
}

/// The lists that a write changes: those of the principals before and after it, if it logs in.
pub(super) fn changed_lists(before: Option<&Authentication>, after: Option<&Authentication>) -> Vec<ListName> {
    if before == after {
        return Vec::new();
    }
    let mut names: Vec<_> = before.into_iter().chain(after).map(|login| ListName::of(&login.principal)).collect();
    names.dedup();
    names
}

/// The principals whose lists are watched on this node.
#[derive(Debug, Default)]
pub(super) struct WatchedLists(Mutex<HashMap<ListName, Watched>>);

#[derive(Debug)]
struct Watched {
    principal: Principal,
    asked_at: Instant,
}

impl WatchedLists {
    /// Asks for the reports of a list for a while.
    pub(super) fn ask(&self, principal: &Principal) {
        let watched = Watched { principal: principal.clone(), asked_at: Instant::now() };
        self.0.lock().insert(ListName::of(principal), watched);
    }

    /// Returns `true` if a list is watched, and forgets those that are not any more.
    pub(super) fn is_any(&self) -> bool {
        let mut lists = self.0.lock();
        lists.retain(|_, watched| watched.asked_at.elapsed() < KEPT);
        !lists.is_empty()
    }

    /// The principal of a list that is watched.
    pub(super) fn principal_of(&self, name: &ListName) -> Option<Principal> {
        self.0.lock().get(name).map(|watched| watched.principal.clone())
    }

    /// All principals whose lists are watched.
    pub(super) fn all(&self) -> Vec<Principal> {
        self.0.lock().values().map(|watched| watched.principal.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use cloakroom::Timestamp;

    use super::*;
    use crate::record;

    fn login(principal: &str, at: u64) -> Authentication {
        Authentication::new(Principal::from(principal), Timestamp::from_millis(at), None)
    }

    #[test]
    fn the_name_of_a_list_is_no_selector_and_reads_as_itself() {
        for principal in ["", "7", "a\\b\0c", &"x".repeat(300)] {
            let name = ListName::of(&Principal::from(principal));
            let column = name.clone().into_column();
            assert!(record::selector(&column).is_err(), "{principal:?}");
            assert_eq!(ListName::read(&column), Some(name), "{principal:?}");
        }
        assert_eq!(ListName::read(&[0; 16]), None);
    }

    #[test]
    fn a_login_changes_the_lists_of_both_principals_and_nothing_else_changes_one() {
        let (ada, bob) = (login("ada", 1), login("bob", 1));
        let names = |of: &[&str]| of.iter().map(|name| ListName::of(&Principal::from(*name))).collect::<Vec<_>>();
        assert_eq!(changed_lists(None, Some(&ada)), names(&["ada"]));
        assert_eq!(changed_lists(Some(&ada), Some(&bob)), names(&["ada", "bob"]));
        assert_eq!(changed_lists(Some(&ada), Some(&login("ada", 2))), names(&["ada"]));
        assert_eq!(changed_lists(Some(&ada), Some(&ada)), names(&[]));
        assert_eq!(changed_lists(None, None), names(&[]));
    }

    #[test]
    fn only_a_list_that_was_asked_for_is_watched() {
        let (lists, ada) = (WatchedLists::default(), Principal::from("ada"));
        assert!(!lists.is_any());
        lists.ask(&ada);
        lists.ask(&ada);
        assert!(lists.is_any());
        assert_eq!(lists.principal_of(&ListName::of(&ada)), Some(ada.clone()));
        assert_eq!(lists.principal_of(&ListName::of(&Principal::from("bob"))), None);
        assert_eq!(lists.all(), [ada]);
    }
}
