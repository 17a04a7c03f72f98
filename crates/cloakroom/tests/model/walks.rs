//! Random walks: for any steps in any order, every outcome equals that of the oracle.

use cloakroom::SessionErrorKind;
use proptest::test_runner::{RngSeed, TestCaseError, TestError, TestRunner};

use super::oracle::{GRACE, Oracle, Outcome};
use super::real_sessions::{Cookie, OtherClock, RealSessions};
use super::steps::{Action, BROWSERS, Step, USERS, walk};

const WALKS: u64 = 4000;
const SEED: u64 = 0x5EED;
const SAME_CLOCK: OtherClock = OtherClock { ahead: 0, jumps: false };
/// Longer than the maximum lifetime of a session.
const FOREVER: u64 = 401 * 24 * 60 * 60;

#[test]
fn sessions_in_memory_match_the_model() {
    explore(false);
}

#[test]
fn sessions_on_two_nodes_over_a_store_match_the_model() {
    explore(true);
}

#[test]
fn sessions_on_two_nodes_whose_clocks_differ_match_the_model() {
    for ahead in [1, 3_000, -3_000, 50_000] {
        explore_on(true, OtherClock { ahead, jumps: false }, WALKS / 4);
    }
}

#[test]
fn sessions_on_two_nodes_of_which_one_has_a_clock_that_jumps_match_the_model() {
    for ahead in [3_000, -3_000, 50_000, -50_000] {
        explore_on(true, OtherClock { ahead, jumps: true }, WALKS / 4);
    }
}

/// The outdated copy of the node accepts the token, and the record does not.
#[test]
fn r09_a_token_from_two_renewals_ago_opens_nothing_on_a_stale_node() {
    let request = |browser, node, action| Step::Request { browser, node, action };
    let steps = [
        Step::Disconnect(0),
        request(1, 0, Action::Login { user: 0, keep: false }),
        Step::CopyCookie(1, 0),
        request(1, 0, Action::Renew),
        request(1, 1, Action::Renew),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(Walk::new(true, SAME_CLOCK).run(&steps)).expect("the model agrees");
}

fn explore(shared: bool) {
    explore_on(shared, SAME_CLOCK, WALKS);
}

/// Runs random walks.
fn explore_on(shared: bool, other_clock: OtherClock, walks: u64) {
    let config = proptest::test_runner::Config {
        cases: number("CLOAKROOM_ITERATIONS").unwrap_or(walks) as u32,
        rng_seed: RngSeed::Fixed(number("CLOAKROOM_SEED").unwrap_or(SEED)),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Default::default()
    };
    let outcome = TestRunner::new(config).run(&walk(), |mut steps| {
        // If a clock is ahead by more than the grace, a renewed token is dead at once on its node.
        let ends_grace = other_clock.ahead.unsigned_abs() >= 1000 * GRACE;
        steps.retain(|step| !(ends_grace && matches!(step, Step::Request { action: Action::Renew, .. })));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(Walk::new(shared, other_clock).run(&steps))
    });
    if let Err(TestError::Fail(reason, steps)) = outcome {
        let steps: Vec<_> = steps.iter().map(|step| format!("\n    {step:?}")).collect();
        panic!("{reason}, with {other_clock:?}, after{}", steps.concat());
    }
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text:?} and must be a number")))
}

struct Walk {
    oracle: Oracle,
    real_sessions: RealSessions,
    /// For each node, set if it may have missed the end of a session.
    may_have_missed_changes: [bool; 2],
}

impl Walk {
    fn new(shared: bool, other_clock: OtherClock) -> Self {
        let clock_skew = other_clock.ahead.unsigned_abs().div_ceil(1000);
        Self {
            oracle: Oracle::new(shared, clock_skew),
            real_sessions: RealSessions::new(shared, other_clock),
            may_have_missed_changes: [false; 2],
        }
    }

