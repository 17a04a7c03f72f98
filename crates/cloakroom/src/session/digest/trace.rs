use std::cell::RefCell;
use std::collections::HashSet;

use serde::Serialize;

use super::Digest;

/// The digests of all parts of a value, by path. Paths contain field names, but not the keys of
/// maps: those are data.
#[derive(Debug, Default)]
pub(in crate::session) struct Trace(RefCell<Noted>);

#[derive(Debug, Default)]
struct Noted {
    path: Vec<&'static str>,
    parts: Vec<(String, u64)>,
}

impl Trace {
    pub(in crate::session) fn of<T: Serialize>(value: &T) -> Self {
        let trace = Self::default();
        // After a failure, the trace has the parts recorded until then.
        drop(value.serialize(Digest { trace: Some(&trace), is_key: false }));
        trace
    }

    /// Returns the path of the first part, depth first, that the other value does not have in the
    /// same place.
    pub(in crate::session) fn first_difference(&self, other: &Self) -> Option<String> {
        let (own, other) = (self.0.borrow(), other.0.borrow());
        let others: HashSet<_> = other.parts.iter().collect();
        own.parts.iter().find(|part| !others.contains(part)).map(|(path, _)| path.clone())
    }

    /// Returns `true` if some field of the value has this name.
    pub(in crate::session) fn names(&self, field: &str) -> bool {
        self.0.borrow().parts.iter().any(|(path, _)| path.split('.').any(|name| name == field))
    }

    pub(super) fn push(&self, digest: u64) {
        let mut noted = self.0.borrow_mut();
        let path = noted.path.join(".");
        noted.parts.push((path, digest));
    }

    pub(super) fn within<R>(&self, name: &'static str, act: impl FnOnce() -> R) -> R {
        self.0.borrow_mut().path.push(name);
        let outcome = act();
        self.0.borrow_mut().path.pop();
        outcome
    }
}
