use axum::extract::OriginalUri;
use axum::http::request::Parts;
use cloakroom::{Cursor, Principal, PublicId};

/// The addresses of the pages, wherever the router is mounted.
///
/// A user id has at most 1024 bytes, so that every address is short enough for servers and proxies.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    base: String,
}

impl Links {
    /// The pages below a path, which has no `/` at its end.
    pub(crate) const fn below(base: String) -> Self {
        Self { base }
    }

    /// The pages below the path that `nest` has removed from the request's.
    pub(crate) fn of(parts: &Parts) -> Self {
        let inner = parts.uri.path();
        let whole = parts.extensions.get::<OriginalUri>().map_or(inner, |original| original.0.path());
        let base = whole.strip_suffix(inner).unwrap_or(if inner == "/" { whole } else { "" });
        let base = base.trim_end_matches('/');
        // A browser takes `//host` and `/\host` for the address of another site.
        let is_path = base.starts_with('/') && !base.starts_with("//") && !base.contains('\\');
        Self::below(if is_path { base.to_owned() } else { String::new() })
    }

    pub(crate) fn overview(&self) -> String {
        if self.base.is_empty() { "/".to_owned() } else { self.base.clone() }
    }

    /// Returns the address of a page, such as `/events`.
    pub(crate) fn to(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(crate) fn user(&self, user: &Principal) -> String {
        self.query("/user", &[("id", user.as_str())])
    }

    pub(crate) fn user_after(&self, user: &Principal, after: &Cursor) -> String {
        self.query("/user", &[("id", user.as_str()), ("after", after.as_str())])
    }

    pub(crate) fn users_after(&self, after: &Cursor) -> String {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("after", after.as_str()).finish();
        format!("{}?{query}", self.overview())
    }

    /// Returns the address of the page of a session: with its user, it is found faster.
    pub(crate) fn session(&self, id: PublicId, user: Option<&Principal>) -> String {
        self.of_session("/session", id, user)
    }

    /// Returns the address of the form that ends a session.
    pub(crate) fn revoke_session(&self, id: PublicId, user: Option<&Principal>) -> String {
        self.of_session("/session/revoke", id, user)
    }

    /// Returns the address of the form that ends all sessions of a user.
    pub(crate) fn revoke_user(&self, user: &Principal) -> String {
        self.query("/user/revoke", &[("id", user.as_str())])
    }

    /// Returns the page that shows the result of a revocation.
    pub(crate) fn after_revocation(&self, user: Option<&Principal>, ended: usize) -> String {
        match user {
            Some(user) => format!("{}&ended={ended}", self.user(user)),
            None => format!("{}?ended={ended}", self.overview()),
        }
    }

    fn of_session(&self, path: &str, id: PublicId, user: Option<&Principal>) -> String {
        let id = id.to_string();
        match user {
            Some(user) => self.query(path, &[("id", &id), ("user", user.as_str())]),
            None => self.query(path, &[("id", &id)]),
        }
    }

    fn query(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        format!("{}{path}?{query}", self.base)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn base(original: &str, inner: &str) -> String {
        let (mut parts, ()) = Request::get(inner).body(()).unwrap().into_parts();
        parts.extensions.insert(OriginalUri(original.parse().unwrap()));
        Links::of(&parts).base
    }

    #[test]
    fn the_base_is_what_the_outer_router_removed() {
        assert_eq!(base("/", "/"), "");
        assert_eq!(base("/user?id=1", "/user?id=1"), "");
        assert_eq!(base("/staff/sessions", "/"), "/staff/sessions");
        assert_eq!(base("/staff/sessions/", "/"), "/staff/sessions");
        assert_eq!(base("/staff/sessions/user?id=/user", "/user?id=/user"), "/staff/sessions");
        assert_eq!(base("/a", "/b"), "", "a middleware has rewritten the path");
    }

    #[test]
    fn no_request_makes_the_links_point_to_another_site() {
        assert_eq!(base("//evil.example/user", "/user"), "");
        assert_eq!(base("//evil.example", "/"), "");
    }

    #[test]
    fn any_id_survives_in_a_link() {
        let links = Links::below("/admin".to_owned());
        assert_eq!(links.user(&"a b&c=é/?#".into()), "/admin/user?id=a+b%26c%3D%C3%A9%2F%3F%23");
        assert_eq!(links.after_revocation(Some(&"\r\n".into()), 3), "/admin/user?id=%0D%0A&ended=3");
        assert_eq!(links.after_revocation(None, 1), "/admin?ended=1");
        let id: PublicId = "0".repeat(32).parse().unwrap();
        assert_eq!(links.revoke_session(id, Some(&"&".into())), format!("/admin/session/revoke?id={id}&user=%26"));
    }
}
