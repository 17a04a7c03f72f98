//! The hostile answers of the corpus, from a server that lies.

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

use corpus::{Asked, Case, Expected};

const SELECTOR: Selector = Selector::from_bytes([7; 16]);

/// A store whose server lies on demand.
struct Ground {
    _server: Server,
    impostor: FakeServer,
    store: RedisStore,
}

impl Ground {
    async fn open(deadline: Duration) -> Self {
        let server = Server::start().await.unwrap();
        let impostor = FakeServer::start(server.address()).await.unwrap();
        let builder = RedisStore::builder("shop").server(server.url_through(impostor.port()));
        let store = builder.deadline(deadline).lease(Duration::from_millis(600)).connect().await.unwrap();
        Self { _server: server, impostor, store }
    }

    /// Which command the question is.
    fn command(asked: Asked) -> &'static str {
        match asked {
            Asked::Members => "zrange",
            Asked::Load | Asked::Commit | Asked::Create | Asked::Destroy | Asked::Admit => "evalsha",
        }
    }

    /// What becomes of each case where that is not what it should be.
    async fn wrong_among(&self, cases: &[Case]) -> Vec<String> {
        let mut wrong = Vec::new();
        for case in cases {
            let heard = self.hear(case).await;
            if heard != case.expected {
                wrong.push(format!("{:?}, {}: {heard:?} instead of {:?}", case.asked, case.why, case.expected));
            }
            self.recovers(case.why).await;
        }
        wrong
    }

    async fn hear(&self, case: &Case) -> Expected {
        self.impostor.script_reply(Self::command(case.asked), case.reply.clone());
        // The text of a script that the server claims not to have.
        self.impostor.script_reply("eval", case.reply.clone());
        let outcome = tokio::time::timeout(Duration::from_secs(60), self.ask(case.asked)).await;
        self.impostor.clear_replies();
        match outcome.expect("every question has an end") {
            Ok(heard) => heard,
            Err(error) => match error.kind() {
                StoreErrorKind::Unavailable => Expected::Unavailable,
                StoreErrorKind::Unknown => Expected::Unknown,
                StoreErrorKind::Corrupt => Expected::Corrupt,
                StoreErrorKind::Refused => Expected::Refused,
                other => panic!("{other:?}"),
            },
        }
    }

    async fn ask(&self, asked: Asked) -> Result<Expected, StoreError> {
        let now = SystemClock::new().now();
        let there = |is_there: bool| if is_there { Expected::Believed } else { Expected::Nothing };
        Ok(match asked {
            Asked::Load => there(self.store.load(SELECTOR).await?.is_some()),
            Asked::Commit => there(!matches!(
                self.store.commit(SELECTOR, Commit::new(7, 1, Guard::Anyone, now)).await?,
                Committed::Gone
            )),
            Asked::Create => {
                let lifetimes = Lifetimes::new(now, Duration::from_secs(60), now.after(Duration::from_secs(60)));
                let record = Record::new(Verifier::from_bytes([0; 16]), lifetimes, 7);
                there(matches!(self.store.create(SELECTOR, record).await?, Created::Done(_)))
            }
            Asked::Destroy => there(self.store.destroy(SELECTOR, Guard::Anyone).await? == Destroyed::Done),
            Asked::Admit => {
                let limit = Limit::new(NonZeroU32::MIN, LimitPolicy::Reject);
                there(!matches!(
                    self.store.add_member(&"alice".into(), SELECTOR, Timestamp::MAX, Some(limit)).await?,
                    Admission::Refused
                ))
            }
            Asked::Members => {
                there(!self.store.list_members(&"alice".into(), PageRequest::first(10)).await?.items.is_empty())
            }
        })
    }

    /// Whatever was said, the next honest answer is heard, and is the answer to its own question.
    async fn recovers(&self, why: &str) {
        until(why, async || match self.store.load(Selector::from_bytes([8; 16])).await {
            Ok(None) => true,
            Ok(Some(_)) => panic!("{why}: somebody else's answer"),
            Err(_) => false,
        })
        .await;
    }
}

/// Those that a client can tell the end of, and those that it waits for more of in vain.
fn cases() -> (Vec<Case>, Vec<Case>) {
    let is_whole = |case: &Case| {
        let read = redis::parse_redis_value(&case.reply);
        !read.is_err_and(|error| error.is_io_error())
    };
    corpus::cases(&records::corpus::sound()).into_iter().partition(is_whole)
}

#[tokio::test]
async fn r58_every_hostile_answer_comes_to_what_it_should_and_the_next_one_is_heard() {
    let (whole, _) = cases();
    assert!(whole.len() >= 100, "only {} cases", whole.len());
    // Longer than a busy machine stalls: none of these has to be waited for.
    let wrong = Ground::open(Duration::from_secs(10)).await.wrong_among(&whole).await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn r58_an_answer_without_an_end_is_given_up_and_never_becomes_part_of_the_next_one() {
    let (_, endless) = cases();
    assert!(endless.len() >= 12, "only {} cases", endless.len());
    let wrong = Ground::open(Duration::from_millis(500)).await.wrong_among(&endless).await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}
