use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

use crate::cache::{ChangeError, EndReason, Entry, EntryState, ValueEdit, ValueKey};
use crate::store::{BATCH, Lifetimes, Member, Page, PageRequest, StoreErrorKind, Summary};
use crate::sync::Arc;
use crate::time::Timestamp;
use crate::token::{Principal, PublicId, Selector};

use crate::engine::ChangeAuthor;
use crate::engine::Engine;
use crate::engine::join_all;
use crate::engine::{CommitError, ProposedChange};
use crate::error::{SessionError, SessionErrorKind};

/// All sessions of one principal, from anywhere: a handler, a job, a command line.
///
/// Made by [`Sessions::of`](crate::application::Sessions::of). Each verb sees the sessions that are logged in
/// when it runs. A login that has not returned yet comes wholly before it, and then fails or is ended with the others, or wholly
/// after it, and then stays; what its client is told is what is true.
#[derive(Clone)]
pub struct PrincipalSessions {
    engine: Arc<Engine>,
    principal: Principal,
}

/// One session in a list of devices. Nothing in it opens the session (OWASP ASVS 7.5.2).
#[derive(Clone, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Names the session, for [`PrincipalSessions::revoke`].
    pub handle: PublicId,
    /// When the session was created.
    pub created_at: Timestamp,
    /// When a request of it was last seen.
    pub last_seen: Timestamp,
    /// When its principal logged in.
    pub authenticated_at: Timestamp,
    /// When it ends if no more requests are seen.
    pub expires_at: Timestamp,
    /// What the application called it at the login, such as "Firefox on Linux".
    #[serde(serialize_with = "text_or_none")]
    pub label: Option<Arc<str>>,
}

/// Without serde's feature for shared pointers, which would reach into the types of every user.
fn text_or_none<S: serde::Serializer>(text: &Option<Arc<str>>, serializer: S) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&text.as_deref(), serializer)
}

impl PrincipalSessions {
    pub(crate) const fn new(engine: Arc<Engine>, principal: Principal) -> Self {
        Self { engine, principal }
    }

    /// The live sessions, oldest login first.
    ///
    /// One whose record in the shared tier does not decode, because it is damaged or of a newer version, is left out,
    /// with a line in the log; [`revoke_all`](Self::revoke_all) ends it all the same.
    ///
    /// Reads page after page. For a principal with very many sessions, such as a service account, see [`page`](Self::page).
    ///
    /// # Errors
    /// When the shared tier cannot be reached.
    pub async fn list(&self) -> Result<Vec<SessionInfo>, SessionError> {
        let (mut sessions, mut pages) = (Vec::new(), self.pages());
        while let Some(members) = pages.next().await? {
            for member in members {
                sessions.extend(self.info(member)?);
            }
        }
        Ok(sessions)
    }

    /// A part of the live sessions, oldest login first.
    ///
    /// A page may have fewer sessions than were asked for, or none, although the list goes on; at its end, there is no
    /// [`next`](Page::next). At most 500 are read at once.
    ///
    /// # Errors
    /// When the shared tier cannot be reached, and for a cursor that no page has answered.
    pub async fn page(&self, page: PageRequest) -> Result<Page<SessionInfo>, SessionError> {
        let members = self.members(page).await?;
        let mut sessions = Vec::with_capacity(members.items.len());
        for member in members.items {
            sessions.extend(self.info(member)?);
        }
        Ok(Page::new(sessions, members.next))
    }

