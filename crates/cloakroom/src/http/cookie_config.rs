//! stand-in
#![allow(missing_docs)]
#[derive(Clone, Debug)]
pub struct CookieConfig { name: String, secure: bool }
#[derive(Clone, Debug)]
pub struct CookieConfigError;
#[derive(Clone, Debug)]
pub enum SameSite { Lax, Strict, None }
impl Default for CookieConfig { fn default() -> Self { Self { name: "__Host-session".into(), secure: true } } }
impl CookieConfig {
    pub fn insecure_for_localhost() -> Self { Self { name: "session".into(), secure: false } }
    pub(super) fn name(&self) -> &str { &self.name }
    pub(super) fn secure(&self) -> bool { self.secure }
}
