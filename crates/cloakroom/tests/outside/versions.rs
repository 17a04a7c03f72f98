//! Which versions are delivered.

use futures_util::StreamExt;

use crate::support::{Cart, Deployment, Other, add, assert_quiet, next, open, shopper, within};

#[tokio::test]
async fn the_present_value_comes_first_and_then_each_change_from_any_node() {
    for deployment in Deployment::both() {
        let [here, there] = deployment.nodes();
        let visitor = shopper(&here).await;
        let mut carts = open(&visitor, &here).await.watch::<Cart>().await.unwrap();
        assert_eq!(next(&mut carts).await, Some(1));
        assert_quiet(carts.next()).await;
        for turn in 2..10 {
            let node = if turn % 2 == 0 { &there } else { &here };
            assert_eq!(add(&visitor, node).await, turn);
            assert_eq!(next(&mut carts).await, Some(turn));
            assert_quiet(carts.next()).await;
        }
    }
}

#[tokio::test]
async fn a_removed_value_is_none_and_the_stream_goes_on() {
    for deployment in Deployment::both() {
        let [here, there] = deployment.nodes();
        let visitor = shopper(&here).await;
        let mut carts = open(&visitor, &here).await.watch::<Cart>().await.unwrap();
        assert_eq!(next(&mut carts).await, Some(1));
        assert!(open(&visitor, &there).await.remove::<Cart>().await.unwrap());
        assert_eq!(next(&mut carts).await, None);
        add(&visitor, &there).await;
        assert_eq!(next(&mut carts).await, Some(1));
    }
}

#[tokio::test]
async fn a_value_that_was_never_written_is_none_until_it_is() {
    for deployment in Deployment::both() {
        let [here, there] = deployment.nodes();
        let visitor = shopper(&here).await;
        let mut others = open(&visitor, &here).await.watch::<Other>().await.unwrap();
        assert_eq!(within(others.next()).await.unwrap().unwrap(), None);
        add(&visitor, &there).await;
        open(&visitor, &there).await.set(Other(7)).await.unwrap();
        assert_eq!(*within(others.next()).await.unwrap().unwrap().unwrap(), Other(7));
    }
}

#[tokio::test]
async fn a_change_of_another_value_delivers_nothing() {
    for deployment in Deployment::both() {
        let [here, there] = deployment.nodes();
        let visitor = shopper(&here).await;
        let mut carts = open(&visitor, &here).await.watch::<Cart>().await.unwrap();
        assert_eq!(next(&mut carts).await, Some(1));
        open(&visitor, &there).await.set(Other(7)).await.unwrap();
        assert_quiet(carts.next()).await;
    }
}

#[tokio::test]
async fn a_slow_reader_skips_to_the_newest_version() {
    for deployment in Deployment::both() {
        let [here, there] = deployment.nodes();
        let visitor = shopper(&here).await;
        let mut carts = open(&visitor, &here).await.watch::<Cart>().await.unwrap();
        assert_eq!(next(&mut carts).await, Some(1));
        for _ in 0..100 {
            add(&visitor, &there).await;
        }
        assert_eq!(next(&mut carts).await, Some(101));
        assert_quiet(carts.next()).await;
    }
}

#[tokio::test]
async fn an_item_that_is_requested_after_a_write_of_this_node_shows_it() {
    for deployment in Deployment::both() {
        let [here, _] = deployment.nodes();
        let visitor = shopper(&here).await;
        let mut carts = open(&visitor, &here).await.watch::<Cart>().await.unwrap();
        for turn in 2..20 {
            // The wait for the item before is given up at any point.
            assert_eq!(add(&visitor, &here).await, turn);
            assert_eq!(next(&mut carts).await, Some(turn));
        }
    }
}

#[tokio::test]
async fn a_wait_that_is_given_up_loses_nothing() {
    for deployment in Deployment::both() {
        let [here, there] = deployment.nodes();
        let visitor = shopper(&here).await;
        let mut carts = open(&visitor, &here).await.watch::<Cart>().await.unwrap();
        assert_eq!(next(&mut carts).await, Some(1));
        for turn in 2..10 {
            assert_quiet(carts.next()).await;
            add(&visitor, &there).await;
            assert_eq!(next(&mut carts).await, Some(turn));
        }
    }
}

#[tokio::test]
async fn a_session_opened_by_id_is_watched_in_the_same_way() {
    for deployment in Deployment::both() {
        let [here, there] = deployment.nodes();
        let visitor = shopper(&there).await;
        let id = open(&visitor, &there).await.public_id().await.unwrap().unwrap();
        let session = here.by_id(id).await.unwrap().unwrap();
        let mut carts = session.watch::<Cart>().await.unwrap();
        assert_eq!(next(&mut carts).await, Some(1));
        add(&visitor, &there).await;
        assert_eq!(next(&mut carts).await, Some(2));
        // Whoever logs in to it.
        let visit = visitor.enter(&there);
        visit.login("alice").await.unwrap();
        visit.leave().await;
        assert_eq!(next(&mut carts).await, None);
        assert!(session.revoke().await.unwrap());
        assert!(within(carts.next()).await.is_none());
    }
}

#[tokio::test]
async fn it_is_a_stream_for_combinators() {
    for deployment in Deployment::both() {
        let [here, there] = deployment.nodes();
        let visitor = shopper(&here).await;
        let carts = open(&visitor, &here).await.watch::<Cart>().await.unwrap();
        let mut counts = carts.map(|cart| cart.unwrap().map_or(0, |cart| cart.0));
        assert_eq!(within(counts.next()).await, Some(1));
        add(&visitor, &there).await;
        assert_eq!(within(counts.next()).await, Some(2));
    }
}
