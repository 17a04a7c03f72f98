//! Principals and the number of sessions, of the whole store.

use cloakroom::store::{Cursor, PageRequest, Principal, Selector, StoreErrorKind};

use super::checks;
use super::failure::{Failure, Outcome, ensure, ensure_eq};
use super::fixture::{Fixture, UNTIL};
use super::pages;

checks! { "all_sessions":
    an_empty_store_has_no_principals_and_no_sessions,
    every_principal_with_a_session_is_listed,
    pages_of_principals_join_whichever_sessions_end,
    every_session_counts_once,
    a_foreign_cursor_of_principals_is_refused,
}

/// The principals from the first page on, without repetitions, in ascending order.
async fn principals(fixture: &Fixture, limit: usize) -> Outcome<Vec<String>> {
    let list = |request| fixture.store.list_principals(request);
    pages::all(PageRequest::first(limit), list, |principal| principal.as_str().to_owned()).await
}

/// Logs `principal` in to a new session.
async fn log_in(fixture: &Fixture, principal: &str) -> Outcome<Selector> {
    let principal = Principal::from(principal);
    let selector = fixture.insert(&fixture.record_of(&principal)).await?;
    fixture.store.add_member(&principal, selector, UNTIL, None).await?;
    Ok(selector)
}

async fn an_empty_store_has_no_principals_and_no_sessions(fixture: &Fixture) -> Outcome {
    ensure_eq!(principals(fixture, 3).await?, Vec::<String>::new(), "the principals of an empty store");
    ensure_eq!(fixture.store.count().await?, 0, "the number of sessions of an empty store");
    Ok(())
}

/// Also those whose names have a meaning in a pattern or in a query.
async fn every_principal_with_a_session_is_listed(fixture: &Fixture) -> Outcome {
    let names = ["alice", "bob", "*", "a:b", "100%_", "o'hara", "\\0", "\u{e9}"];
    for name in names {
        log_in(fixture, name).await?;
        log_in(fixture, name).await?;
    }
    fixture.session(&["cart"]).await?;
    let mut expected: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    expected.sort_unstable();
    for limit in [1, 3, 100] {
        let what = format!("the principals in pages of {limit}");
        ensure_eq!(principals(fixture, limit).await?, expected, what);
    }
    Ok(())
}

/// A caller that ends the sessions of a page before it requests the next one misses nobody.
async fn pages_of_principals_join_whichever_sessions_end(fixture: &Fixture) -> Outcome {
    let mut sessions = Vec::new();
    for number in 0..12 {
        let name = format!("user-{number}");
        sessions.push((log_in(fixture, &name).await?, name));
    }
    let (mut listed, mut request) = (Vec::new(), PageRequest::first(2));
    for _ in 0..pages::MANY {
        let page = fixture.store.list_principals(request.clone()).await?;
        for principal in page.items {
            let theirs = sessions.iter().filter(|(_, name)| *name == principal.as_str());
            for selector in theirs.map(|(selector, _)| *selector).collect::<Vec<_>>() {
                fixture.destroy(selector).await?;
                fixture.store.remove_members(&principal, vec![selector]).await?;
            }
            listed.push(principal);
        }
        let Some(next) = page.next else { break };
        request = request.after(next);
    }
    let missed = sessions.iter().filter(|(_, name)| !listed.iter().any(|principal| principal.as_str() == name)).count();
    ensure!(missed == 0, "{missed} of 12 principals were on no page of {} items", listed.len());
    Ok(())
}

async fn every_session_counts_once(fixture: &Fixture) -> Outcome {
    for _ in 0..7 {
        fixture.session(&["cart"]).await?;
    }
    let ended = log_in(fixture, "alice").await?;
    ensure_eq!(fixture.store.count().await?, 8, "the number of sessions");
    fixture.destroy(ended).await?;
    ensure_eq!(fixture.store.count().await?, 7, "the number of sessions after one has ended");
    Ok(())
}

async fn a_foreign_cursor_of_principals_is_refused(fixture: &Fixture) -> Outcome {
    log_in(fixture, "alice").await?;
    for text in ["", "no cursor", "-1", "1 OR 1=1", "+1", "0.0", "*", "\u{0}"] {
        match fixture.store.list_principals(PageRequest::first(2).after(Cursor::new(text))).await {
            Err(error) if error.kind() == StoreErrorKind::InvalidCursor => {}
            other => return Err(Failure::new(format!("the cursor {text:?} was accepted with {other:?}"))),
        }
    }
    Ok(())
}
