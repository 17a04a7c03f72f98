//! The memory that streams take, as counts that are the same on every machine.
//!
//! `cargo test -p cloakroom --test outside -- costs --nocapture` prints the figures.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use allocation_counter::{AllocationInfo, measure};
use cloakroom::{Sessions, SessionsWatch, Watch};
use tokio::runtime::{Builder, Runtime};

use crate::support::{Cart, Deployment, add, log_in, open, shopper};
use crate::visitor::Visitor;

/// The most bytes that a stream keeps, with what wakes it.
const STREAM: i64 = 2 << 10;

/// A node in memory with a session of Alice. Everything runs on one thread, whose allocations are
/// counted.
struct Node {
    runtime: Runtime,
    sessions: Sessions,
    visitor: Visitor,
}

impl Node {
    fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let [sessions, _] = Deployment::local().nodes();
        let visitor = runtime.block_on(async {
            let visitor = shopper(&sessions).await;
            log_in(&visitor, &sessions, "alice").await;
            add(&visitor, &sessions).await;
            visitor
        });
        Self { runtime, sessions, visitor }
    }

    fn spent<T>(&self, work: impl Future<Output = T>) -> (T, AllocationInfo) {
        let mut result = None;
        let spent = measure(|| result = Some(self.runtime.block_on(work)));
        (result.unwrap(), spent)
    }

    /// A stream of the cart that waits for its second version, and the bytes that it keeps.
    fn follow_cart(&self) -> (Watch<Cart>, i64) {
        let session = self.runtime.block_on(open(&self.visitor, &self.sessions));
        let (carts, spent) = self.spent(async move {
            let mut carts = session.watch::<Cart>().await.unwrap();
            carts.next().await.unwrap().unwrap();
            pending(carts.next()).await;
            carts
        });
        (carts, spent.bytes_current)
    }

    /// A stream of the list of Alice that waits for its second list, and the bytes that it keeps.
    fn follow_list(&self) -> (SessionsWatch, i64) {
        let (lists, spent) = self.spent(async {
            let mut lists = self.sessions.of("alice").watch();
            assert_eq!(lists.next().await.unwrap().unwrap().len(), 1);
            pending(lists.next()).await;
            lists
        });
        (lists, spent.bytes_current)
    }

    /// The fewest allocations of a change of the cart, and of a login of somebody else: now and then
    /// a table grows.
    fn allocations_of_changes(&self) -> (u64, u64) {
        let mut fewest = (u64::MAX, u64::MAX);
        for _ in 0..300 {
            let (_, change) = self.spent(add(&self.visitor, &self.sessions));
            let ((), login) = self.spent(log_in(&Visitor::default(), &self.sessions, "bob"));
            self.runtime.block_on(self.sessions.of("bob").revoke_all()).unwrap();
            fewest = (fewest.0.min(change.count_total), fewest.1.min(login.count_total));
        }
        fewest
    }
}

async fn pending(next: impl Future) {
    let mut next = pin!(next);
    let polled = poll_fn(|context| Poll::Ready(next.as_mut().poll(context))).await;
    assert!(polled.is_pending());
}

#[test]
fn a_stream_keeps_little_and_gives_it_back() {
    let node = Node::start();
    // What is allocated only once.
    drop((node.follow_cart(), node.follow_list()));
    let (first, of_first) = node.follow_cart();
    let (second, of_second) = node.follow_cart();
    let (list, of_list) = node.follow_list();
    println!("a stream of a value: {of_first} bytes, a further one {of_second}; of a list: {of_list}");
    for bytes in [of_first, of_second, of_list] {
        assert!((1..=STREAM).contains(&bytes), "{bytes} bytes");
    }
    let given_back = measure(|| drop((first, second, list))).bytes_current;
    assert!(-given_back >= of_first + of_second + of_list, "{given_back} bytes were given back");
    let many = measure(|| (0..50).for_each(|user: u64| drop(node.sessions.of(user).watch())));
    assert_eq!(many.bytes_current, 0, "nothing is left of any of them");
}

#[test]
fn nothing_is_allocated_for_streams_where_nobody_watches() {
    let node = Node::start();
    let before = node.allocations_of_changes();
    let list = node.follow_list();
    let others = node.allocations_of_changes();
    drop((list, node.follow_cart()));
    let after = node.allocations_of_changes();
    println!(
        "allocations of a change and a login: {before:?}, while another user is watched {others:?}, after it {after:?}"
    );
    assert_eq!((others, after), (before, before));
}
