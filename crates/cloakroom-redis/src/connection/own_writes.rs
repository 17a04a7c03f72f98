use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cloakroom::store::Selector;
use tokio::sync::Notify;

/// Distinguishes the server's reports of this connection's own writes from those of other clients'
/// writes.
///
/// The server reports a write to the connection that made it as well, once, right after the reply.
/// `NOLOOP` would prevent that, but such a connection is not notified either when its own command
/// makes the server evict another key, or drop it from the table of tracked keys. So the reports
/// are counted: one per own write is ignored, and any further one is foreign.
#[derive(Debug, Default)]
pub(super) struct OwnWrites {
    records: Mutex<HashMap<Selector, ReportBalance>>,
    arrived: Notify,
}

/// The reports of one record while an own write of it is pending.
#[derive(Debug, Default)]
struct ReportBalance {
    /// Writes without a reply yet.
    unanswered: u32,
    /// Writes with a reply but without a report yet.
    awaiting: u32,
    /// Writes that have changed the record, according to their replies.
    made: u32,
    /// Reports so far.
    reported: u32,
}

impl ReportBalance {
    /// Returns `true` if there were more reports than own writes can have caused.
    const fn is_overdrawn(&self) -> bool {
        self.reported > self.made.saturating_add(self.unanswered)
    }

    const fn is_closed(&self) -> bool {
        self.unanswered == 0 && self.awaiting == 0
    }
}

impl OwnWrites {
    /// Registers a write. Until it is settled, a report of this record may be its own.
    pub(super) fn begin(&self, selector: Selector) -> PendingWrite<'_> {
        self.records().entry(selector).or_default().unanswered += 1;
        PendingWrite { writes: self, selector, phase: Phase::Unanswered }
    }

    /// Counts a report of a change of this record. Returns `true` if the change may be foreign.
    ///
    /// A report that arrives before the reply of an own write is held back until the reply
    /// determines how many reports to expect: for one round trip, and never longer than a lease,
    /// because the connection's probes are answered after that reply.
    pub(super) fn is_foreign(&self, selector: Selector) -> bool {
        let mut records = self.records();
        let Some(account) = records.get_mut(&selector) else { return true };
        account.reported = account.reported.saturating_add(1);
        let foreign = account.is_overdrawn();
        let awaited = account.awaiting > 0;
        drop(records);
        if awaited {
            self.arrived.notify_waiters();
        }
        foreign
    }

    fn records(&self) -> MutexGuard<'_, HashMap<Selector, ReportBalance>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Updates the balance of a record, and removes it when no write is pending any more.
    fn book<T>(&self, selector: Selector, change: impl FnOnce(&mut ReportBalance) -> T) -> T {
        let mut records = self.records();
        let account = records.entry(selector).or_default();
        let outcome = change(account);
        if account.is_closed() {
            records.remove(&selector);
        }
        outcome
    }
}

/// A pending write of this process.
#[must_use = "a write that is not settled costs the copy"]
pub(super) struct PendingWrite<'a> {
    writes: &'a OwnWrites,
    selector: Selector,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Unanswered,
    Awaiting,
    Settled,
}

impl PendingWrite<'_> {
    /// Settles the write after its reply; `made` is `true` if the record was changed. If it was,
    /// waits up to `patience` for the report, which comes right after the reply. Returns `true` if
    /// no foreign change was reported meanwhile. Returns `false` if one was, or if the report did
    /// not arrive in time: then the copy must be dropped.
    pub(super) async fn settle(mut self, made: bool, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        let (ours, missing) = self.writes.book(self.selector, |account| {
            account.unanswered -= 1;
            account.made += u32::from(made);
            let missing = made && account.reported < account.made;
            account.awaiting += u32::from(missing);
            (!account.is_overdrawn(), missing)
        });
        self.phase = if missing { Phase::Awaiting } else { Phase::Settled };
        if !missing {
            return ours;
        }
        let _ = tokio::time::timeout_at(end.into(), self.report()).await;
        self.phase = Phase::Settled;
        self.writes.book(self.selector, |account| {
            account.awaiting -= 1;
            let came = account.reported >= account.made;
            // If the report still arrives, it counts as foreign.
            account.made = account.made.min(account.reported);
            came && !account.is_overdrawn()
        })
    }

    /// Settles the write of a record that is gone. No report needs to be attributed any more.
    pub(super) fn end(mut self) {
        self.phase = Phase::Settled;
        self.writes.book(self.selector, |account| account.unanswered -= 1);
    }

    async fn report(&self) {
        loop {
            let arrived = self.writes.arrived.notified();
            let mut arrived = std::pin::pin!(arrived);
            // Registered before the check, so that no report is missed in between.
            arrived.as_mut().enable();
            let here = |account: &ReportBalance| account.reported >= account.made;
            if self.writes.records().get(&self.selector).is_none_or(here) {
                return;
            }
            arrived.await;
        }
    }
}

