//! The index of a principal's sessions: a sorted set by time of admission.

use std::num::NonZeroU32;

use cloakroom::Timestamp;
use cloakroom::store::{BATCH, Limit, LimitPolicy, Selector, StoreError};
use redis::{Value, cmd};

use crate::fault::{self, Effect};
use crate::keyspace::{hex, unhex};
use crate::scripts;
use crate::store::RedisStore;
use crate::topology::{Request, RequestKind};
use crate::wire::{self, Malformed, ScriptReply};

/// The scripts compute with floating-point numbers, which cannot represent every instant beyond
/// this one.
const LAST_INSTANT: u64 = 1 << 53;

impl RedisStore {
    /// Adds a session to the index stored under `key`.
    pub(crate) async fn admit_to(
        &self,
        key: &str,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Result<ScriptReply, StoreError> {
        let mut answer = self.try_to_admit(key, selector, until, limit, &[], false).await?;
        if answer.word == "full" {
            let dead = self.dead_among(selectors(answer.next(), Effect::Writes)?).await?;
            let rejects = limit.is_some_and(|limit| limit.when_reached == LimitPolicy::Reject);
            answer = self.try_to_admit(key, selector, until, limit, &dead, !rejects).await?;
        }
        if answer.word == "full" {
            answer = self.admit_in_place_of_the_dead(key, selector, until, limit, answer).await?;
        }
        Ok(answer)
    }

    /// Removes dead members page by page until one place is free, so that dead members never cause
    /// a refusal.
    async fn admit_in_place_of_the_dead(
        &self,
        key: &str,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
        mut answer: ScriptReply,
    ) -> Result<ScriptReply, StoreError> {
        let mut after = None;
        while answer.word == "full" {
            let (listed, next) = self.read_range(key, after, BATCH).await?;
            let dead = self.dead_among(listed).await?;
            if !dead.is_empty() {
                answer = self.try_to_admit(key, selector, until, limit, &dead, false).await?;
            }
            let Some(next) = next else { break };
            after = Some(next);
        }
        if answer.word == "full" {
            answer = self.try_to_admit(key, selector, until, limit, &[], true).await?;
        }
        Ok(answer)
    }

    /// The next `count` members after an admission, and the admission to continue after.
    pub(crate) async fn read_range(
        &self,
        key: &str,
        after: Option<u64>,
        count: usize,
    ) -> Result<(Vec<Selector>, Option<u64>), StoreError> {
        let mut range = cmd("ZRANGE");
        range.arg(key).arg(after.map_or_else(|| "-inf".to_owned(), |score| format!("({score}"))).arg("+inf");
        range.arg("BYSCORE").arg("LIMIT").arg(0).arg(count).arg("WITHSCORES");
        let (listed, _) = self.request(key, &Request::Command(range), RequestKind::READ_UNTRACKED).await?;
        let listed = wire::scored(listed).map_err(fault::unexpected_reply(Effect::Reads))?;
        let next = listed.last().filter(|_| listed.len() >= count).map(|(_, score)| *score);
        Ok((known(listed.iter().map(|(member, _)| member))?, next))
    }

    /// Adds a session to the index and removes members that are known to be dead. Unless `decide`
    /// is set, the script may reply that the index is full.
    pub(crate) async fn try_to_admit(
        &self,
        key: &str,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
        dead: &[Selector],
        decide: bool,
    ) -> Result<ScriptReply, StoreError> {
        let count = limit.map(|limit| NonZeroU32::get(limit.count).to_string()).unwrap_or_default();
        let policy = match limit.map(|limit| limit.when_reached) {
            Some(LimitPolicy::EndOldest) => "end-oldest",
            Some(LimitPolicy::Reject) | None => "reject",
        };
        let decide = if decide { "decide" } else { "" };
        let mut call = scripts::ADMIT.on(key).with(hex(selector.as_bytes())).with(count).with(policy).with(decide);
        call = call.with(until.as_millis().min(LAST_INSTANT)).with(BATCH);
        for dead in dead {
            call = call.with(hex(dead.as_bytes()));
        }
        let (answer, _) = self.run(key, &Request::Script(call), RequestKind::WRITE_UNTRACKED).await?;
        Ok(answer)
    }

    pub(crate) async fn remove_from(&self, key: &str, selectors: &[Selector]) -> Result<(), StoreError> {
        if selectors.is_empty() {
            return Ok(());
        }
        let mut remove = cmd("ZREM");
        remove.arg(key);
        for selector in selectors {
            remove.arg(hex(selector.as_bytes()));
        }
        self.request(key, &Request::Command(remove), RequestKind::WRITE_UNTRACKED).await.map(drop)
    }

    /// Those of `selectors` that have no record. A record never comes back under the same selector,
    /// so a member that is dead once may be removed later.
    pub(crate) async fn dead_among(&self, selectors: Vec<Selector>) -> Result<Vec<Selector>, StoreError> {
        let exists = |key: &str| {
            let mut exists = cmd("EXISTS");
            exists.arg(key);
            Request::Command(exists)
        };
        let answers = self.request_each(&selectors, exists, RequestKind::READ_UNTRACKED).await;
        let mut dead = Vec::new();
        for (selector, answer) in selectors.into_iter().zip(answers) {
            if answer? == Value::Int(0) {
                dead.push(selector);
            }
        }
        Ok(dead)
    }

    /// Sends one request per selector about its record, all at once. The replies are in the order
    /// of `selectors`.
    pub(crate) async fn request_each(
        &self,
        selectors: &[Selector],
        request: impl Fn(&str) -> Request,
        kind: RequestKind,
    ) -> Vec<Result<Value, StoreError>> {
        let ask = |selector: &Selector| {
            let key = self.settings().keyspace.record(*selector);
            let request = request(&key);
            (key, request)
        };
        let questions = selectors.iter().map(ask).collect();
        self.topology().request_many(questions, kind, self.deadline()).await
    }
}

/// Parses the members in a script's reply.
pub(crate) fn selectors(value: Option<Value>, effect: Effect) -> Result<Vec<Selector>, StoreError> {
    let texts =
        wire::texts(value.unwrap_or_else(|| Value::Array(Vec::new()))).map_err(fault::unexpected_reply(effect))?;
    known(texts.iter())
}

fn known<'a>(mut members: impl Iterator<Item = &'a String>) -> Result<Vec<Selector>, StoreError> {
    let selector = |text: &String| unhex(text.as_bytes()).map(Selector::from_bytes);
    members
        .try_fold(Vec::new(), |mut selectors, member| {
            selectors.push(selector(member)?);
            Some(selectors)
        })
        .ok_or_else(|| fault::malformed(Malformed::Field("index")))
}
