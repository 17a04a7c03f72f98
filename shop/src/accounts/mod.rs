//! Who is signed in: sign-in, sign-out and passwords.

mod account;
mod enter;
mod leave;
mod password;
mod throttle;

pub(crate) use self::account::{Account, UserId};
pub(crate) use self::enter::{form, sign_in};
pub(crate) use self::leave::sign_out;
pub(crate) use self::password::{Passwords, change, change_form};
pub(crate) use self::throttle::Throttle;
