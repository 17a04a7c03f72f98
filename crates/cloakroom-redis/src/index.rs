//! The index of a principal's sessions: a sorted set, by the time of admission.

use std::num::NonZeroU32;
use std::time::Duration;

use cloakroom::store::{Limit, LimitPolicy, StoreError, StoreErrorKind, Tag};
use redis::{Value, cmd};

use crate::fault::{self, Effect};
use crate::namespace::{hex, unhex};
use crate::route::{Manner, Question};
use crate::scripts;
use crate::store::RedisStore;
use crate::wire::{self, Answer, Malformed};

/// How long the index of a principal is kept after its last login: longer than any session may last.
const INDEX_KEPT: Duration = Duration::from_secs(401 * 24 * 60 * 60);

impl RedisStore {
    /// With `dead` members known, the answer is a decision; without, it may be that the index is full.
    pub(crate) async fn try_to_admit(
        &self,
        key: &str,
        tag: Tag,
        limit: Option<Limit>,
        dead: Option<&[Tag]>,
    ) -> Result<Answer, StoreError> {
        let count = limit.map(|limit| NonZeroU32::get(limit.count).to_string()).unwrap_or_default();
        let policy = match limit.map(|limit| limit.when_reached) {
            Some(LimitPolicy::EndOldest) => "end-oldest",
            _ => "reject",
        };
        let decide = if dead.is_some() { "decide" } else { "" };
        let mut call = scripts::ADMIT.on(key).with(hex(tag.as_bytes())).with(count).with(policy).with(decide);
        call = call.with(wire::whole_millis(INDEX_KEPT));
        for dead in dead.unwrap_or_default() {
            call = call.with(hex(dead.as_bytes()));
        }
        let (answer, _) = self.run(key, &Question::Script(call), Manner::WRITE_ASIDE).await?;
        Ok(answer)
    }

    pub(crate) async fn leave(&self, key: &str, tags: &[Tag]) -> Result<(), StoreError> {
        let mut remove = cmd("ZREM");
        remove.arg(key);
        for tag in tags {
            remove.arg(hex(tag.as_bytes()));
        }
        self.ask(key, &Question::Command(remove), Manner::WRITE_ASIDE).await.map(drop)
    }

    /// Those of `tags` that have no record. A record never comes back under the same tag, so what is
    /// dead once may be removed later.
    pub(crate) async fn dead_among(&self, tags: Vec<Tag>) -> Result<Vec<Tag>, StoreError> {
        let answers = self.each(&tags, |store, tag| async move {
            let key = store.namespace().record(tag);
            let mut exists = cmd("EXISTS");
            exists.arg(&key);
            let (answer, _) = store.ask(&key, &Question::Command(exists), Manner::READ_ASIDE).await?;
            Ok(answer == Value::Int(0))
        });
        Ok(answers.await?.into_iter().filter_map(|(tag, dead)| dead.then_some(tag)).collect())
    }

    /// Asks about all tags at once; the answers are in their order.
    pub(crate) async fn each<T, F>(
        &self,
        tags: &[Tag],
        ask: impl Fn(Self, Tag) -> F,
    ) -> Result<Vec<(Tag, T)>, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let waiting: Vec<_> = tags.iter().map(|tag| (*tag, tokio::spawn(ask(self.clone(), *tag)))).collect();
        let mut answers = Vec::with_capacity(tags.len());
        for (tag, answer) in waiting {
            let answer = answer.await.map_err(|error| StoreError::new(StoreErrorKind::Unavailable, error))?;
            answers.push((tag, answer?));
        }
        Ok(answers)
    }
}

/// The members that a script or a range names.
pub(crate) fn tags(value: Option<Value>, effect: Effect) -> Result<Vec<Tag>, StoreError> {
    let texts = wire::texts(value.unwrap_or_else(|| Value::Array(Vec::new()))).map_err(fault::nonsense(effect))?;
    let tag = |text: &String| unhex(text.as_bytes()).map(Tag::from_bytes);
    texts.iter().map(tag).collect::<Option<_>>().ok_or_else(|| fault::malformed(Malformed::Field("index")))
}
