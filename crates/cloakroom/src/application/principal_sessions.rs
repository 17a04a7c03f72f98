use std::fmt;
use std::num::NonZeroUsize;

use crate::cache::{ChangeError, EndReason, ValueEdit, ValueKey};
use crate::store::{BATCH, Member, Page, PageRequest, StoreErrorKind};
use crate::sync::Arc;
use crate::time::Timestamp;
use crate::token::{Principal, PublicId, Selector};

use crate::engine::ChangeAuthor;
use crate::engine::Engine;
use crate::engine::join_all;
use crate::engine::{CommitError, ProposedChange};
use crate::error::{SessionError, SessionErrorKind};

/// All sessions of one principal, usable from anywhere: a handler, a job, a command line.
///
/// Returned by [`Sessions::of`](crate::application::Sessions::of). Each method sees the sessions
/// that are logged in when it runs. A login in progress either comes entirely before the method,
/// and then fails or is ended with the others, or entirely after it, and then stays. Its client
/// receives the matching result.
#[derive(Clone)]
pub struct PrincipalSessions {
    engine: Arc<Engine>,
    principal: Principal,
}

/// One session in a list of devices. Nothing in it opens the session (OWASP ASVS 7.5.2).
#[derive(Clone, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct SessionInfo {
    /// The public id of the session, for [`PrincipalSessions::revoke`].
    pub id: PublicId,
    /// When the session was created.
    pub created_at: Timestamp,
    /// When the last request of the session was seen.
    pub last_seen: Timestamp,
    /// When its principal logged in.
    pub authenticated_at: Timestamp,
    /// When the session ends if no more requests arrive.
    pub expires_at: Timestamp,
    /// The label that the application gave the session at the login, such as "Firefox on Linux".
    #[serde(serialize_with = "text_or_none")]
    pub label: Option<Arc<str>>,
}

/// Serializes an optional `Arc<str>` without serde's `rc` feature, which would be enabled for every
/// user of serde.
fn text_or_none<S: serde::Serializer>(text: &Option<Arc<str>>, serializer: S) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&text.as_deref(), serializer)
}

impl PrincipalSessions {
    pub(crate) const fn new(engine: Arc<Engine>, principal: Principal) -> Self {
        Self { engine, principal }
    }

    /// Returns the live sessions, oldest login first.
    ///
    /// A session whose record in the shared tier cannot be decoded, because it is damaged or of a
    /// newer version, is skipped and logged; [`revoke_all`](Self::revoke_all) still ends it.
    ///
    /// Reads page by page. For a principal with very many sessions, such as a service account, see
    /// [`page`](Self::page).
    ///
    /// # Errors
    /// If the shared tier cannot be reached.
    pub async fn list(&self) -> Result<Vec<SessionInfo>, SessionError> {
        Ok(self.list_until().await?.0)
    }

    /// Returns the list, and the instant at which the first of its sessions ends if it is not seen
    /// again.
    pub(crate) async fn list_until(&self) -> Result<(Vec<SessionInfo>, Timestamp), SessionError> {
        let (mut sessions, mut until, mut pages) = (Vec::new(), Timestamp::MAX, self.pages());
        while let Some(members) = pages.next().await? {
            for member in members {
                until = member.ends_at().unwrap_or(until).min(until);
                sessions.extend(self.info(member)?);
            }
        }
        Ok((sessions, until))
    }

    /// Returns a page of the live sessions, oldest login first.
    ///
    /// A page may have fewer sessions than requested, or none, although the list continues; at its
    /// end, there is no [`next`](Page::next). At most 500 are read at once.
    ///
    /// # Errors
    /// If the shared tier cannot be reached, and for a cursor that was not returned with a page.
    pub async fn page(&self, page: PageRequest) -> Result<Page<SessionInfo>, SessionError> {
        let members = self.members(page).await?;
        let mut sessions = Vec::with_capacity(members.items.len());
        for member in members.items {
            sessions.extend(self.info(member)?);
        }
        Ok(Page::new(sessions, members.next))
    }

    /// Returns the number of live sessions.
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

