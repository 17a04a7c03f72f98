//! A touch says that a session was seen, and changes nothing else.

use crate::store::{Record, Touch};
use crate::time::Timestamp;

use super::checks;
use super::failure::{Outcome, ensure, ensure_eq};
use super::stage::Stage;
use super::words::{put, same, with};

checks! { "touch":
    the_idle_timeout_starts_anew,
    last_seen_moves_and_nothing_else,
    last_seen_never_goes_back,
    a_batch_touches_every_session,
    a_batch_may_be_empty,
    what_is_gone_is_skipped,
    it_never_creates,
    a_commit_from_before_still_fits,
}

async fn touch(stage: &Stage, touches: impl IntoIterator<Item = Touch> + Send) -> Outcome {
    Ok(stage.store.touch(touches.into_iter().collect()).await?)
}

async fn the_idle_timeout_starts_anew(stage: &Stage) -> Outcome {
    let tag = stage.insert(&stage.record_living(stage.ticks(4), stage.long())).await?;
    for _ in 0..2 {
        stage.wait(3).await;
        touch(stage, [Touch::new(tag, stage.now())]).await?;
    }
    stage.wait(3).await;
    ensure!(stage.is_live(tag).await?, "the session is gone 3 ticks after a touch; its idle timeout is 4");
    stage.wait(3).await;
    ensure!(!stage.is_live(tag).await?, "the session lives 6 ticks after its last touch; its idle timeout is 4");
    Ok(())
}

async fn last_seen_moves_and_nothing_else(stage: &Stage) -> Outcome {
    let (tag, record) = stage.session(&["cart"]).await?;
    stage.wait(1).await;
    let last_seen = stage.now();
    touch(stage, [Touch::new(tag, last_seen)]).await?;
    same(&stage.load(tag).await?, &Record { last_seen, ..record }, "load after the touch")
}

async fn last_seen_never_goes_back(stage: &Stage) -> Outcome {
    let (tag, record) = stage.session(&[]).await?;
    touch(stage, [Touch::new(tag, Timestamp::from_millis(0))]).await?;
    same(&stage.load(tag).await?, &record, "load after a touch from long ago")?;
    let (earlier, later) = (stage.now().after(stage.ticks(1)), stage.now().after(stage.ticks(2)));
    touch(stage, [Touch::new(tag, later), Touch::new(tag, earlier)]).await?;
    ensure_eq!(stage.load(tag).await?.last_seen, later, "last_seen after a batch with two touches of one session");
    Ok(())
}

async fn a_batch_touches_every_session(stage: &Stage) -> Outcome {
    let mut tags = Vec::new();
    for _ in 0..150 {
        tags.push(stage.session(&[]).await?.0);
    }
    stage.wait(1).await;
    let seen = stage.now();
    touch(stage, tags.iter().map(|tag| Touch::new(*tag, seen))).await?;
    for tag in tags {
        ensure_eq!(stage.load(tag).await?.last_seen, seen, "last_seen of a session in a batch of 150");
    }
    Ok(())
}

async fn a_batch_may_be_empty(stage: &Stage) -> Outcome {
    touch(stage, []).await
}

async fn what_is_gone_is_skipped(stage: &Stage) -> Outcome {
    let ((first, _), (gone, _), (last, _)) =
        (stage.session(&[]).await?, stage.session(&[]).await?, stage.session(&[]).await?);
    stage.destroy(gone).await?;
    stage.wait(1).await;
    let seen = stage.now();
    touch(stage, [first, gone, stage.tag(), last].map(|tag| Touch::new(tag, seen))).await?;
    for tag in [first, last] {
        ensure_eq!(stage.load(tag).await?.last_seen, seen, "last_seen of a session beside ones that are gone");
    }
    Ok(())
}

async fn it_never_creates(stage: &Stage) -> Outcome {
    let (destroyed, _) = stage.session(&[]).await?;
    stage.destroy(destroyed).await?;
    for tag in [stage.tag(), destroyed] {
        touch(stage, [Touch::new(tag, stage.now())]).await?;
        ensure!(!stage.is_live(tag).await?, "a touch brought a record into being");
    }
    Ok(())
}

async fn a_commit_from_before_still_fits(stage: &Stage) -> Outcome {
    let (tag, _) = stage.session(&["cart"]).await?;
    touch(stage, [Touch::new(tag, stage.now().after(stage.ticks(1)))]).await?;
    let commit = with(stage.commit(1), [super::words::at(1, put("cart", "second"))]);
    let receipt = super::words::done(stage.store.commit(tag, commit).await?)?;
    ensure_eq!(receipt.version, 2, "the version after a touch and a commit");
    Ok(())
}