    /// How many live sessions there are.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    pub async fn count(&self) -> Result<usize, SessionError> {
        let (mut count, mut pages) = (0, self.pages());
        while let Some(members) = pages.next().await? {
            count += members.iter().filter(|member| member.is_logged_in()).count();
        }
        Ok(count)
    }

    /// Ends the session that a handle names. `false` if it is not one of this principal's.
    ///
    /// # Errors
    /// When the shared tier cannot be reached; the session is then still alive.
    pub async fn revoke(&self, handle: PublicId) -> Result<bool, SessionError> {
        let Some(selector) = self.find(handle).await? else { return Ok(false) };
        let ends = self.engine.end_many(&self.principal, vec![selector], EndReason::Revoked).await;
        ends.fault.map_or(Ok(ends.ended > 0), Err)
    }

    /// The session that a handle names, if it is one of this principal's.
    pub(crate) async fn find(&self, handle: PublicId) -> Result<Option<Selector>, SessionError> {
        let mut pages = self.pages();
        while let Some(members) = pages.next().await? {
            if let Some(found) = members.iter().find(|member| PublicId::of(&member.selector) == handle) {
                return Ok(Some(found.selector));
            }
        }
        Ok(None)
    }

    pub(crate) const fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub(crate) const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Ends all sessions of the principal ("sign out everywhere"). Answers how many there were.
    ///
    /// In a handler whose own session is among them, call [`Session::destroy`](crate::session::Session::destroy) first: then its
    /// client is told to forget its token, and its answer need not wait until no node knows the session any more.
    ///
    /// Works in batches, each with a deadline of its own, so that any number of sessions can be ended. A batch that
    /// fails does not keep the others alive, unless several fail in a row.
    ///
    /// # Errors
    /// When some of the sessions could not be ended. Those of other batches have ended; repeat it, and it goes on with
    /// those that are left.
    pub async fn revoke_all(&self) -> Result<usize, SessionError> {
        self.revoke_all_but(None).await
    }

    /// Ends all sessions of the principal but the one that `kept` names.
    pub(crate) async fn revoke_all_but(&self, kept: Option<Selector>) -> Result<usize, SessionError> {
        let (mut total, mut first, mut failed_in_a_row) = (0, None, 0);
        let mut pages = self.pages();
        while failed_in_a_row < MAX_FAILED
            && let Some(members) = pages.next().await?
        {
            let selectors =
                members.into_iter().map(|member| member.selector).filter(|selector| Some(*selector) != kept);
            let ends = self.engine.end_many(&self.principal, selectors.collect(), EndReason::Revoked).await;
            total += ends.ended;
            failed_in_a_row = if ends.fault.is_some() { failed_in_a_row + 1 } else { 0 };
            first = first.or(ends.fault);
        }
        first.map_or(Ok(total), Err)
    }

    /// Drops the value under `key` from all sessions of the principal. Answers from how many. One that does not
    /// decode keeps the value, and the caller hears of it once all others have lost theirs.
    pub(crate) async fn remove_everywhere(&self, key: &'static str) -> Result<usize, SessionError> {
        let edits = [ValueEdit::remove(ValueKey::Static(key), None)];
        let (mut changed, mut unreadable, mut pages) = (0, None, self.pages());
        while let Some(members) = pages.next().await? {
            for some in members.chunks(CONCURRENT_READS) {
                let removals = some.iter().map(|member| self.remove(&member.selector, &edits));
                for removed in join_all(removals).await {
                    match removed {
                        Ok(removed) => changed += usize::from(removed),
                        Err(error) if error.kind().is_unreadable() => unreadable = Some(error),
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        unreadable.map_or(Ok(changed), Err)
    }

    /// Makes edits in one session. Answers whether it lives.
    async fn remove(&self, selector: &Selector, edits: &[ValueEdit]) -> Result<bool, SessionError> {
        let proposal = ProposedChange { edits, ..ProposedChange::default() };
        match self.engine.commit_by_selector(selector, &ChangeAuthor::Application, proposal).await {
            Ok(()) => Ok(true),
            Err(CommitError::Refused(ChangeError::Ended(_))) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    const fn pages(&self) -> Pages<'_> {
        Pages { sessions: self, next: Some(PageRequest::first(BATCH)) }
    }

    /// A part of the index. Where there is no shared tier, without those who are just logging in.
    async fn members(&self, mut page: PageRequest) -> Result<Page<Member>, SessionError> {
        page.limit = page.limit.min(MAX_MEMBERS);
        if let Some(store) = &self.engine.store {
            let mut members = self.engine.count_error(store.list_members(&self.principal, page).await)?;
            let now = self.engine.now();
            members.items.retain(|member| !member.is_over(now));
            return Ok(members);
        }
        if page.after.is_some() {
            // So that a long list does not keep its thread from other requests.
            tokio::task::yield_now().await;
        }
        let page =
            self.engine.telemetry.index.members(&self.principal, &page).ok_or_else(SessionError::invalid_cursor)?;
        let members = page.items.iter().filter_map(|entry| self.member_of_cell(entry));
        Ok(Page::new(members.collect(), page.next))
    }

    /// `None` if it is not logged in as this principal: one that is just logging in is not yet.
    fn member_of_cell(&self, entry: &Arc<Entry>) -> Option<Member> {
        let state = Arc::clone(&entry.state());
        let EntryState::Live(snapshot) = &*state else { return None };
        if snapshot.principal() != Some(&self.principal) || entry.expiry_reason(snapshot, self.engine.now()).is_some() {
            return None;
        }
        let lifetimes = Lifetimes::new(snapshot.created_at, Duration::from_millis(snapshot.idle), snapshot.absolute);
        let mut summary = Summary::new(lifetimes, entry.last_seen());
        summary.lifetimes.persistent = snapshot.is_persistent();
        summary.authentication = snapshot.authentication().cloned();
        Some(Member::new(entry.selector, Ok(summary)))
    }

    /// What a list shows of a member; `None` if it is passed over.
    fn info(&self, member: Member) -> Result<Option<SessionInfo>, SessionError> {
        let summary = match member.summary {
            Ok(summary) => summary,
            Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                self.engine.telemetry.unreadable(&member.selector, &error);
                return Ok(None);
            }
            Err(error) => return self.engine.count_error(Err(error)),
        };
        let Some(authentication) = summary.authentication else { return Ok(None) };
        Ok(Some(SessionInfo {
            handle: PublicId::of(&member.selector),
            created_at: summary.lifetimes.created_at,
            last_seen: summary.last_seen,
            authenticated_at: authentication.at,
            expires_at: summary.lifetimes.deadline(summary.last_seen),
            label: authentication.label,
        }))
    }
}

/// How many batches in a row may fail before the rest is not tried.
const MAX_FAILED: usize = 3;
/// How many members are listed at once.
const MAX_MEMBERS: NonZeroUsize = NonZeroUsize::new(BATCH).expect("a batch is not empty");
/// How many sessions are changed at once.
const CONCURRENT_READS: usize = 50;
/// How often a page that could not be read is asked for again.
const READS: usize = 3;

/// The members of a principal, page by page.
struct Pages<'a> {
    sessions: &'a PrincipalSessions,
    next: Option<PageRequest>,
}

impl Pages<'_> {
    /// The next members; `None` after the last. May be none and still not the last.
    async fn next(&mut self) -> Result<Option<Vec<Member>>, SessionError> {
        let Some(request) = self.next.clone() else { return Ok(None) };
        let mut reads = 1;
        let page = loop {
            match self.sessions.members(request.clone()).await {
                Err(error) if error.kind() == SessionErrorKind::StoreUnavailable && reads < READS => reads += 1,
                answer => break answer?,
            }
        };
        self.next = page.next.map(|next| request.after(next));
        Ok(Some(page.items))
    }
}

impl fmt::Debug for PrincipalSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrincipalSessions").finish_non_exhaustive()
    }
}
