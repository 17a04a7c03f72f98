//! Very many sessions of one principal on a real server, and the lifetime of their index.

use std::time::{Duration, Instant};

use cloakroom::store::{LimitPolicy, Selector, Store};
use cloakroom::{EndReason, EventKind, Login, PublicId, Timestamp};
use cloakroom_testbed::Server;

use crate::support::{Deployment, Node, Note, Visitor};

const MANY: usize = 100_000;
const BOUND: Duration = Duration::from_secs(90);
const INDEX: &str = "shop:principal:robot";

/// Creates the result of as many logins directly on the server.
const FILL: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000
for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do
    local tag = string.format('%032x', i)
    if ARGV[3] == 'live' then
        redis.call('HSET', 'shop:session:{' .. tag .. '}', 'format', '1', 'version', '1',
            'recent', '0123456789abcdef,', 'secret', string.rep('0', 32),
            'created', string.format('%.0f', now), 'seen', string.format('%.0f', now), 'idle', '1800000',
            'absolute', string.format('%.0f', now + 86400000), 'persistent', '0',
            'principal', 'robot', 'since', string.format('%.0f', now),
            'value:note', '1 1 - json \\34old\\34')
        redis.call('PEXPIRE', 'shop:session:{' .. tag .. '}', 1980000)
    end
    redis.call('ZADD', KEYS[1], string.format('%.0f', 1600000000000000 + i), tag)
end
redis.call('PEXPIRE', KEYS[1], 34646400000)";

async fn fill(server: &Server, from: usize, to: usize, kind: &str) {
    for start in (from..=to).step_by(1000) {
        let end = (start + 999).min(to);
        server.command(&["EVAL", FILL, "1", INDEX, &start.to_string(), &end.to_string(), kind]).await.unwrap();
    }
}

async fn number(server: &Server, words: &[&str]) -> i64 {
    redis::from_redis_value(server.command(words).await.unwrap()).unwrap()
}

/// A server with very many sessions that logs slow commands.
async fn with_many_sessions() -> Deployment {
    let deployment = Deployment::open().await;
    fill(&deployment.server, 1, MANY, "live").await;
    deployment.server.command(&["CONFIG", "SET", "slowlog-log-slower-than", "200000"]).await.unwrap();
    deployment.server.command(&["SLOWLOG", "RESET"]).await.unwrap();
    deployment
}

async fn assert_no_slow_command(deployment: &Deployment) {
    assert_eq!(number(&deployment.server, &["SLOWLOG", "LEN"]).await, 0, "a command blocked the server");
}

async fn unlimited(deployment: &Deployment) -> Node {
    deployment.node_with(|store| store, cloakroom::SessionsBuilder::unlimited_sessions_per_principal).await
}

async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let done = work.await;
    let taken = start.elapsed();
    assert!(taken < BOUND, "{what} of {MANY} sessions took {taken:?}");
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn r20_a_hundred_thousand_sessions_are_listed_and_ended() {
    let deployment = with_many_sessions().await;
    let node = unlimited(&deployment).await;
    let robot = node.sessions.of("robot");
    assert_eq!(in_time("a list", robot.list()).await.unwrap().len(), MANY);
    let visitor = Visitor::default();
    in_time("a login", node.login(&visitor, "robot")).await.unwrap();
    let visit = visitor.enter(&node.sessions);
    assert_eq!(in_time("a revocation", robot.revoke_others(&visit)).await.unwrap(), MANY);
    assert_eq!(robot.revoke_all().await.unwrap(), 1);
    assert_eq!(deployment.keys().await, [] as [&str; 0]);
    assert_no_slow_command(&deployment).await;
}

/// Fewer sessions, because each one is a read and a write: a hundred thousand would take too long
/// beside all other tests.
#[tokio::test(flavor = "multi_thread")]
async fn an_invalidation_reaches_each_of_five_thousand_sessions() {
    let deployment = Deployment::open().await;
    fill(&deployment.server, 1, 5000, "live").await;
    let node = unlimited(&deployment).await;
    assert_eq!(node.sessions.of("robot").invalidate::<Note>().await.unwrap(), 5000);
}

