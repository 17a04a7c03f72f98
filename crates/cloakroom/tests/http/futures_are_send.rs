//! Every public future is `Send`: checked by the compiler, so there is nothing to run.

use std::convert::Infallible;

use cloakroom::{Events, Login, PrincipalSessions, PublicId, Session, Sessions};

use crate::support::{Note, Theme, secs};

const fn send<T: Send>(_: &T) {}
const fn send_and_sync<T: Send + Sync>() {}
const fn is_send<T: Send>() {}

const _: () = {
    send_and_sync::<Sessions>();
    send_and_sync::<Session>();
    send_and_sync::<Session<Note>>();
    send_and_sync::<PrincipalSessions>();
    send_and_sync::<cloakroom::SessionError>();
    send_and_sync::<cloakroom::SessionLayer>();
    send_and_sync::<cloakroom::SessionService<()>>();
    is_send::<cloakroom::SessionFuture<std::future::Ready<()>>>();
    send_and_sync::<Events>();
};

#[expect(dead_code, reason = "compiling it is the test")]
fn session_verbs_are_send(session: &Session) {
    send(&session.get::<Note>());
    send(&session.update::<Note, _>(|note| note.0.clear()));
    send(&session.set(Note::default()));
    send(&session.remove::<Note>());
    send(&session.invalidate::<Theme>());
    send(&session.get_or_load(async || Ok::<_, Infallible>(Theme::default())));
    send(&session.find_or_load(async || Ok::<_, Infallible>(Some(Theme::default()))));
    send(&session.login("alice"));
    send(&session.login(Login::new(7_i64).keep::<Note>().label("here").remember(secs(60))));
    send(&session.renew());
    send(&session.rotate());
    send(&session.refresh());
    send(&session.csrf_token());
    send(&session.check_csrf(""));
    send(&session.destroy());
    send(&session.remember(secs(60)));
    send(&session.exists());
    send(&session.authenticated_within(secs(60)));
    send(&session.principal());
    send(&session.authenticated_at());
    send(&session.created_at());
    send(&session.expires_at());
    send(&session.public_id());
    send(&session.ended());
}

#[expect(dead_code, reason = "compiling it is the test")]
fn one_value_is_send(note: &Session<Note>) {
    send(&note.update(|note| note.0.clear()));
    send(&note.set(Note::default()));
    send(&note.remove());
}

#[expect(dead_code, reason = "compiling it is the test")]
fn futures_outside_of_requests_are_send(sessions: &Sessions, id: PublicId, kept: &Session, events: &mut Events) {
    let alice = sessions.of("alice");
    send(&alice.list());
    send(&alice.revoke(id));
    send(&alice.revoke_all());
    send(&alice.revoke_others(kept));
    send(&alice.invalidate::<Theme>());
    send(&sessions.run_pending_tasks());
    send(&events.recv());
}
