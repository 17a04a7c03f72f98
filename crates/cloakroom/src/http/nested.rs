//! Several layers around one handler: which of them share a session.
//!
//! Two layers share the session of a request if they are made of the same
//! [`Sessions`](crate::application::Sessions) and the token uses the same carrier on both: a cookie
//! of one name, or the `Authorization` header. The outer layer has read the token by then, and
//! responds to the client; the inner one changes options for the handlers inside of it. All other
//! layers keep separate sessions.

use http::{Extensions, HeaderMap, Request};

use crate::session::{CarrierKind, RequestSession, Session, TokenRefusal};
use crate::sync::{Arc, Ordering};

use super::carriers::Carriers;
use super::cookie_config::CookieConfig;
use super::layer::LayerState;
use super::request::RequestToken;
use super::transport::Accepts;

/// The sessions of outer layers to which the present [`Session`] of the request does not belong.
#[derive(Clone, Debug, Default)]
struct OuterSessions(Vec<Session>);

const CONTRADICTION: Option<TokenRefusal> = Some(TokenRefusal::ConflictingTokens);

impl LayerState {
    /// Gives a request that came through another layer the session of this layer. Returns it if
    /// this layer does not share the session of an outer one.
    pub(super) fn nest<B>(&self, present: Session, request: &mut Request<B>) -> Option<RequestSession> {
        let mut request_token = None;
        let shared = self.find_shared(&present, request, &mut request_token);
        let own = match shared {
            Some(_) => None,
            None => Some(self.begin(request_token.unwrap_or_else(|| self.receive(request.headers())))),
        };
        let extensions = request.extensions_mut();
        if let Some(session) = shared.or_else(|| own.clone()).map(Session::new) {
            if !present.request().is_same_as(session.request()) {
                keep_outer(present, extensions);
            }
            extensions.insert(session);
        }
        own
    }

    /// Returns the session of an outer layer, with the options of this one, if this layer shares
    /// it.
    fn find_shared<B>(
        &self,
        present: &Session,
        request: &Request<B>,
        request_token: &mut Option<RequestToken>,
    ) -> Option<RequestSession> {
        let outer = request.extensions().get::<OuterSessions>().map_or(&[][..], |outer| &outer.0);
        let mut all = std::iter::once(present).chain(outer.iter().rev()).map(Session::request);
        let shared = all.find(|outer| self.shares(outer, request.headers(), request_token))?;
        Some(shared.with_options(self.options()))
    }

    /// Returns `true` if this layer shares the session of the outer layer.
    fn shares(&self, outer: &RequestSession, headers: &HeaderMap, request_token: &mut Option<RequestToken>) -> bool {
        let Some(carriers) = outer.transport::<Carriers>() else { return false };
        if !Arc::ptr_eq(outer.engine(), self.engine()) {
            if self.carriers.carriers_overlap(carriers) {
                self.warn_once("layers with different `Sessions` use the same cookie or header; rename one of them");
            }
            return false;
        }
        if self.carriers.is_like(carriers) {
            return true;
        }
        if !self.carriers.carriers_overlap(carriers) {
            return false;
        }
        self.warn_once(
            "a nested layer has the cookie or header of the outer one with other settings, which have no effect; give \
             both layers the same transport, or this one a cookie of another name",
        );
        let request_token = request_token.get_or_insert_with(|| self.receive(headers));
        let contradicts = request_token.presented.refusal() == CONTRADICTION && outer.refusal() != CONTRADICTION;
        !contradicts
            && request_token.carrier == outer.carrier()
            && self.carriers.has_carrier_of(carriers, request_token.carrier)
    }

    fn warn_once(&self, problem: &'static str) {
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!("{problem}");
        }
    }
}

/// Keeps the session of an outer layer for a layer further in that shares it, and not that of the
/// layer between them.
fn keep_outer(present: Session, extensions: &mut Extensions) {
    let outer = extensions.get_or_insert_default::<OuterSessions>();
    outer.0.retain(|other| !other.request().is_same_as(present.request()));
    outer.0.push(present);
}

impl Carriers {
    /// Returns `true` if the two are configured alike: they read the same token from every request.
    fn is_like(&self, other: &Self) -> bool {
        let carriers = match (&self.accepts, &other.accepts) {
            (Accepts::Cookie(one), Accepts::Cookie(other)) => one.is_like(other),
            (Accepts::Header(one), Accepts::Header(other)) => one.is_like(other),
            (Accepts::Either(cookie, header), Accepts::Either(other_cookie, other_header)) => {
                cookie.is_like(other_cookie) && header.is_like(other_header)
            }
            _ => false,
        };
        carriers && self.on_ambiguity == other.on_ambiguity && self.first == other.first
    }

    fn carriers_overlap(&self, other: &Self) -> bool {
        [CarrierKind::Cookie, CarrierKind::Header].into_iter().any(|carrier| self.has_carrier_of(other, carrier))
    }

    /// Returns `true` if both read a token that uses this carrier.
    fn has_carrier_of(&self, other: &Self, carrier: CarrierKind) -> bool {
        match carrier {
            CarrierKind::Cookie => self.cookie_name().is_some_and(|name| other.cookie_name() == Some(name)),
            CarrierKind::Header => self.takes_header() && other.takes_header(),
        }
    }

    fn cookie_name(&self) -> Option<&str> {
        self.cookie().map(CookieConfig::name)
    }

    const fn takes_header(&self) -> bool {
        !matches!(self.accepts, Accepts::Cookie(_))
    }
}