    /// Ends the session with the given public id. Returns `false` if it is not one of this
    /// principal's.
    ///
    /// # Errors
    /// If the shared tier cannot be reached; the session is then still alive.
    pub async fn revoke(&self, handle: PublicId) -> Result<bool, SessionError> {
        let Some(selector) = self.find(handle).await? else { return Ok(false) };
        let ends = self.engine.end_many(&self.principal, vec![selector], EndReason::Revoked).await;
        ends.fault.map_or(Ok(ends.ended > 0), Err)
    }

    /// Returns the session with a public id, if it is one of this principal's.
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

    /// Ends all sessions of the principal ("sign out everywhere"). Returns how many ended.
    ///
    /// In a handler whose own session is among them, call
    /// [`Session::destroy`](crate::session::Session::destroy) first: then its client is told to
    /// forget its token, and its response need not wait until no node knows the session any more.
    ///
    /// Works in batches, each with a deadline of its own, so any number of sessions can be ended. A
    /// failed batch does not keep the others alive, unless several fail in a row.
    ///
    /// # Errors
    /// If some of the sessions could not be ended. Those of other batches have ended; call it again
    /// to continue with the rest.
    pub async fn revoke_all(&self) -> Result<usize, SessionError> {
        self.revoke_all_but(None).await
    }

    /// Ends all sessions of the principal except `kept`.
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

    /// Drops the value under `key` from all sessions of the principal. Returns the number of
    /// sessions changed. A session that cannot be decoded keeps the value, and its error is
    /// returned after all others have lost theirs.
    pub(crate) async fn remove_everywhere(&self, key: &'static str) -> Result<usize, SessionError> {
        let edits = [ValueEdit::remove(ValueKey::Static(key), None)];
        let (mut changed, mut unreadable, mut pages) = (0, None, self.pages());
        while let Some(members) = pages.next().await? {
            for some in members.chunks(CONCURRENT_CHANGES) {
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

    /// Makes edits in one session. Returns whether it lives.
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

    async fn members(&self, mut page: PageRequest) -> Result<Page<Member>, SessionError> {
        page.limit = page.limit.min(MAX_MEMBERS);
        self.engine.list_members(&self.principal, page).await
    }

    /// Returns the list item of a member; `None` if it is skipped.
    fn info(&self, member: Member) -> Result<Option<SessionInfo>, SessionError> {
        let summary = match member.summary {
            Ok(summary) => summary,
            Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                self.engine.telemetry().unreadable(&member.selector, &error);
                return Ok(None);
            }
            Err(error) => return self.engine.count_error(Err(error)),
        };
        let Some(authentication) = summary.authentication else { return Ok(None) };
        Ok(Some(SessionInfo {
            id: PublicId::of(&member.selector),
            created_at: summary.lifetimes.created_at(),
            last_seen: summary.last_seen,
            authenticated_at: authentication.at,
            expires_at: summary.lifetimes.deadline(summary.last_seen),
            label: authentication.label,
        }))
    }
}

/// How many batches may fail in a row before the rest are skipped.
const MAX_FAILED: usize = 3;
/// How many members are listed at once.
const MAX_MEMBERS: NonZeroUsize = NonZeroUsize::new(BATCH).expect("a batch is not empty");
/// How many sessions are changed concurrently.
const CONCURRENT_CHANGES: usize = 50;
/// How often a page is requested before a failure is returned.
const MAX_READ_ATTEMPTS: usize = 3;

/// The members of a principal, page by page.
struct Pages<'a> {
    sessions: &'a PrincipalSessions,
    next: Option<PageRequest>,
}

impl Pages<'_> {
    /// Returns the next members; `None` after the last page. A page may be empty before the last
    /// one.
    async fn next(&mut self) -> Result<Option<Vec<Member>>, SessionError> {
        let Some(request) = self.next.clone() else { return Ok(None) };
        let mut reads = 1;
        let page = loop {
            match self.sessions.members(request.clone()).await {
                Err(error) if error.kind() == SessionErrorKind::StoreUnavailable && reads < MAX_READ_ATTEMPTS => {
                    reads += 1;
                }
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
