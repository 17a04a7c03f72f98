//! A record may be outdated by the time it is cached.

use std::time::Duration;

use cloakroom_testbed::Direction::ToClient;

use crate::support::{Deployment, Visitor, without_hint};

/// Long compared with a request on a busy machine, short for a test.
const LATE: Duration = Duration::from_millis(300);

#[tokio::test]
async fn race_01_a_reply_that_an_invalidation_overtook_is_not_kept() {
    let (_deployment, a, b) = Deployment::with_two_nodes().await;
    let alice = Visitor::default();
    assert_eq!(b.add(&alice).await.unwrap(), 1);
    let stranger = without_hint(&alice);
    a.proxy.hold(ToClient);
    let (before, bytes_received) = (a.commands(), a.bytes_received());
    let interfere = async {
        a.wait_for_command("evalsha", &before).await;
        a.wait_for_more_than(bytes_received).await;
        let bytes_received = a.bytes_received();
        assert_eq!(b.add(&alice).await.unwrap(), 2);
        a.wait_for_more_than(bytes_received).await;
        // Reply and invalidation arrive together, and the reader's task runs after both were
        // handled.
        a.proxy.release(ToClient);
    };
    let (read, ()) = tokio::join!(a.count(&stranger), interfere);
    assert_eq!(read.unwrap(), Some(2), "it is loaded again, because the first result was outdated");
    assert_eq!(a.count(&stranger).await.unwrap(), Some(2), "the new record is cached");
}

#[tokio::test]
async fn race_03_a_client_that_is_sent_on_sees_its_write_before_the_news_of_it_arrive() {
    let (_deployment, a, b) = Deployment::with_two_nodes().await;
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    let stranger = without_hint(&alice);
    a.proxy.hold(ToClient);
    assert_eq!(b.add(&alice).await.unwrap(), 2);
    let before = a.commands();
    assert_eq!(a.count(&stranger).await.unwrap(), Some(1), "the invalidation has not arrived yet");
    assert!(a.sent_since(&before).is_empty());
    let asked = async {
        a.wait_for_command("evalsha", &before).await;
        a.proxy.release(ToClient);
    };
    let (read, ()) = tokio::join!(a.count(&alice), asked);
    assert_eq!(read.unwrap(), Some(2), "the writer sees its write");
    // Once or twice, because the invalidation of the write may overtake the first reply.
    assert_eq!(a.sent_since(&before).into_keys().collect::<Vec<_>>(), ["evalsha"]);
}

#[tokio::test]
async fn race_09_nobody_joins_a_read_that_began_before_their_own_write() {
    let (_deployment, a, b) = Deployment::with_two_nodes().await;
    let alice = Visitor::default();
    b.add(&alice).await.unwrap();
    let stranger = without_hint(&alice);
    let (before, bytes_received) = (a.commands(), a.bytes_received());
    a.proxy.delay(ToClient, LATE);
    let reader = a.count(&stranger);
    let writer = async {
        a.wait_for_command("evalsha", &before).await;
        a.wait_for_more_than(bytes_received).await;
        // The invalidation arrives this much later than the old reply, which is correctly cached
        // for a moment.
        tokio::time::sleep(LATE / 3).await;
        b.add(&alice).await.unwrap();
        a.count(&alice).await
    };
    let (read, written) = tokio::join!(reader, writer);
    // The read began before the write, so either result is correct.
    assert!(matches!(read.unwrap(), Some(1 | 2)));
    assert_eq!(written.unwrap(), Some(2), "the writer sees its write");
}

#[tokio::test]
async fn race_12_a_copy_made_from_an_old_one_has_what_others_wrote_meanwhile() {
    let (_deployment, a, b) = Deployment::with_two_nodes().await;
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    let bytes_received = a.bytes_received();
    a.proxy.hold(ToClient);
    b.write(&alice, "from b").await.unwrap();
    a.wait_for_more_than(bytes_received).await;
    let tabs: Vec<_> = (0..8).map(|_| without_hint(&alice)).collect();
    let before = a.commands();
    let writes = async {
        let (w, x, y, z) = tokio::join!(a.add(&tabs[0]), a.add(&tabs[1]), a.add(&tabs[2]), a.write(&tabs[3], "from a"));
        [w.is_ok(), x.is_ok(), y.is_ok(), z.is_ok()]
    };
    let release = async {
        a.wait_for_command("evalsha", &before).await;
        a.proxy.release(ToClient);
    };
    let (written, ()) = tokio::join!(writes, release);
    assert_eq!(written, [true; 4]);
    let (count, note) = (a.count(&tabs[4]).await.unwrap(), a.note(&tabs[4]).await.unwrap());
    let (true_count, true_note) = (b.count(&alice).await.unwrap(), b.note(&alice).await.unwrap());
    assert_eq!((count, note), (true_count, true_note.clone()));
    assert_eq!((true_count, true_note.as_deref()), (Some(4), Some("from a")));
}

#[tokio::test]
async fn race_12_an_old_base_is_answered_with_the_whole_record() {
    let (_deployment, a, b) = Deployment::with_two_nodes().await;
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    a.proxy.delay(ToClient, LATE);
    b.write(&alice, "from b").await.unwrap();
    let stranger = without_hint(&alice);
    assert_eq!(a.add(&stranger).await.unwrap(), 2, "the outdated copy was a sufficient base for the write");
    assert_eq!(a.note(&without_hint(&alice)).await.unwrap().as_deref(), Some("from b"));
}