#[tokio::test(flavor = "multi_thread")]
async fn r23_a_login_with_a_limit_ends_all_but_a_thousand_of_a_hundred_thousand() {
    let deployment = with_many_sessions().await;
    let node = deployment.node_with(|store| store, |sessions| sessions).await;
    let mut events = node.sessions.events();
    let visitor = Visitor::default();
    in_time("a login", node.login(&visitor, "robot")).await.unwrap();
    assert_eq!(node.sessions.of("robot").count().await.unwrap(), 1000);
    assert_eq!(node.sessions.stats().ended_displaced, (MANY - 999) as u64);
    assert_eq!(node.whoami(&visitor).await.unwrap().as_deref(), Some("robot"));
    assert!(std::iter::from_fn(|| events.try_recv()).any(|event| event.kind == EventKind::Ended(EndReason::Displaced)));
    assert_no_slow_command(&deployment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r21_a_login_that_ends_the_others_ends_a_hundred_thousand() {
    let deployment = with_many_sessions().await;
    let node = unlimited(&deployment).await;
    let visitor = Visitor::default();
    let visit = visitor.enter(&node.sessions);
    in_time("a login", visit.login(Login::new("robot").ending_others())).await.unwrap();
    visit.leave().await;
    assert_eq!(node.sessions.of("robot").count().await.unwrap(), 1);
    assert_no_slow_command(&deployment).await;
}

/// A script can name at most 8000 members at once, and the index has more.
#[tokio::test]
async fn r23_nobody_is_refused_for_the_dead_however_many_they_are() {
    let deployment = Deployment::open().await;
    fill(&deployment.server, 1, 999, "live").await;
    fill(&deployment.server, 1000, 9999, "dead").await;
    let reject = |sessions: cloakroom::SessionsBuilder| sessions.max_sessions_per_principal(1000, LimitPolicy::Reject);
    let node = deployment.node_with(|store| store, reject).await;
    node.login(&Visitor::default(), "robot").await.unwrap();
    let refused = node.login(&Visitor::default(), "robot").await.unwrap_err();
    assert_eq!(refused.kind(), cloakroom::SessionErrorKind::TooManySessions);
}

#[tokio::test]
async fn dead_members_leave_an_index_whatever_lives_in_front_of_them() {
    let deployment = Deployment::open().await;
    fill(&deployment.server, 1, 300, "live").await;
    fill(&deployment.server, 301, 600, "dead").await;
    let node = unlimited(&deployment).await;
    for number in 0..200_u128 {
        // These sessions already are members, so that the index does not grow.
        let selector = Selector::from_bytes((number % 300 + 1).to_be_bytes());
        node.store.remove_members(&"robot".into(), vec![selector]).await.unwrap();
        let before = node.commands();
        node.store.add_member(&"robot".into(), selector, Timestamp::MAX, None).await.unwrap();
        let checked = node.sent_since(&before).get("exists").copied().unwrap_or_default();
        assert!(checked <= 20, "an admission looked at {checked} members");
    }
    let left = number(&deployment.server, &["ZCARD", INDEX]).await - 300;
    assert!(left < 150, "{left} of 300 dead members are still there after 200 admissions");
}

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

async fn time_left(deployment: &Deployment) -> i64 {
    number(&deployment.server, &["PTTL", INDEX]).await
}

#[tokio::test]
async fn an_index_ends_with_the_longest_session_that_it_lists() {
    let deployment = Deployment::open().await;
    let node = unlimited(&deployment).await;
    let day = DAY - HOUR..=DAY + 2 * HOUR;
    let (first, second) = (Visitor::default(), Visitor::default());
    node.login(&first, "robot").await.unwrap();
    assert!(day.contains(&time_left(&deployment).await), "{}", time_left(&deployment).await);

    let visit = second.enter(&node.sessions);
    visit.login(Login::new("robot").remember(Duration::from_secs(30 * 24 * 3600))).await.unwrap();
    visit.leave().await;
    let month = 30 * DAY - HOUR..=30 * DAY + 2 * HOUR;
    assert!(month.contains(&time_left(&deployment).await), "{}", time_left(&deployment).await);

    node.login(&Visitor::default(), "robot").await.unwrap();
    assert!(month.contains(&time_left(&deployment).await), "a shorter session does not shorten the lifetime");

    node.sessions.of("robot").revoke_all().await.unwrap();
    node.login(&first, "robot").await.unwrap();
    assert!(day.contains(&time_left(&deployment).await), "a new index has a new lifetime");
}

#[tokio::test]
async fn a_session_that_is_remembered_stays_in_its_list() {
    let deployment = Deployment::open().await;
    let node = unlimited(&deployment).await;
    let visitor = Visitor::default();
    node.login(&visitor, "robot").await.unwrap();
    let visit = visitor.enter(&node.sessions);
    visit.login(Login::new("robot").remember(Duration::from_secs(30 * 24 * 3600))).await.unwrap();
    visit.leave().await;
    assert!(time_left(&deployment).await > 29 * DAY, "{}", time_left(&deployment).await);
}

/// Nodes of the previous version keep every index for 401 days, and may list sessions that this
/// node does not know.
#[tokio::test]
async fn an_index_of_an_older_node_is_not_cut_short_while_it_lists_others() {
    let deployment = Deployment::open().await;
    fill(&deployment.server, 1, 1, "live").await;
    let node = unlimited(&deployment).await;
    let visitor = Visitor::default();
    node.login(&visitor, "robot").await.unwrap();
    assert!(time_left(&deployment).await > 400 * DAY);
    let handles: Vec<PublicId> = node.sessions.of("robot").list().await.unwrap().iter().map(|info| info.id).collect();
    assert_eq!(handles.len(), 2);
    assert!(node.sessions.of("robot").revoke(handles[0]).await.unwrap());
    node.login(&visitor, "robot").await.unwrap();
    assert!(time_left(&deployment).await < 2 * DAY, "the index lists no other session, so its end is known");
}
