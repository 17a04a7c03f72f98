//! A caller may drop a call at any await point. What it leaves behind is complete or absent.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use cloakroom::store::{Commit, Record, Rotation, StoreError};

use super::checks;
use super::failure::{Outcome, ensure, ensure_eq};
use super::fixture::Fixture;
use super::helpers::{put, same, value, with};

checks! { "cancellation":
    a_commit_that_is_given_up_is_whole_or_not_at_all,
    a_create_that_is_given_up_is_whole_or_not_at_all,
}

/// Polls a call this many times, lets other tasks run in between, and drops it.
async fn give_up_after<T>(polls: u32, call: impl Future<Output = Result<T, StoreError>>) {
    let mut call = pin!(call);
    for _ in 0..polls {
        let ready = std::future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready())).await;
        if ready {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn a_commit_that_is_given_up_is_whole_or_not_at_all(fixture: &Fixture) -> Outcome {
    for polls in 0..12 {
        let (selector, before) = fixture.session(&["cart", "theme"]).await?;
        let rotation = Some(Rotation::new(fixture.verifier(), None));
        let edits = [put("cart", "second"), super::helpers::remove("theme"), put("history", "new")];
        let commit = with_fields!(with(fixture.commit(1), edits), rotation = rotation);
        let store = Arc::clone(&fixture.store);
        give_up_after(polls, store.commit(selector, commit.clone())).await;
        // The request may still arrive, so the record is loaded more than once.
        for _ in 0..3 {
            let now = fixture.load(selector).await?;
            if now.version == before.version {
                same(&now, &before, &format!("load after a commit that was dropped after {polls} polls"))?;
            } else {
                whole(&now, &commit)?;
            }
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

fn whole(record: &Record, commit: &Commit) -> Outcome {
    let verifier = commit.rotation.as_ref().map(|rotation| rotation.verifier);
    ensure_eq!((record.version, record.nonce), (2, commit.nonce), "the version and nonce of a dropped commit");
    ensure!(Some(record.verifier) == verifier, "a dropped commit left the old secret with the new version");
    for edit in &commit.edits {
        ensure_eq!(value(record, &edit.key)?.version, 2, format!("the version of {} after a dropped commit", edit.key));
    }
    Ok(())
}

async fn a_create_that_is_given_up_is_whole_or_not_at_all(fixture: &Fixture) -> Outcome {
    for polls in 0..12 {
        let (selector, record) = (fixture.selector(), fixture.record_with(&["cart", "theme"]));
        give_up_after(polls, fixture.store.create(selector, record.clone())).await;
        for _ in 0..3 {
            if let Some(loaded) = fixture.store.load(selector).await? {
                same(&loaded.record, &record, &format!("load after a create that was dropped after {polls} polls"))?;
            }
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}
