//! A million sessions leave no memory behind, and many writers of one session lose no update.

#[path = "support/recording.rs"]
mod recording;
#[path = "model/visitor.rs"]
mod visitor;

use std::time::Duration;

use cloakroom::{SessionValue, Sessions};
use cloakroom_testkit::ManualClock;
use serde::{Deserialize, Serialize};

use visitor::Visitor;

#[derive(Clone, Default, Serialize, Deserialize)]
struct Cart(Vec<u32>);
impl SessionValue for Cart {
    const KEY: &'static str = "cart";
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Count(u64);
impl SessionValue for Count {
    const KEY: &'static str = "count";
}

const SESSIONS: u64 = 1_000_000;

/// The allocator may keep the pages, so only growth during the second million shows a leak.
#[tokio::test]
async fn a_million_expired_sessions_leave_no_memory_behind() {
    let clock = ManualClock::new();
    let sessions = recording::recorded().clock(clock.clone()).build().expect("valid");
    let start = resident_bytes();
    let first = create_and_expire(&sessions, &clock, 1).await;
    let second = create_and_expire(&sessions, &clock, 2).await;
    if let (Some(start), Some(first), Some(second)) = (start, first, second) {
        assert!(first > start + (100 << 20), "the first million took {} bytes", first - start);
        let grown = second.saturating_sub(first);
        // Fragmentation differs by about a tenth between runs. A leak would double the memory.
        assert!(grown < (first - start) / 4, "the first million left {grown} bytes behind");
    }
}

/// Creates a million sessions and lets them expire. Returns the resident bytes at the peak.
async fn create_and_expire(sessions: &Sessions, clock: &ManualClock, round: u64) -> Option<usize> {
    for number in 0..SESSIONS {
        let visit = Visitor::default().enter(sessions);
        visit.set(Cart(vec![number as u32; 5])).await.expect("there is room");
        // A session whose token is never sent would be dropped.
        visit.leave().await;
        if number % 50_000 == 0 {
            clock.advance(Duration::from_secs(30));
            sessions.run_pending_tasks().await;
        }
    }
    let full = sessions.stats();
    assert_eq!((full.created, full.sessions), (round * SESSIONS, SESSIONS));
    assert!(full.bytes > SESSIONS * 100, "{full:?}");
    let peak = resident_bytes();
    clock.advance(Duration::from_secs(31 * 60));
    sessions.run_pending_tasks().await;
    let empty = sessions.stats();
    assert_eq!((empty.sessions, empty.bytes), (0, 0));
    assert_eq!((empty.created, empty.ended_idle), (round * SESSIONS, round * SESSIONS));
    peak
}

/// Resident memory of this process, where the system reports it.
fn resident_bytes() -> Option<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_increments_of_one_session_by_64_tasks_are_ten_thousand() {
    const TASKS: u64 = 64;
    const EACH: u64 = 157;
    let sessions = recording::recorded_in_memory();
    let visitor = Visitor::default();
    let visit = visitor.enter(&sessions);
    visit.set(Count(0)).await.expect("there is room");
    visit.leave().await;
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (sessions, visitor) = (sessions.clone(), visitor.clone());
            tokio::spawn(async move {
                for _ in 0..EACH {
                    let visit = visitor.enter(&sessions);
                    visit
                        .update::<Count, _>(|count| count.0 += 1)
                        .await
                        .expect("in memory, the retries always succeed");
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no task panics");
    }
    let count = visitor.enter(&sessions).get::<Count>().await.expect("it decodes").expect("it lives").0;
    assert_eq!(count, TASKS * EACH);
    assert_eq!(sessions.stats().commits, TASKS * EACH);
}
