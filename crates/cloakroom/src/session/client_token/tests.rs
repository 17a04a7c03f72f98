use proptest::prelude::*;

use super::*;
use crate::cache::tests::builders;
use crate::cache::{EndReason, Invalidated};

/// One event that changes a token's state, in the order of the columns of the table.
#[derive(Clone, Copy, Debug)]
enum Event {
    Opened,
    Superseded,
    RolledBack,
    Issued,
    KeptLonger,
    LoggedOut,
    Forgotten,
}

const EVENTS: [Event; 7] = [
    Event::Opened,
    Event::Superseded,
    Event::RolledBack,
    Event::Issued,
    Event::KeptLonger,
    Event::LoggedOut,
    Event::Forgotten,
];

fn credential(secret: u8) -> Credential {
    Credential {
        selector: builders::selector(1),
        secret: builders::secret(secret),
        fingerprint: builders::fingerprint(secret),
        client_version: None,
        has_opened: false,
        lineage: None,
    }
}

fn live(secret: u8) -> EntryState {
    EntryState::Live(Snapshot {
        fingerprint: builders::fingerprint(secret),
        verifier: builders::verifier(secret),
        ..builders::session([])
    })
}

fn entry(state: EntryState) -> Arc<Entry> {
    Arc::new(Entry::new(builders::selector(1), state, builders::at(0)))
}

fn open(entry: &Arc<Entry>) -> Option<OpenSession> {
    let state = entry.state();
    state.snapshot().is_some().then(|| OpenSession::new(Arc::clone(entry), state))
}

fn name(state: &TokenState) -> &'static str {
    match state {
        TokenState::Missing => "Missing",
        TokenState::Presented(..) => "Presented",
        TokenState::Open(..) => "Open",
        TokenState::KeptLonger(..) => "KeptLonger",
        TokenState::Issued(..) => "Issued",
        TokenState::Superseded(..) => "Superseded",
        TokenState::Removed => "Removed",
    }
}

fn apply(state: &mut TokenState, event: Event) {
    match event {
        Event::Opened => state.opened(&entry(live(1))),
        Event::Superseded => state.superseded(),
        Event::RolledBack => state.rolled_back(),
        Event::Issued => state.issued(credential(2), entry(live(2))),
        Event::KeptLonger => state.kept_longer(),
        Event::LoggedOut => state.logged_out(),
        Event::Forgotten => state.forgotten(),
    }
}

/// Returns every row of the table in the documentation of `TokenState`: the state, and the state
/// after each event.
fn documented() -> Vec<(&'static str, Vec<&'static str>)> {
    let cells = |line: &'static str| line.split('|').map(|cell| cell.trim().trim_matches('`')).collect::<Vec<_>>();
    let rows = include_str!("state.rs").lines().filter(|line| line.starts_with("/// | `"));
    rows.map(|line| {
        let cells = cells(line);
        let after = cells[2..9].iter().map(|cell| cell.trim_end_matches('¹').trim_matches('`'));
        (cells[1], after.collect())
    })
    .collect()
}

fn states(has_opened: bool) -> Vec<TokenState> {
    let credential = Credential { has_opened, ..credential(1) };
    let entry = entry(live(1));
    vec![
        TokenState::Missing,
        TokenState::Presented(credential, None),
        TokenState::Open(credential, Arc::clone(&entry)),
        TokenState::KeptLonger(credential, Arc::clone(&entry)),
        TokenState::Issued(credential, Arc::clone(&entry)),
        TokenState::Superseded(credential, Some(entry)),
        TokenState::Removed,
    ]
}

#[test]
fn every_transition_is_the_documented_one() {
    let documented = documented();
    assert_eq!(documented.len(), 7);
    for has_opened in [false, true] {
        for ((row, after), before) in documented.iter().zip(states(has_opened)) {
            assert_eq!(*row, name(&before));
            for (event, after) in EVENTS.iter().zip(after) {
                let mut state = before.clone();
                apply(&mut state, *event);
                let expected = match (*row, event) {
                    ("KeptLonger" | "Issued", Event::RolledBack) if has_opened => "Open",
                    (_, Event::RolledBack) if has_opened => row,
                    _ if after.is_empty() => row,
                    _ => after,
                };
                assert_eq!(name(&state), expected, "{row} after {event:?}, has_opened: {has_opened}");
            }
        }
    }
}

/// Two threads of one request: one looks the session up under the old token, and applies its result
/// after the other one has given the client a new token.
#[test]
fn what_was_found_under_the_old_token_says_nothing_of_the_new_one() {
    let found = [|| Lookup::Superseded, || Lookup::RolledBack, || Lookup::Missing];
    for found in found {
        let mut client_token =
            ClientToken { state: TokenState::Issued(credential(2), entry(live(2))), ..ClientToken::default() };
        assert!(client_token.on_passive_access(&Counters::default(), &credential(1), found()).is_none());
        assert_eq!(name(&client_token.state), "Issued", "{:?}", found());
    }
    let mut client_token =
        ClientToken { state: TokenState::Issued(credential(2), entry(live(2))), ..ClientToken::default() };
    client_token.on_passive_access(&Counters::default(), &credential(2), Lookup::Superseded);
    assert_eq!(name(&client_token.state), "Superseded");
}

