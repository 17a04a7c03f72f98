//! `Debug` of errors through their `Display`.
//!
//! A `main` that returns an error prints it with `Debug`, and so does `unwrap`. A derived `Debug`
//! would show fields and hide the remedy.

use std::error::Error;
use std::fmt;

/// Implements `Debug` of an error by its `Display`, followed by its sources.
macro_rules! plain_debug {
    ($error:ty) => {
        impl ::std::fmt::Debug for $error {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(self, f)?;
                let source = ::std::error::Error::source(self);
                source.map_or(Ok(()), |source| $crate::plain_debug::chain(f, source))
            }
        }
    };
}

/// Prints an error and its sources, down to the first cause.
pub(crate) fn chain(f: &mut fmt::Formatter<'_>, error: &dyn Error) -> fmt::Result {
    let mut next = Some(error);
    while let Some(error) = next {
        write!(f, ": {error}")?;
        next = error.source();
    }
    Ok(())
}
