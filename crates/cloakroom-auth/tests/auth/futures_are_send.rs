//! Every public future is `Send`: checked by the compiler, so there is nothing to run.

use cloakroom::{Login, Session};
use cloakroom_auth::flash::{Flash, Level};
use cloakroom_auth::{AuthHash, AuthLayer, AuthRejection, Guard, GuardFuture, Next, User, log_in};
use http::request::Parts;

use crate::application::Account;

const fn send<T: Send>(_: &T) {}
const fn send_and_sync<T: Send + Sync>() {}
const fn is_send<T: Send>() {}

const _: () = {
    send_and_sync::<AuthLayer<Account>>();
    send_and_sync::<Guard<Account>>();
    send_and_sync::<User<Account>>();
    send_and_sync::<AuthRejection>();
    send_and_sync::<AuthHash>();
    send_and_sync::<Next>();
    is_send::<GuardFuture<()>>();
};

#[expect(dead_code, reason = "compiling it is the test")]
fn operations_are_send(session: &Session, parts: &mut Parts, hash: AuthHash) {
    send(&log_in(session, Login::new("ada"), hash));
    send(&User::<Account>::read(parts));
}

#[expect(dead_code, reason = "compiling it is the test")]
fn messages_are_send(flash: &Flash) {
    send(&flash.push(Level::Info, "text"));
    send(&flash.take());
}
