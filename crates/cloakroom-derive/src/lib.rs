//! The derive macro of [Cloakroom](https://docs.rs/cloakroom).
//!
//! Use it through the library, which exports the macro and the trait under one name:
//! `cloakroom::SessionValue`. Its documentation is there.

mod duration;
mod expand;
mod expiry_field;
mod key;
mod parameters;
mod settings;
mod snake_case;

use proc_macro::TokenStream;
use syn::parse_macro_input;

/// Implements `SessionValue` for a type.
///
/// ```
/// use cloakroom::{SessionValue, Timestamp};
/// use serde::{Deserialize, Serialize};
/// use std::time::Duration;
///
/// /// State, under the key `cart`.
/// #[derive(Clone, Default, Serialize, Deserialize, SessionValue)]
/// struct Cart(Vec<String>);
///
/// /// A cached value.
/// #[derive(Clone, Serialize, Deserialize, SessionValue)]
/// #[session(key = "roles.v2", ttl = "15m", stale_while_revalidate = "1h", jitter = 10)]
/// struct Roles(Vec<String>);
///
/// const GRACE: Duration = Duration::from_secs(5);
///
/// /// A cached value that says itself when it expires.
/// #[derive(Clone, Serialize, Deserialize, SessionValue)]
/// #[session(ttl = "5m", stale_if_error = GRACE)]
/// struct Ticket {
///     seat: String,
///     #[session(expires_at)]
///     until: Timestamp,
/// }
///
/// assert_eq!((Cart::KEY, Roles::KEY, Ticket::KEY), ("cart", "roles.v2", "ticket"));
/// ```
///
/// # Settings
///
/// All stand in `#[session(..)]` at the type, each at most once.
///
/// | setting | value | default |
/// |---|---|---|
/// | `key = "cart"` | the key, 1 to 64 of `a-z`, `0-9`, `_`, `-` and `.`; or a constant | the type's name in snake case |
/// | `ttl = "15m"` | makes this a cached value that is fresh for so long | none, the value is state |
/// | `jitter = 10` | percent of the ttl, 0 to 100 | 0 |
/// | `stale_while_revalidate = "1h"`, `stale_if_error = "1h"`, `refresh_ahead = "30s"` | durations | 0 |
/// | `load_timeout = "3s"` | a duration | 10 s |
/// | `negative_ttl = "30s"` | a duration | 0, nothing is remembered |
/// | `cache = POLICY` | a whole `CachePolicy`, in place of `ttl` and the settings after it | state |
/// | `expires_at = Self::until` | a function from `&Self` to `Timestamp` or `Option<Timestamp>` | the policy alone decides |
/// | `size = Self::bytes` | a function from `&Self` to `usize` or `Option<usize>`, in bytes | the size is measured |
/// | `crate = "path"` | where the library is, if another crate exports it | `::cloakroom` |
///
/// Each is explained at the method of `CachePolicy` or the item of the trait that has its name. In
/// place of `expires_at = ..`, a field of type `Timestamp` or `Option<Timestamp>` may be marked with
/// `#[session(expires_at)]`.
///
/// **A duration** is a whole number and a unit, in quotes (`"500ms"`, `"30s"`, `"15m"`, `"1h"`,
/// `"7d"`), or a constant expression of type `Duration`.
///
/// **The default key** has an underscore before each capital that begins a word: `GuestCart` becomes
/// `guest_cart`, `HTTPCart` becomes `http_cart`, and `Cart2Go` becomes `cart2_go`. Give a `key`
/// before you rename a type, or the sessions lose their values.
///
/// **A generic type** needs a `key` that is an expression, such as `key = T::KEY`: a literal would be
/// the key of all its types. A type with a lifetime parameter is refused, because a session owns its
/// values.
///
/// # Two types under one key
///
/// In a debug build, `SessionsBuilder::build` refuses to start if the program contains two types
/// with this derive and the same key, and names both with their places in the source. In a release
/// build, nothing is recorded and nothing is checked.
///
/// Types in tests and in documentation are left out, because they often share a name. So are generic
/// types, and types with an `impl SessionValue` of their own: two of these under one key are logged
/// as an error when the second is first used. Write such an `impl` if two types share a key on
/// purpose, for example in two parts of a program that never use the same sessions.
#[proc_macro_derive(SessionValue, attributes(session))]
pub fn derive_session_value(input: TokenStream) -> TokenStream {
    expand::expand(&parse_macro_input!(input)).into()
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
