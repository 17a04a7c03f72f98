use std::process::ExitCode;

use cloakroom::store::{PageRequest, Payload, Selector, Store, StoredValue};
use cloakroom::{PublicId, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::error::CliError;
use crate::output::{Output, instant, plain, table};
use crate::overview::Overview;

/// The number of sessions that are compared with the id at a time.
const PAGE: usize = 500;

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    overview: Overview,
    stored: Vec<ShownValue>,
}

#[derive(Serialize)]
struct ShownValue {
    key: String,
    state: &'static str,
    bytes: usize,
    fresh_until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
}

impl ShownValue {
    fn new(stored: &StoredValue, with_value: bool) -> Self {
        let (state, json) = match &stored.payload {
            Payload::Present(json) => ("plain", Some(json)),
            Payload::Sealed(_) => ("sealed", None),
            Payload::Absent => ("absent", None),
            Payload::Removed => ("removed", None),
        };
        let value = json.filter(|_| with_value).and_then(|json| serde_json::from_slice(json).ok());
        let (key, bytes) = (stored.key.to_string(), stored.payload.len());
        Self { key, state, bytes, fresh_until: stored.fresh_until, value }
    }

    fn row(&self) -> Vec<String> {
        let fresh = self.fresh_until.map_or_else(|| "–".to_owned(), instant);
        let value = self.value.as_ref().map_or_else(String::new, |value| plain(&value.to_string()));
        vec![plain(&self.key), self.state.to_owned(), self.bytes.to_string(), fresh, value]
    }
}

/// Shows one session.
pub(crate) async fn run<S: Store>(
    store: &S,
    id: PublicId,
    with_values: bool,
    output: &Output,
) -> Result<ExitCode, CliError> {
    let selector = find(store, id).await?.ok_or(CliError::NoSession)?;
    let record = store.load(selector).await?.ok_or(CliError::NoSession)?.record;
    let mut stored: Vec<_> = record.values.iter().map(|value| ShownValue::new(value, with_values)).collect();
    stored.sort_by(|one, other| one.key.cmp(&other.key));
    let shown = Shown { overview: Overview::new(&selector, &record), stored };
    output.print(&shown, |out| {
        let overview = &shown.overview;
        let text = |text: &Option<String>| text.as_deref().map_or_else(|| "–".to_owned(), plain);
        writeln!(out, "id          {}", overview.id)?;
        writeln!(out, "user        {}", text(&overview.user))?;
        writeln!(out, "label       {}", text(&overview.label))?;
        writeln!(out, "created     {}", instant(overview.created_at))?;
        writeln!(out, "logged in   {}", overview.authenticated_at.map_or_else(|| "–".to_owned(), instant))?;
        writeln!(out, "last seen   {}", instant(overview.last_seen))?;
        writeln!(out, "expires     {}\n", instant(overview.expires_at))?;
        if shown.stored.is_empty() {
            return writeln!(out, "It has no values.");
        }
        let header = ["key", "state", "bytes", "fresh until", if with_values { "value" } else { "" }];
        table(out, &header, &shown.stored.iter().map(ShownValue::row).collect::<Vec<_>>())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// A public id is a one-way function of the selector, so it can only be compared.
async fn find<S: Store>(store: &S, id: PublicId) -> Result<Option<Selector>, CliError> {
    let mut request = PageRequest::first(PAGE);
    loop {
        let page = store.list(request.clone()).await?;
        if let Some(found) = page.items.into_iter().find(|selector| PublicId::of(selector) == id) {
            return Ok(Some(found));
        }
        match page.next {
            Some(next) => request = request.after(next),
            None => return Ok(None),
        }
    }
}