/// The caller gave up, so the number of reports to expect will never be known.
impl Drop for PendingWrite<'_> {
    fn drop(&mut self) {
        let phase = self.phase;
        if phase != Phase::Settled {
            self.writes.book(self.selector, |account| match phase {
                Phase::Unanswered => account.unanswered -= 1,
                _ => {
                    account.awaiting -= 1;
                    account.made = account.made.min(account.reported);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SELECTOR: Selector = Selector::from_bytes([7; 16]);
    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn the_report_of_an_own_write_is_passed_over_whether_it_comes_before_the_reply_is_seen_or_after() {
        let writes = OwnWrites::default();
        let writing = writes.begin(SELECTOR);
        assert!(!writes.is_foreign(SELECTOR));
        assert!(writing.settle(true, LONG).await);
        let writing = writes.begin(SELECTOR);
        let (ours, foreign) = tokio::join!(writing.settle(true, LONG), async {
            tokio::task::yield_now().await;
            writes.is_foreign(SELECTOR)
        });
        assert!(ours && !foreign);
        assert!(writes.records().is_empty());
        assert!(writes.is_foreign(SELECTOR), "no write is pending");
    }

    #[tokio::test]
    async fn a_report_too_many_is_somebody_elses() {
        let writes = OwnWrites::default();
        let writing = writes.begin(SELECTOR);
        assert!(!writes.is_foreign(SELECTOR));
        assert!(writes.is_foreign(SELECTOR), "before the reply");
        assert!(!writing.settle(true, LONG).await);
        let writing = writes.begin(SELECTOR);
        assert!(!writes.is_foreign(SELECTOR));
        assert!(!writing.settle(false, LONG).await, "a write that changed nothing is not reported");
        assert!(writes.records().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_report_that_does_not_come_costs_the_copy_and_is_foreign_if_it_comes_late() {
        let writes = OwnWrites::default();
        assert!(!writes.begin(SELECTOR).settle(true, Duration::from_millis(50)).await);
        assert!(writes.is_foreign(SELECTOR));
        drop(writes.begin(SELECTOR));
        assert!(writes.is_foreign(SELECTOR), "the report of an abandoned write");
        assert!(writes.records().is_empty());
    }

    #[tokio::test]
    async fn of_two_writes_at_once_each_has_one_report() {
        let writes = OwnWrites::default();
        let (first, second) = (writes.begin(SELECTOR), writes.begin(SELECTOR));
        assert!(!writes.is_foreign(SELECTOR));
        assert!(first.settle(true, LONG).await);
        assert!(!writes.is_foreign(SELECTOR));
        assert!(second.settle(true, LONG).await);
        let (first, second) = (writes.begin(SELECTOR), writes.begin(SELECTOR));
        assert!(!writes.is_foreign(SELECTOR) && !writes.is_foreign(SELECTOR));
        assert!(first.settle(true, LONG).await);
        assert!(!second.settle(false, LONG).await, "one of the reports was foreign");
        assert!(writes.records().is_empty());
    }

    /// Tries every order of the server's steps and of the moment at which this process sees the
    /// reply: a copy made by an own write is kept only if no later change on the connection was
    /// ignored.
    #[tokio::test(start_paused = true)]
    async fn whatever_the_order_no_later_change_is_passed_over() {
        // Events on the connection: `r` is the reply, `o` the report of the own write, `f` the
        // report of a foreign one; `s` is the moment at which the reply is seen.
        for stream in ["ro", "fro", "rof", "ffro", "roff", "frof"] {
            let reply = stream.find('r').unwrap_or_default();
            for seen in reply + 1..=stream.len() {
                let writes = OwnWrites::default();
                let mut writing = Some(writes.begin(SELECTOR));
                let (mut kept, mut later) = (None, false);
                for (at, step) in stream.char_indices().chain([(stream.len(), 's')]) {
                    if at == seen {
                        let settled = writing.take().map(|writing| writing.settle(true, LONG));
                        // The rest arrives while `settle` waits, if it waits.
                        let rest = async {
                            tokio::task::yield_now().await;
                            stream[at..]
                                .chars()
                                .filter(|step| "of".contains(*step))
                                .fold(false, |foreign, _| writes.is_foreign(SELECTOR) || foreign)
                        };
                        let (ours, foreign) = tokio::join!(settled.expect("once"), rest);
                        (kept, later) = (Some(ours), foreign);
                        break;
                    }
                    if "of".contains(step) {
                        later |= writes.is_foreign(SELECTOR);
                    }
                }
                let changed_after = stream.rfind('f').is_some_and(|foreign| foreign > reply);
                if changed_after {
                    assert!(kept == Some(false) || later, "{stream}, seen at {seen}");
                }
                if stream == "ro" {
                    assert_eq!((kept, later), (Some(true), false), "seen at {seen}");
                }
                assert!(writes.records().is_empty());
            }
        }
    }
}