/// What happens during a request, to the client's token and to the two entries of its session: the
/// second one appears if the first one was evicted.
#[derive(Clone, Debug)]
enum Step {
    /// A lookup under the present token, or under another one.
    Found {
        entry: usize,
        is_own: bool,
    },
    Superseded {
        is_own: bool,
    },
    RolledBack {
        is_own: bool,
    },
    Missing,
    /// The request, or another request of the same client, makes a token with this secret.
    Issued {
        entry: usize,
        secret: u8,
    },
    KeptLonger,
    LoggedOut,
    Forgotten,
    /// The session changes outside of the request.
    Changed {
        entry: usize,
        to: u8,
    },
    /// The end of the request asks for the session.
    Resolved {
        entry: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let (entry, is_own) = (0..2_usize, any::<bool>());
    prop_oneof![
        4 => (entry.clone(), is_own).prop_map(|(entry, is_own)| Step::Found { entry, is_own }),
        1 => is_own.prop_map(|is_own| Step::Superseded { is_own }),
        1 => is_own.prop_map(|is_own| Step::RolledBack { is_own }),
        1 => Just(Step::Missing),
        2 => (entry.clone(), 1..4_u8).prop_map(|(entry, secret)| Step::Issued { entry, secret }),
        1 => Just(Step::KeptLonger),
        1 => Just(Step::LoggedOut),
        1 => Just(Step::Forgotten),
        3 => (entry.clone(), 0..5_u8).prop_map(|(entry, to)| Step::Changed { entry, to }),
        1 => entry.prop_map(|entry| Step::Resolved { entry }),
    ]
}

/// Changes an entry: 0 ends the session, 4 invalidates the copy, and others give it a new secret.
fn change(entry: &Arc<Entry>, to: u8) {
    builders::change_state(entry, |before| match to {
        0 => Some(EntryState::Ended(EndReason::Logout)),
        4 => Some(EntryState::Invalidated(Invalidated {
            last_copy: before.snapshot().cloned().map(Arc::new),
            suspect_since: None,
        })),
        secret => Some(live(secret)),
    });
}

fn walk(client_token: &mut ClientToken, entries: &[Arc<Entry>; 2], step: &Step) {
    let own = client_token.credential().unwrap_or_else(|| credential(1));
    let used = |is_own: bool| if is_own { own } else { credential(9) };
    let mut found = |is_own, lookup| drop(client_token.on_passive_access(&Counters::default(), &used(is_own), lookup));
    match *step {
        Step::Found { entry, is_own } => {
            if let Some(open) = open(&entries[entry]) {
                found(is_own, Lookup::Open(open));
            }
        }
        Step::Superseded { is_own } => found(is_own, Lookup::Superseded),
        Step::RolledBack { is_own } => found(is_own, Lookup::RolledBack),
        Step::Missing => found(true, Lookup::Missing),
        Step::Issued { entry, secret } => {
            client_token.share_token(credential(secret), Arc::clone(&entries[entry]), None);
        }
        Step::KeptLonger => client_token.keep_longer(),
        Step::LoggedOut => client_token.log_out(),
        Step::Forgotten => client_token.forget(),
        Step::Changed { entry, to } => change(&entries[entry], to),
        Step::Resolved { entry } => client_token.resolve(Some(&entries[entry].state())),
    }
}

/// Checks what the response may tell the client in this state.
fn check_update(client_token: &ClientToken) {
    let state = &client_token.state;
    match client_token.token_update(builders::at(1)) {
        TokenUpdate::Remove => assert!(state.is_removed()),
        TokenUpdate::None | TokenUpdate::Pending => assert!(!state.is_removed()),
        TokenUpdate::Issue { token, .. } => {
            let (Some(credential), Some(entry)) = (state.credential(), state.entry()) else {
                panic!("a token is sent in the state {}", name(state))
            };
            assert_eq!(token.secret.as_bytes(), credential.secret.as_bytes());
            match &*entry.state() {
                EntryState::Live(snapshot) => assert_eq!(snapshot.fingerprint, credential.fingerprint),
                EntryState::Invalidated(_) => {
                    assert!(state.is_issued() || client_token.is_current == Some(true), "{}", name(state));
                }
                EntryState::Ended(_) => panic!("the token of an ended session is sent"),
            }
            let needs_reissue = client_token.needs_new_format || client_token.has_newer_version();
            assert!(state.must_send() || needs_reissue, "{}", name(state));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens during a request, the response carries no token that was replaced or whose
    /// session has ended, and the request is counted in its session's entry alone, until it ends.
    #[test]
    fn no_order_of_events_sends_a_dead_token_or_leaves_a_request_counted(
        opens in any::<bool>(),
        needs_new_format in any::<bool>(),
        steps in prop::collection::vec(step(), 1..24),
    ) {
        let entries = [entry(live(1)), entry(live(1))];
        let mut client_token = ClientToken {
            state: TokenState::presented(credential(1), Some(Arc::clone(&entries[0])), opens),
            needs_new_format,
            ..ClientToken::default()
        };
        for step in &steps {
            walk(&mut client_token, &entries, step);
            check_update(&client_token);
            for entry in &entries {
                let is_known = client_token.entry().is_some_and(|known| Arc::ptr_eq(known, entry));
                prop_assert!(is_known || !entry.has_requests(), "another entry counts the request");
            }
        }
        client_token.activity.end_in(client_token.state.entry());
        prop_assert!(!entries.iter().any(|entry| entry.has_requests()), "an entry counts a request that is over");
    }
}
