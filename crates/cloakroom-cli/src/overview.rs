use cloakroom::store::{Record, Selector};
use cloakroom::{PublicId, Timestamp};
use serde::Serialize;

use crate::output::{instant, plain};

/// What a list says about a session. Nothing in it opens the session.
#[derive(Debug, Serialize)]
pub(crate) struct Overview {
    pub(crate) id: PublicId,
    pub(crate) user: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) last_seen: Timestamp,
    pub(crate) authenticated_at: Option<Timestamp>,
    pub(crate) expires_at: Timestamp,
    pub(crate) values: usize,
    pub(crate) bytes: usize,
}

impl Overview {
    pub(crate) const HEADER: [&'static str; 7] = ["id", "user", "label", "last seen", "expires", "values", "bytes"];

    pub(crate) fn new(selector: &Selector, record: &Record) -> Self {
        let login = record.authentication.as_ref();
        let present = || record.values.iter().filter(|value| !value.payload.is_empty());
        Self {
            id: PublicId::of(selector),
            user: login.map(|login| login.principal.as_str().to_owned()),
            label: login.and_then(|login| login.label.as_deref()).map(str::to_owned),
            created_at: record.lifetimes.created_at(),
            last_seen: record.last_seen,
            authenticated_at: login.map(|login| login.at),
            expires_at: record.lifetimes.deadline(record.last_seen),
            values: present().count(),
            bytes: present().map(|value| value.payload.len()).sum(),
        }
    }

    pub(crate) fn row(&self) -> Vec<String> {
        let text = |text: &Option<String>| text.as_deref().map_or_else(|| "–".to_owned(), plain);
        vec![
            self.id.to_string(),
            text(&self.user),
            text(&self.label),
            instant(self.last_seen),
            instant(self.expires_at),
            self.values.to_string(),
            self.bytes.to_string(),
        ]
    }
}
