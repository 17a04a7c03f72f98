//! Bytes per session in each store.

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::Result;
use crate::args::Options;
use crate::fixtures::Endpoint;
use crate::report::{Section, single, start_step};
use crate::stores::{Durability, Store, StoreKind};
use crate::targets::{self, IDLE_TIMEOUT, Target, TargetConfig};

const NOTE: &str = "Sessions with a cart of five items, with all indexes, by the number of sessions. SQLite: its file after \
    a checkpoint. PostgreSQL: the tables of sessions, values and members, as inserted; updates add dead rows that the \
    server reuses. Redis: `used_memory`.";

/// The number of requests at a time.
const CONCURRENCY: usize = 32;

const KINDS: [(&str, &str, Endpoint); 2] =
    [("anonymous", "anonymous", Endpoint::post("/fill")), ("logged-in", "logged in", Endpoint::post("/fill/login"))];

const TARGETS: [Target; 3] = [Target::Sqlite, Target::Postgres, Target::Redis];

/// Measures a new store for each kind of session.
pub(crate) fn run(options: &Options) -> Result<Vec<Section>> {
    let runtime = Runtime::new()?;
    let count = options.size(100_000, 500);
    let mut section = Section::new("Bytes per session in each store", NOTE, ["store", "session", "B"]).on_page();
    for target in TARGETS.into_iter().filter(|target| options.selects(target.key())) {
        for (key, label, endpoint) in KINDS {
            start_step(&format!("{}, {label}", target.label()));
            let bytes = runtime.block_on(measure(target, endpoint, count))?;
            let figure = single("stored", "B", bytes as f64 / count as f64).decimals(0);
            section.measured_row(&[target.label(), label], &format!("store-size/{}/{key}", target.key()), [figure]);
        }
    }
    Ok(vec![section])
}

async fn measure(target: Target, endpoint: Endpoint, count: usize) -> Result<u64> {
    let kind = target.store().ok_or("a target without a store")?;
    let store = Store::start(kind, Durability::ProcessCrash).await?;
    let (url, namespace) = (store.url(target.key()), "bench".to_owned());
    let app = targets::build(TargetConfig { target, store: url, namespace, idle_timeout: IDLE_TIMEOUT }).await?;
    let create = |user: usize| {
        let app = app.clone();
        async move {
            let Ok(response) = app.oneshot(endpoint.request(None, user as u64)).await;
            if response.status().is_success() {
                Ok(())
            } else {
                Err(format!("a request failed: {}", response.status()))
            }
        }
    };
    // What the connections and the empty tables take.
    create(0).await?;
    let before = store.bytes().await?;
    stream::iter(1..=count).map(create).buffer_unordered(CONCURRENCY).try_collect::<()>().await?;
    let after = store.bytes().await?;
    if kind != StoreKind::Redis && store.entries().await? < count as u64 {
        return Err("there are fewer rows than sessions".into());
    }
    Ok(after.saturating_sub(before))
}
