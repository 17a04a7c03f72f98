use crate::cache::{ChangeError, Entry, EntryState, Snapshot, StoreMeta, ValueEdit, ValueEntry, Values};
use crate::store::{Created, DynStore};
use crate::sync::Arc;
use crate::time::whole_millis;
use crate::token::{Secret, Selector, VersionHint};

use super::authenticate::RemoveIfUnfilled;
use super::convert;
use super::credential::Credential;
use super::delivery::{PendingDelivery, Undo};
use crate::engine::Engine;
use crate::error::{SessionError, SessionErrorKind};
use crate::telemetry::EventKind;

/// Two random tags never meet, so a third collision means that the source of randomness is broken.
const ATTEMPTS: usize = 3;

impl Engine {
    /// Creates a session with its first values, under a tag and a secret of the server's own making.
    pub(crate) async fn create(
        &self,
        edits: &[ValueEdit],
    ) -> Result<(Credential, Arc<Entry>, Arc<PendingDelivery>), SessionError> {
        self.ensure_maintenance();
        let mut is_repeated = false;
        for _ in 0..ATTEMPTS {
            let selector = Selector::generate(&*self.random)?;
            let secret = Secret::generate(&*self.random)?;
            let fingerprint = self.fingerprints.fingerprint(&secret);
            let mut credential =
                Credential { selector, secret, fingerprint, client_version: None, has_opened: true, lineage: None };
            let snapshot = self.first_snapshot(&credential, edits);
            self.cache.check(&snapshot)?;
            // Before it is made: whoever gives up meanwhile may have made it all the same.
            let unmade = self.store.is_some().then(|| self.deliver(&credential, None, Undo::End));
            let entry = match &self.store {
                None => self
                    .cache
                    .insert(selector, snapshot, self.now())
                    .inspect_err(|refused| self.count_refused(*refused))?,
                Some(store) => {
                    let answer = Box::pin(self.create_shared(&**store, &mut credential, snapshot)).await;
                    if !answer.as_ref().is_err_and(may_be_there) {
                        unmade.inspect(|unmade| unmade.disarm());
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
            if let Some(entry) = entry {
                let made = self.deliver(&credential, Some(&entry), Undo::End);
                self.telemetry.counters.created.count();
                self.telemetry.announce(EventKind::Created, Some(&selector), None);
                return Ok((credential, entry, made));
            }
        }
        Err(SessionError::with_source(SessionErrorKind::NoRandomness, "new tags exist already"))
    }

    fn first_snapshot(&self, credential: &Credential, edits: &[ValueEdit]) -> Snapshot {
        let now = self.now();
        let value_entry = |edit: &ValueEdit| ValueEntry {
            key: edit.key.clone(),
            version: 1,
            fresh_until: edit.fresh_until,
            size: edit.size,
            slot: edit.state.clone(),
        };
        Snapshot {
            version: 1,
            created_at: now,
            idle: whole_millis(self.policy.idle),
            absolute: now.after(self.policy.absolute),
            verifier: self.verifier_hasher.hash(&credential.selector, &credential.secret),
            fingerprint: credential.fingerprint,
            login_state: None,
            store_meta: None,
            values: Values::Live(edits.iter().map(value_entry).collect()),
        }
    }

    async fn create_shared(
        &self,
        store: &dyn DynStore,
        credential: &mut Credential,
        mut snapshot: Snapshot,
    ) -> Result<Option<Arc<Entry>>, SessionError> {
        let (selector, nonce) = (credential.selector, self.nonces.next());
        let mut record = convert::record(&snapshot, nonce).map_err(SessionError::encode)?;
        for value in &record.values {
            snapshot.values.raise_size(&value.key, value.payload.len());
        }
        self.cache.check(&snapshot)?;
        self.seal_record(&selector, &mut record)?;
        let kept_until = record.lifetimes.store_deadline(record.last_seen);
        // Before the record is there: a change that is reported behind the answer must find the cell.
        let entry = self.cache.get_or_insert_unread(&selector, self.now());
        let before = self.reserve(&entry);
        let mut asking = RemoveIfUnfilled { cache: &self.cache, entry: &entry, answered: false };
        let writers = record.writers.clone();
        let Created::Done(lease) = self.count_error(store.create(selector, record).await)? else { return Ok(None) };
        credential.client_version = Some(VersionHint { version: snapshot.version, nonce: nonce as u16 });
        snapshot.store_meta =
            Some(Box::new(StoreMeta { lease: lease.number(), nonce, store_deadline: kept_until, writers }));
        // Where something was reported, or forgotten, meanwhile, the session is read when it is next asked for.
        if let Some(before) = before {
            asking.answered =
                self.cache.replace_state(&entry, &before, Arc::new(EntryState::Live(snapshot)))?.is_some();
        }
        entry.mark_touch_reported(self.now());
        drop(asking);
        Ok(Some(entry))
    }

    pub(super) fn count_refused(&self, refused: ChangeError) {
        if refused == ChangeError::Full {
            self.telemetry.memory_full();
        }
    }
}

/// Whether the shared tier may have a session whose creation failed like this: for want of memory it fails afterwards.
fn may_be_there(error: &SessionError) -> bool {
    matches!(error.kind(), SessionErrorKind::OutcomeUnknown | SessionErrorKind::Full)
}
