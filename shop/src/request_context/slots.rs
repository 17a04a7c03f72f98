//! Where a request keeps what it has asked for.

use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::accounts::{Account, UserId};
use crate::cart::Cart;
use crate::catalogue::Catalogue;
use crate::history::{History, Recommendations};
use crate::language::Language;
use crate::preferences::Preferences;
use crate::roles::Roles;

/// One slot per value, filled by the first to ask.
#[derive(Default)]
pub(crate) struct Slots {
    pub(crate) user: OnceCell<Option<UserId>>,
    pub(crate) account: OnceCell<Arc<Account>>,
    pub(crate) cart: OnceCell<Arc<Cart>>,
    pub(crate) catalogue: OnceCell<Arc<Catalogue>>,
    pub(crate) language: OnceCell<Language>,
    pub(crate) history: OnceCell<Arc<History>>,
    pub(crate) preferences: OnceCell<Arc<Preferences>>,
    pub(crate) recommendations: OnceCell<Arc<Recommendations>>,
    pub(crate) roles: OnceCell<Arc<Roles>>,
}
