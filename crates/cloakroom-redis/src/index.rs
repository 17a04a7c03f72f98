//! The index of a principal's sessions: a sorted set, by the time of admission.

use std::num::NonZeroU32;

use cloakroom::Timestamp;
use cloakroom::store::{BATCH, Limit, LimitPolicy, StoreError, Tag};
use redis::{Value, cmd};

use crate::fault::{self, Effect};
use crate::namespace::{hex, unhex};
use crate::route::{Manner, Question};
use crate::scripts;
use crate::store::RedisStore;
use crate::wire::{self, Answer, Malformed};

/// Beyond it, the scripts, whose numbers are floating, could not tell an instant from the next.
const LAST_INSTANT: u64 = 1 << 53;

impl RedisStore {
    /// Enters a session into the index that stands under a key.
    pub(crate) async fn admit_to(
        &self,
        key: &str,
        tag: Tag,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Result<Answer, StoreError> {
        let mut answer = self.try_to_admit(key, tag, until, limit, &[], false).await?;
        if answer.word == "full" {
            let dead = self.dead_among(tags(answer.next(), Effect::Writes)?).await?;
            let rejects = limit.is_some_and(|limit| limit.when_reached == LimitPolicy::Reject);
            answer = self.try_to_admit(key, tag, until, limit, &dead, !rejects).await?;
        }
        if answer.word == "full" {
            answer = self.admit_in_place_of_the_dead(key, tag, until, limit, answer).await?;
        }
        Ok(answer)
    }

    /// Nobody is refused because of the dead: looks at all members, page by page, until one has left.
    async fn admit_in_place_of_the_dead(
        &self,
        key: &str,
        tag: Tag,
        until: Timestamp,
        limit: Option<Limit>,
        mut answer: Answer,
    ) -> Result<Answer, StoreError> {
        let mut after = None;
        while answer.word == "full" {
            let (listed, next) = self.range(key, after, BATCH).await?;
            let dead = self.dead_among(listed).await?;
            if !dead.is_empty() {
                answer = self.try_to_admit(key, tag, until, limit, &dead, false).await?;
            }
            let Some(next) = next else { break };
            after = Some(next);
        }
        if answer.word == "full" {
            answer = self.try_to_admit(key, tag, until, limit, &[], true).await?;
        }
        Ok(answer)
    }

    /// The next members after an admission, and where to go on.
    pub(crate) async fn range(
        &self,
        key: &str,
        after: Option<u64>,
        count: usize,
    ) -> Result<(Vec<Tag>, Option<u64>), StoreError> {
        let mut range = cmd("ZRANGE");
        range.arg(key).arg(after.map_or_else(|| "-inf".to_owned(), |score| format!("({score}"))).arg("+inf");
        range.arg("BYSCORE").arg("LIMIT").arg(0).arg(count).arg("WITHSCORES");
        let (listed, _) = self.ask(key, &Question::Command(range), Manner::READ_ASIDE).await?;
        let listed = wire::scored(listed).map_err(fault::nonsense(Effect::Reads))?;
        let next = listed.last().filter(|_| listed.len() >= count).map(|(_, score)| *score);
        Ok((known(listed.iter().map(|(member, _)| member))?, next))
    }

    /// Enters a session into the index, without the members that are known to be dead. Unless it has to decide, the
    /// answer may be that the index is full.
    pub(crate) async fn try_to_admit(
        &self,
        key: &str,
        tag: Tag,
        until: Timestamp,
        limit: Option<Limit>,
        dead: &[Tag],
        decide: bool,
    ) -> Result<Answer, StoreError> {
        let count = limit.map(|limit| NonZeroU32::get(limit.count).to_string()).unwrap_or_default();
        let policy = match limit.map(|limit| limit.when_reached) {
            Some(LimitPolicy::EndOldest) => "end-oldest",
            _ => "reject",
        };
        let decide = if decide { "decide" } else { "" };
        let mut call = scripts::ADMIT.on(key).with(hex(tag.as_bytes())).with(count).with(policy).with(decide);
        call = call.with(until.as_millis().min(LAST_INSTANT)).with(BATCH);
        for dead in dead {
            call = call.with(hex(dead.as_bytes()));
        }
        let (answer, _) = self.run(key, &Question::Script(call), Manner::WRITE_ASIDE).await?;
        Ok(answer)
    }

    pub(crate) async fn leave(&self, key: &str, tags: &[Tag]) -> Result<(), StoreError> {
        if tags.is_empty() {
            return Ok(());
        }
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
        let exists = |key: &str| {
            let mut exists = cmd("EXISTS");
            exists.arg(key);
            Question::Command(exists)
        };
        let answers = self.ask_each(&tags, exists, Manner::READ_ASIDE).await;
        let mut dead = Vec::new();
        for (tag, answer) in tags.into_iter().zip(answers) {
            if answer? == Value::Int(0) {
                dead.push(tag);
            }
        }
        Ok(dead)
    }

    /// Asks something about the record of each tag, of all at once; the answers are in their order.
    pub(crate) async fn ask_each(
        &self,
        tags: &[Tag],
        question: impl Fn(&str) -> Question,
        manner: Manner,
    ) -> Vec<Result<Value, StoreError>> {
        let ask = |tag: &Tag| {
            let key = self.namespace().record(*tag);
            let question = question(&key);
            (key, question)
        };
        let questions = tags.iter().map(ask).collect();
        self.route().ask_each(questions, manner, self.deadline()).await
    }
}

/// The members that a script names.
pub(crate) fn tags(value: Option<Value>, effect: Effect) -> Result<Vec<Tag>, StoreError> {
    let texts = wire::texts(value.unwrap_or_else(|| Value::Array(Vec::new()))).map_err(fault::nonsense(effect))?;
    known(texts.iter())
}

fn known<'a>(mut members: impl Iterator<Item = &'a String>) -> Result<Vec<Tag>, StoreError> {
    let tag = |text: &String| unhex(text.as_bytes()).map(Tag::from_bytes);
    members
        .try_fold(Vec::new(), |mut tags, member| {
            tags.push(tag(member)?);
            Some(tags)
        })
        .ok_or_else(|| fault::malformed(Malformed::Field("index")))
}
