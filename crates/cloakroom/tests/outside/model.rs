//! Streams against a plain model: what is delivered rises from the first version to the last.

use std::time::Duration;

use cloakroom::store::StoreErrorKind;
use proptest::prelude::*;

use crate::support::{Cart, Deployment, add, open, shopper};

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A tab on the node of the stream, or on the other one, adds an item.
    Add { here: bool },
    /// The reader of the stream takes what is there.
    Read,
    /// The node of the stream cannot reach the store, or can again.
    Store { is_up: bool },
    /// The invalidations for the node of the stream are held back, or arrive.
    Invalidations { arrive: bool },
    /// The node of the stream receives no invalidations any more, or does again.
    Connection { is_up: bool },
    /// Time passes.
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<bool>().prop_map(|here| Step::Add { here }),
        4 => Just(Step::Read),
        1 => any::<bool>().prop_map(|is_up| Step::Store { is_up }),
        1 => any::<bool>().prop_map(|arrive| Step::Invalidations { arrive }),
        1 => any::<bool>().prop_map(|is_up| Step::Connection { is_up }),
        1 => Just(Step::Wait),
    ]
}

async fn walk(steps: Vec<Step>) {
    let deployment = Deployment::shared();
    let node = deployment.store.as_ref().unwrap().node();
    let store = cloakroom_testkit::FaultyStore::new(node.clone());
    let here = deployment.builder().store(store.clone()).build().unwrap();
    let [there, _] = deployment.nodes();
    let visitor = shopper(&there).await;
    let mut carts = open(&visitor, &here).await.watch::<Cart>().await.unwrap();
    let (mut written, mut read, mut is_up) = (1, 0, true);
    let mut take = async |read: &mut u64, written: u64| {
        for _ in 0..20 {
            let mut next = std::pin::pin!(carts.next());
            let polled = std::future::poll_fn(|context| std::task::Poll::Ready(next.as_mut().poll(context))).await;
            if let std::task::Poll::Ready(item) = polled {
                let cart = item.expect("the session lives").unwrap().unwrap().0;
                assert!(*read < cart && cart <= written, "{cart} after {read}, when {written} was written");
                *read = cart;
            }
            tokio::task::yield_now().await;
        }
    };
    for step in steps {
        match step {
            Step::Add { here: true } if is_up => {
                written = add(&visitor, &here).await;
                // Reads its own write.
                take(&mut read, written).await;
                assert_eq!(read, written);
            }
            Step::Add { .. } => written = add(&visitor, &there).await,
            Step::Read => take(&mut read, written).await,
            Step::Store { is_up: up } => {
                is_up = up;
                if up { store.reset() } else { store.fail_all(StoreErrorKind::Unavailable) }
            }
            Step::Invalidations { arrive: false } => node.pause_invalidations(),
            Step::Invalidations { arrive: true } => node.deliver_invalidations(),
            Step::Connection { is_up: false } => node.disconnect(),
            Step::Connection { is_up: true } => node.reconnect(),
            Step::Wait => deployment.clock.advance(Duration::from_secs(1)),
        }
    }
    store.reset();
    node.deliver_invalidations();
    // A reconnection tells the node that it may have missed something.
    node.disconnect();
    node.reconnect();
    deployment.clock.advance(Duration::from_secs(1));
    take(&mut read, written).await;
    assert_eq!(read, written, "the last version is delivered");
}

proptest! {
    #[test]
    fn a_stream_rises_to_the_last_version_whatever_fails_meanwhile(steps in prop::collection::vec(step(), 1..60)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(walk(steps));
    }
}
