//! Who is signed in: sign-in, sign-out and passwords.

mod account;
mod login;
mod logout;
mod password;
mod throttle;

pub(crate) use self::account::{Account, UserId};
pub(crate) use self::login::{form, sign_in};
pub(crate) use self::logout::sign_out;
pub(crate) use self::password::{Passwords, change, change_form};
pub(crate) use self::throttle::Throttle;
