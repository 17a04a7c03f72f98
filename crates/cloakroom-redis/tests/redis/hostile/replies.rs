//! The hostile replies of the corpus, sent by a fake server.

use std::num::NonZeroU32;
use std::time::Duration;

use cloakroom::store::{
    Admission, Commit, Committed, Created, Destroyed, Guard, Lifetimes, Limit, LimitPolicy, PageRequest, Record,
    Selector, Store, StoreError, StoreErrorKind, Verifier,
};
use cloakroom::{Clock, SystemClock, Timestamp};
use cloakroom_redis::RedisStore;
use cloakroom_testbed::{FakeServer, Server};

use super::records;
use crate::support::until;

#[path = "../../corpus/replies.rs"]
pub(super) mod corpus;

use corpus::{Case, Expected, Operation};

const SELECTOR: Selector = Selector::from_bytes([7; 16]);

/// A store whose server sends scripted replies.
struct Fixture {
    _server: Server,
    fake_server: FakeServer,
    store: RedisStore,
}

impl Fixture {
    async fn open(deadline: Duration) -> Self {
        let server = Server::start().await.unwrap();
        let fake_server = FakeServer::start(server.address()).await.unwrap();
        let builder = RedisStore::builder("shop").server(server.url_through(fake_server.port()));
        let store = builder.deadline(deadline).lease(Duration::from_millis(600)).connect().await.unwrap();
        Self { _server: server, fake_server, store }
    }

    /// The Redis command of an operation.
    fn command(operation: Operation) -> &'static str {
        match operation {
            Operation::ListMembers => "zrange",
            Operation::Load | Operation::Commit | Operation::Create | Operation::Destroy | Operation::AddMember => {
                "evalsha"
            }
        }
    }

    /// The cases whose result differs from the expected one.
    async fn mismatches(&self, cases: &[Case]) -> Vec<String> {
        let mut mismatches = Vec::new();
        for case in cases {
            let actual = self.result_of(case).await;
            if actual != case.expected {
                mismatches
                    .push(format!("{:?}, {}: {actual:?} instead of {:?}", case.operation, case.why, case.expected));
            }
            self.recover(case.why).await;
        }
        mismatches
    }

    async fn result_of(&self, case: &Case) -> Expected {
        self.fake_server.script_reply(Self::command(case.operation), case.reply.clone());
        // The fake server also answers when the store sends the text of a script.
        self.fake_server.script_reply("eval", case.reply.clone());
        let outcome = tokio::time::timeout(Duration::from_secs(60), self.execute(case.operation)).await;
        self.fake_server.clear_replies();
        match outcome.expect("every operation ends") {
            Ok(actual) => actual,
            Err(error) => match error.kind() {
                StoreErrorKind::Unavailable => Expected::Unavailable,
                StoreErrorKind::Unknown => Expected::Unknown,
                StoreErrorKind::Corrupt => Expected::Corrupt,
                StoreErrorKind::Refused => Expected::Refused,
                other => panic!("{other:?}"),
            },
        }
    }

    async fn execute(&self, operation: Operation) -> Result<Expected, StoreError> {
        let now = SystemClock::new().now();
        let accepted_if = |is_there: bool| if is_there { Expected::Accepted } else { Expected::Nothing };
        Ok(match operation {
            Operation::Load => accepted_if(self.store.load(SELECTOR).await?.is_some()),
            Operation::Commit => accepted_if(!matches!(
                self.store.commit(SELECTOR, Commit::new(7, 1, Guard::Anyone, now)).await?,
                Committed::Gone
            )),
            Operation::Create => {
                let lifetimes = Lifetimes::new(now, Duration::from_secs(60), now.after(Duration::from_secs(60)));
                let record = Record::new(Verifier::from_bytes([0; 16]), lifetimes, 7);
                accepted_if(matches!(self.store.create(SELECTOR, record).await?, Created::Done(_)))
            }
            Operation::Destroy => accepted_if(self.store.destroy(SELECTOR, Guard::Anyone).await? == Destroyed::Done),
            Operation::AddMember => {
                let limit = Limit::new(NonZeroU32::MIN, LimitPolicy::Reject);
                accepted_if(!matches!(
                    self.store.add_member(&"alice".into(), SELECTOR, Timestamp::MAX, Some(limit)).await?,
                    Admission::Refused
                ))
            }
            Operation::ListMembers => {
                accepted_if(!self.store.list_members(&"alice".into(), PageRequest::first(10)).await?.items.is_empty())
            }
        })
    }

    /// Waits for the next reply of the real server, which must belong to its own command.
    async fn recover(&self, why: &str) {
        until(why, async || match self.store.load(Selector::from_bytes([8; 16])).await {
            Ok(None) => true,
            Ok(Some(_)) => panic!("{why}: the reply to another command"),
            Err(_) => false,
        })
        .await;
    }
}

/// The cases with a complete reply, and those after which the client waits for more bytes.
fn cases() -> (Vec<Case>, Vec<Case>) {
    let is_whole = |case: &Case| {
        let read = redis::parse_redis_value(&case.reply);
        !read.is_err_and(|error| error.is_io_error())
    };
    corpus::cases(&records::corpus::valid()).into_iter().partition(is_whole)
}

#[tokio::test]
async fn r58_every_hostile_answer_comes_to_what_it_should_and_the_next_one_is_heard() {
    let (whole, _) = cases();
    assert!(whole.len() >= 100, "only {} cases", whole.len());
    // Longer than a busy machine stalls, because none of these replies involves waiting.
    let mismatches = Fixture::open(Duration::from_secs(10)).await.mismatches(&whole).await;
    assert!(mismatches.is_empty(), "{mismatches:#?}");
}

#[tokio::test]
async fn r58_an_answer_without_an_end_is_given_up_and_never_becomes_part_of_the_next_one() {
    let (_, endless) = cases();
    assert!(endless.len() >= 12, "only {} cases", endless.len());
    let mismatches = Fixture::open(Duration::from_millis(500)).await.mismatches(&endless).await;
    assert!(mismatches.is_empty(), "{mismatches:#?}");
}
