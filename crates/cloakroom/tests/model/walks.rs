//! Random walks: whatever is done in whatever order, every answer is the oracle's.

use cloakroom::SessionErrorKind;
use proptest::test_runner::{RngSeed, TestCaseError, TestError, TestRunner};

use super::oracle::{Answer, GRACE, Oracle};
use super::real_sessions::{Cookie, RealSessions};
use super::steps::{Act, BROWSERS, Step, USERS, walk};

const WALKS: u64 = 4000;
const SEED: u64 = 0x5EED;
/// Longer than any session may last.
const FOREVER: u64 = 401 * 24 * 60 * 60;

#[test]
fn sessions_in_memory_are_what_the_model_says() {
    explore(false);
}

#[test]
fn sessions_on_two_nodes_over_a_store_are_what_the_model_says() {
    explore(true);
}

#[test]
fn sessions_on_two_nodes_whose_clocks_differ_are_what_the_model_says() {
    for ahead in [1, 3_000, -3_000, 50_000] {
        explore_on(true, ahead, WALKS / 4);
    }
}

/// Its outdated copy admits the token, and the record does not.
#[test]
fn r09_a_token_from_two_renewals_ago_opens_nothing_on_a_node_that_missed_the_second() {
    let request = |browser, node, act| Step::Request { browser, node, act };
    let steps = [
        Step::Cut(0),
        request(1, 0, Act::Login { user: 0, keep: false }),
        Step::Copy(1, 0),
        request(1, 0, Act::Renew),
        request(1, 1, Act::Renew),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(Walk::new(true, 0).go(&steps)).expect("as the model says");
}

fn explore(shared: bool) {
    explore_on(shared, 0, WALKS);
}

/// The second node's clock is ahead by so many milliseconds.
fn explore_on(shared: bool, ahead: i64, walks: u64) {
    let config = proptest::test_runner::Config {
        cases: number("CLOAKROOM_ITERATIONS").unwrap_or(walks) as u32,
        rng_seed: RngSeed::Fixed(number("CLOAKROOM_SEED").unwrap_or(SEED)),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Default::default()
    };
    let outcome = TestRunner::new(config).run(&walk(), |mut steps| {
        // By a clock that is further ahead than the grace is long, a token that was renewed is dead at once.
        let ends_grace = ahead.unsigned_abs() >= 1000 * GRACE;
        steps.retain(|step| !(ends_grace && matches!(step, Step::Request { act: Act::Renew, .. })));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(Walk::new(shared, ahead).go(&steps))
    });
    if let Err(TestError::Fail(reason, steps)) = outcome {
        let steps: Vec<_> = steps.iter().map(|step| format!("\n    {step:?}")).collect();
        panic!("{reason}, with the second node {ahead} ms ahead, after{}", steps.concat());
    }
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text:?} and must be a number")))
}

struct Walk {
    oracle: Oracle,
    real_sessions: RealSessions,
    /// Nodes that may have missed the end of a session.
    deaf: [bool; 2],
}

impl Walk {
    fn new(shared: bool, ahead: i64) -> Self {
        let apart = ahead.unsigned_abs().div_ceil(1000);
        Self { oracle: Oracle::new(shared, apart), real_sessions: RealSessions::new(shared, ahead), deaf: [false; 2] }
    }

    async fn go(mut self, steps: &[Step]) -> Result<(), TestCaseError> {
        for step in steps {
            self.step(step).await?;
        }
        for browser in 0..BROWSERS {
            for node in 0..2 {
                self.request(browser, node, &Act::Who).await?;
                self.request(browser, node, &Act::Read).await?;
            }
        }
        self.compare_lists().await?;
        self.pass(FOREVER).await;
        self.compare_lists().await?;
        self.real_sessions.nothing_is_left();
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Request { browser, node, act } => return self.request(*browser, *node, act).await,
            Step::Pass(span) => self.pass(*span).await,
            Step::Copy(from, to) => {
                self.oracle.tickets[*to] = self.oracle.tickets[*from];
                self.real_sessions.copy(*from, *to);
            }
            Step::Source(roles) => self.oracle.source(*roles),
            Step::RevokeAll { user, node } => {
                let revoked = self.real_sessions.revoke_all(*node, *user).await;
                return same(&self.oracle.revoke(*user, None), &revoked, step);
            }
            Step::InvalidateAll { user, node } => {
                let changed = self.real_sessions.invalidate_all(*node, *user).await;
                return same(&self.oracle.invalidate(*user), &changed, step);
            }
            Step::Cut(node) => {
                self.deaf[*node] = true;
                self.real_sessions.cut(*node);
            }
            Step::Mend(node) => self.real_sessions.mend(*node),
        }
        Ok(())
    }

    async fn pass(&mut self, span: u64) {
        let span = self.oracle.pass(span);
        self.real_sessions.pass(span).await;
    }

    async fn request(&mut self, browser: usize, node: usize, act: &Act) -> Result<(), TestCaseError> {
        let (held, in_grace) = (self.oracle.tickets[browser], self.oracle.is_in_grace(browser));
        let roles = self.oracle.roles();
        let late = self.oracle.comes_late(browser);
        if self.deaf[node] {
            self.oracle.haunt(browser);
        }
        let (answer, cookie) = self.real_sessions.request(browser, node, act, roles).await;
        if late && self.deaf[node] && answer == Answer::Refused(SessionErrorKind::Ended) {
            // To this node the session was alive when the request came, so it does not quietly start another.
            return same(&Cookie::Untouched, &cookie, act);
        }
        let expected = self.oracle.request(browser, node, act);
        if !is_close(&expected, &answer, self.oracle.slack()) {
            same(&expected, &answer, act)?;
        }
        let now_held = self.oracle.tickets[browser];
        let cookies: &[Cookie] = match now_held {
            None if held.is_some() => &[Cookie::Forgotten],
            _ if now_held != held => &[Cookie::New],
            // The client has a newer token by now, or is just getting it.
            _ if in_grace => &[Cookie::Untouched],
            _ => &[Cookie::Untouched, Cookie::Repeated],
        };
        if cookies.contains(&cookie) {
            return Ok(());
        }
        Err(TestCaseError::fail(format!("{act:?}: the cookie is {cookie:?} and must be one of {cookies:?}")))
    }

    async fn compare_lists(&self) -> Result<(), TestCaseError> {
        for user in 0..USERS {
            let expected = self.oracle.members(user).len();
            for listed in self.real_sessions.listed(user).await {
                same(&expected, &listed, &format!("the list of user {user}"))?;
            }
        }
        Ok(())
    }
}

/// Whether two answers say the same of a session, but for instants that clocks do not agree on.
fn is_close(expected: &Answer, found: &Answer, slack: u64) -> bool {
    match (expected, found) {
        (Answer::Who(Some((user, created, ends))), Answer::Who(Some((same, began, over)))) => {
            user == same && created.abs_diff(*began) <= slack && ends.abs_diff(*over) <= slack
        }
        _ => false,
    }
}

fn same<T: PartialEq + std::fmt::Debug>(
    expected: &T,
    found: &T,
    what: &impl std::fmt::Debug,
) -> Result<(), TestCaseError> {
    if expected == found {
        return Ok(());
    }
    Err(TestCaseError::fail(format!("{what:?}: the model says {expected:?}, the library {found:?}")))
}
