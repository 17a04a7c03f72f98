//! Which of the two stores a lease or a cursor belongs to.

use crate::store::{Created, Cursor, Lease, Page, PageRequest, StoreError, StoreErrorKind};

/// The bit of a lease's number that is set for the new store.
const NEW: u64 = 1 << 63;

/// One of the two stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Old,
    New,
}

impl Half {
    /// Marks a lease as one of this store. A store whose numbers use the bit gets no leases: its
    /// copies then serve one request each.
    pub(super) const fn tag(self, lease: Lease) -> Lease {
        match (self, lease.number()) {
            (_, 0 | NEW..) => Lease::NONE,
            (Self::Old, _) => lease,
            (Self::New, number) => Lease::new(number | NEW),
        }
    }

    pub(super) const fn tag_created(self, created: Created) -> Created {
        match created {
            Created::Done(lease) => Created::Done(self.tag(lease)),
            Created::Exists => Created::Exists,
        }
    }

    /// Returns the store of a lease, and the lease as that store gave it.
    pub(super) const fn of(lease: Lease) -> (Self, Lease) {
        match lease.number() {
            number @ NEW.. => (Self::New, Lease::new(number & !NEW)),
            _ => (Self::Old, lease),
        }
    }

    /// Returns the store that a page is requested from, and the request as that store takes it.
    /// A list begins with the old store, so that it misses no session that moves meanwhile.
    pub(super) fn requested(page: PageRequest) -> Result<(Self, PageRequest), StoreError> {
        let Some(cursor) = &page.after else { return Ok((Self::Old, page)) };
        let (half, position) = match cursor.as_str().split_once(':') {
            Some(("old", position)) => (Self::Old, Some(position)),
            Some(("new", position)) => (Self::New, Some(position)),
            None if cursor.as_str() == "new" => (Self::New, None),
            _ => {
                let problem = "the cursor is not one of two stores during a transfer";
                return Err(StoreError::new(StoreErrorKind::InvalidCursor, problem));
            }
        };
        let after = position.map(Cursor::new);
        Ok((half, PageRequest { after, ..page }))
    }

    /// Makes the cursor of a page lead on through both stores.
    pub(super) fn continued<T>(self, page: Page<T>) -> Page<T> {
        let next = match (self, page.next) {
            (Self::Old, Some(next)) => Some(format!("old:{}", next.as_str())),
            (Self::Old, None) => Some("new".to_owned()),
            (Self::New, Some(next)) => Some(format!("new:{}", next.as_str())),
            (Self::New, None) => None,
        };
        Page::new(page.items, next.map(Cursor::new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_returned_to_its_store_as_it_was() {
        for half in [Half::Old, Half::New] {
            for number in [1, 7 << 48, NEW - 1] {
                let lease = Lease::new(number);
                assert_eq!(Half::of(half.tag(lease)), (half, lease));
            }
            for number in [0, NEW, u64::MAX] {
                assert_eq!(half.tag(Lease::new(number)), Lease::NONE);
            }
        }
    }

    #[test]
    fn pages_lead_through_both_stores() {
        let mut request = PageRequest::first(3);
        let mut seen = Vec::new();
        for next in [Some("a:b"), None, Some(""), None] {
            let (half, inner) = Half::requested(request.clone()).expect("a cursor of this test");
            seen.push((half, inner.after.map(|cursor| cursor.as_str().to_owned())));
            let page = half.continued(Page::<u8>::new(Vec::new(), next.map(Cursor::new)));
            match page.next {
                Some(next) => request = request.after(next),
                None => break,
            }
        }
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(seen, [(Half::Old, None), (Half::Old, text("a:b")), (Half::New, None), (Half::New, text(""))]);
    }

    #[test]
    fn a_cursor_of_another_store_is_refused() {
        for text in ["", "old", "7", "newer:1", "old1", ":"] {
            let request = PageRequest::first(3).after(Cursor::new(text));
            let error = Half::requested(request).expect_err(text);
            assert_eq!(error.kind(), StoreErrorKind::InvalidCursor, "{text}");
        }
    }
}