    async fn run(mut self, steps: &[Step]) -> Result<(), TestCaseError> {
        for step in steps {
            self.step(step).await?;
        }
        for browser in 0..BROWSERS {
            for node in 0..2 {
                self.request(browser, node, &Action::Info).await?;
                self.request(browser, node, &Action::Read).await?;
            }
        }
        self.compare_lists().await?;
        self.advance(FOREVER).await;
        self.compare_lists().await?;
        self.real_sessions.assert_empty();
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Request { browser, node, action } => return self.request(*browser, *node, action).await,
            Step::Advance(span) => self.advance(*span).await,
            Step::CopyCookie(from, to) => {
                self.oracle.tokens[*to] = self.oracle.tokens[*from];
                self.real_sessions.copy_cookie(*from, *to);
            }
            Step::ChangeRoles(roles) => self.oracle.set_source(*roles),
            Step::RevokeAll { user, node } => {
                let revoked = self.real_sessions.revoke_all(*node, *user).await;
                return expect_equal(&self.oracle.revoke(*user, None), &revoked, step);
            }
            Step::InvalidateAll { user, node } => {
                let changed = self.real_sessions.invalidate_all(*node, *user).await;
                return expect_equal(&self.oracle.invalidate(*user), &changed, step);
            }
            Step::Disconnect(node) => {
                self.may_have_missed_changes[*node] = true;
                self.real_sessions.disconnect(*node);
            }
            Step::Reconnect(node) => self.real_sessions.reconnect(*node),
        }
        Ok(())
    }

    async fn advance(&mut self, span: u64) {
        let span = self.oracle.advance(span);
        self.real_sessions.advance(span).await;
    }

    async fn request(&mut self, browser: usize, node: usize, action: &Action) -> Result<(), TestCaseError> {
        let (token_before, in_grace) = (self.oracle.tokens[browser], self.oracle.is_in_grace(browser));
        let roles = self.oracle.roles();
        let has_ended = self.oracle.presents_ended_session(browser);
        if self.may_have_missed_changes[node] {
            self.oracle.record_stale_use(browser);
        }
        let (outcome, cookie) = self.real_sessions.request(browser, node, action, roles).await;
        if has_ended && self.may_have_missed_changes[node] && outcome == Outcome::Refused(SessionErrorKind::Ended) {
            // The node saw a live session, so it does not silently create another.
            return expect_equal(&Cookie::Unchanged, &cookie, action);
        }
        let expected = self.oracle.request(browser, node, action);
        if !is_close(&expected, &outcome, self.oracle.tolerance()) {
            expect_equal(&expected, &outcome, action)?;
        }
        let token_after = self.oracle.tokens[browser];
        let cookies: &[Cookie] = match token_after {
            None if token_before.is_some() => &[Cookie::Removed],
            _ if token_after != token_before => &[Cookie::New],
            // The client has a newer token already, or is about to receive it.
            _ if in_grace => &[Cookie::Unchanged],
            _ => &[Cookie::Unchanged, Cookie::Repeated],
        };
        if cookies.contains(&cookie) {
            return Ok(());
        }
        Err(TestCaseError::fail(format!("{action:?}: the cookie is {cookie:?}, expected one of {cookies:?}")))
    }

    async fn compare_lists(&self) -> Result<(), TestCaseError> {
        for user in 0..USERS {
            let expected = self.oracle.members(user).len();
            for listed in self.real_sessions.listed(user).await {
                expect_equal(&expected, &listed, &format!("the list of user {user}"))?;
            }
        }
        Ok(())
    }
}

/// Returns `true` if two outcomes describe the same session, within the tolerance for clocks.
fn is_close(expected: &Outcome, found: &Outcome, tolerance: u64) -> bool {
    match (expected, found) {
        (Outcome::Info(Some((user, created, ends))), Outcome::Info(Some((other_user, other_created, other_ends)))) => {
            user == other_user
                && created.abs_diff(*other_created) <= tolerance
                && ends.abs_diff(*other_ends) <= tolerance
        }
        _ => false,
    }
}

fn expect_equal<T: PartialEq + std::fmt::Debug>(
    expected: &T,
    found: &T,
    context: &impl std::fmt::Debug,
) -> Result<(), TestCaseError> {
    if expected == found {
        return Ok(());
    }
    Err(TestCaseError::fail(format!("{context:?}: the model returns {expected:?}, the library {found:?}")))
}
