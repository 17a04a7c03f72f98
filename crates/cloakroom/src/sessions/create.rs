use crate::cache::{Cell, Edit, Entry, Origin, Refused, Snapshot, State, Values};
use crate::identity::{Hint, Secret, Tag};
use crate::store::{AnyStore, Created};
use crate::sync::Arc;
use crate::time::whole_millis;

use super::bearer::Bearer;
use super::convert;
use super::delivery::{Delivery, Undo};
use super::engine::Engine;
use super::error::{SessionError, SessionErrorKind};
use super::events::EventKind;
use super::resolve::Asking;

/// Two random tags never meet, so a third collision means that the source of randomness is broken.
const ATTEMPTS: usize = 3;

impl Engine {
    /// Creates a session with its first values, under a tag and a secret of the server's own making.
    pub(crate) async fn create(&self, edits: &[Edit]) -> Result<(Bearer, Arc<Cell>, Arc<Delivery>), SessionError> {
        self.keep_house();
        let mut is_repeated = false;
        for _ in 0..ATTEMPTS {
            let tag = Tag::generate(&*self.random)?;
            let secret = Secret::generate(&*self.random)?;
            let fingerprint = self.fingerprints.fingerprint(&secret);
            let mut bearer = Bearer { tag, secret, fingerprint, seen: None, opened: true, lineage: None };
            let snapshot = self.first_snapshot(&bearer, edits);
            self.tier.check(&snapshot)?;
            // Before it is made: whoever gives up meanwhile may have made it all the same.
            let unmade = self.store.is_some().then(|| self.deliver(&bearer, None, Undo::End));
            let cell = match &self.store {
                None => {
                    self.tier.insert(tag, snapshot, self.now()).inspect_err(|refused| self.count_refused(*refused))?
                }
                Some(store) => {
                    let answer = Box::pin(self.create_shared(&**store, &mut bearer, snapshot)).await;
                    if !answer.as_ref().is_err_and(may_be_there) {
                        unmade.inspect(|unmade| unmade.done());
                    }
                    match answer {
                        // Not repeated under the same tag: if the first attempt is on its way for long, it might arrive after
                        // the session has ended, and bring it back. What it makes under a tag that nobody was given, nobody finds.
                        Err(error) if error.kind() == SessionErrorKind::OutcomeUnknown && !is_repeated => {
                            is_repeated = true;
                            continue;
                        }
                        answer => answer?,
                    }
                }
            };
            if let Some(cell) = cell {
                let made = self.deliver(&bearer, Some(&cell), Undo::End);
                self.ledger.counters.created.count();
                self.ledger.record(EventKind::Created, Some(&tag), None);
                return Ok((bearer, cell, made));
            }
        }
        Err(SessionError::with_source(SessionErrorKind::NoRandomness, "new tags exist already"))
    }

    fn first_snapshot(&self, bearer: &Bearer, edits: &[Edit]) -> Snapshot {
        let now = self.now();
        let entry = |edit: &Edit| Entry {
            key: edit.key.clone(),
            version: 1,
            fresh_until: edit.fresh_until,
            size: edit.size,
            slot: edit.slot.clone(),
        };
        Snapshot {
            version: 1,
            created_at: now,
            idle: whole_millis(self.policy.idle),
            absolute: now.after(self.policy.absolute),
            verifier: self.verifiers.of(&bearer.tag, &bearer.secret),
            fingerprint: bearer.fingerprint,
            standing: None,
            origin: None,
            values: Values::Live(edits.iter().map(entry).collect()),
        }
    }

    async fn create_shared(
        &self,
        store: &dyn AnyStore,
        bearer: &mut Bearer,
        mut snapshot: Snapshot,
    ) -> Result<Option<Arc<Cell>>, SessionError> {
        let (tag, nonce) = (bearer.tag, self.nonces.next());
        let mut record = convert::record(&snapshot, nonce).map_err(SessionError::encode)?;
        for value in &record.values {
            snapshot.values.weigh(&value.key, value.payload.len());
        }
        self.tier.check(&snapshot)?;
        self.seal_record(&tag, &mut record)?;
        let kept_until = record.lifetimes.kept_until(record.last_seen);
        // Before the record is there: a change that is reported behind the answer must find the cell.
        let cell = self.tier.get_or_vacant(&tag, self.now());
        let before = self.reserve(&cell);
        let mut asking = Asking { tier: &self.tier, cell: &cell, answered: false };
        let writers = record.writers.clone();
        let Created::Done(lease) = self.watched(store.create(tag, record).await)? else { return Ok(None) };
        bearer.seen = Some(Hint { version: snapshot.version, nonce: nonce as u16 });
        snapshot.origin = Some(Box::new(Origin { lease: lease.number(), nonce, kept_until, writers }));
        // Where something was reported, or forgotten, meanwhile, the session is read when it is next asked for.
        if let Some(before) = before {
            asking.answered = self.tier.put(&cell, &before, Arc::new(State::Live(snapshot)))?.is_some();
        }
        cell.mark_reported(self.now());
        drop(asking);
        Ok(Some(cell))
    }

    pub(super) fn count_refused(&self, refused: Refused) {
        if refused == Refused::Full {
            self.ledger.memory_full();
        }
    }
}

/// Whether the shared tier may have a session whose creation failed like this: for want of memory it fails afterwards.
fn may_be_there(error: &SessionError) -> bool {
    matches!(error.kind(), SessionErrorKind::OutcomeUnknown | SessionErrorKind::Full)
}
