//! The sessions of the whole store.

use cloakroom::store::{Cursor, PageRequest, Selector, StoreErrorKind};

use super::checks;
use super::failure::{Failure, Outcome, ensure, ensure_eq};
use super::fixture::{Fixture, legible};
use super::pages;

checks! { "list":
    an_empty_store_lists_nothing,
    every_session_is_listed,
    pages_join_whichever_sessions_end,
    a_foreign_cursor_is_refused,
}

/// The selectors from a page on, without repetitions, in ascending order.
async fn rest(fixture: &Fixture, request: PageRequest) -> Outcome<Vec<u128>> {
    pages::all(request, |request| fixture.store.list(request), |selector| u128::from_be_bytes(*selector.as_bytes()))
        .await
}

async fn some_sessions(fixture: &Fixture, count: usize) -> Outcome<Vec<Selector>> {
    let mut selectors = Vec::new();
    for _ in 0..count {
        selectors.push(fixture.session(&["cart"]).await?.0);
    }
    Ok(selectors)
}

async fn an_empty_store_lists_nothing(fixture: &Fixture) -> Outcome {
    ensure_eq!(rest(fixture, PageRequest::first(3)).await?, Vec::new(), "the sessions of an empty store");
    Ok(())
}

/// Also those of principals, and whether or not they are members of an index.
async fn every_session_is_listed(fixture: &Fixture) -> Outcome {
    let mut selectors = some_sessions(fixture, 6).await?;
    selectors.push(fixture.insert(&fixture.record_of(&fixture.principal())).await?);
    let mut expected = legible(&selectors);
    expected.sort_unstable();
    for limit in [1, 3, 100] {
        let what = format!("the sessions in pages of {limit}");
        ensure_eq!(rest(fixture, PageRequest::first(limit)).await?, expected, what);
    }
    Ok(())
}

/// A caller that moves all sessions ends those of a page before it requests the next one.
async fn pages_join_whichever_sessions_end(fixture: &Fixture) -> Outcome {
    let selectors = some_sessions(fixture, 12).await?;
    let (mut ended, mut listed, mut request) = (Vec::new(), Vec::new(), PageRequest::first(2));
    for _ in 0..pages::MANY {
        let page = fixture.store.list(request.clone()).await?;
        listed.extend(legible(&page.items));
        for selector in page.items.into_iter().filter(|selector| selectors.contains(selector)) {
            fixture.destroy(selector).await?;
            ended.push(selector);
        }
        let Some(next) = page.next else { break };
        some_sessions(fixture, 1).await?;
        request = request.after(next);
    }
    let missed = selectors.iter().filter(|selector| !ended.contains(selector)).count();
    ensure!(missed == 0, "{missed} of 12 sessions were on no page of {} items", listed.len());
    Ok(())
}

async fn a_foreign_cursor_is_refused(fixture: &Fixture) -> Outcome {
    some_sessions(fixture, 3).await?;
    for text in ["", "no cursor", "-1", "1 OR 1=1", "+1", "0.0", "*", "\u{0}"] {
        match fixture.store.list(PageRequest::first(2).after(Cursor::new(text))).await {
            Err(error) if error.kind() == StoreErrorKind::InvalidCursor => {}
            other => return Err(Failure::new(format!("the cursor {text:?} was accepted with {other:?}"))),
        }
    }
    Ok(())
}
