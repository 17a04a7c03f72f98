//! The catalogue: the same for all visitors, and therefore cached per process (application level).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use moka::future::Cache;

use crate::db::{Db, DbError, Product};
use crate::error::{Problem, ShopError};
use crate::language::Language;
use crate::pages::{Frame, Page, render};
use crate::request_context::{Accept, RequestContext};
use crate::trace::Meter;

/// The number of queries that one load of the catalogue takes.
const QUERIES_PER_LOAD: u32 = 2;

/// Products change rarely, and a price may be five minutes old.
const TTL: Duration = Duration::from_secs(300);

/// All products in one language, in display order.
#[derive(Debug)]
pub(crate) struct Catalogue {
    products: Vec<Product>,
}

impl Catalogue {
    async fn load(db: &Db, language: Language) -> Result<Self, DbError> {
        let mut products = db.products(language.code()).await?;
        let mut related: HashMap<String, Vec<String>> = HashMap::new();
        for (id, other) in db.related().await? {
            related.entry(id).or_default().push(other);
        }
        for product in &mut products {
            product.related = related.remove(&product.id).unwrap_or_default();
        }
        Ok(Self { products })
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Product> {
        self.products.iter().find(|product| product.id == id)
    }

    /// Returns the products with these ids, without those that are no longer sold.
    pub(crate) fn pick(&self, ids: &[String]) -> Vec<Product> {
        ids.iter().filter_map(|id| self.get(id)).cloned().collect()
    }
}

/// The cache of catalogues, one per language.
#[derive(Clone, Debug)]
pub(crate) struct Catalogues(Cache<Language, Arc<Catalogue>>);

impl Catalogues {
    pub(crate) fn new() -> Self {
        Self(Cache::builder().max_capacity(Language::ALL.len() as u64).time_to_live(TTL).build())
    }

    /// Returns the catalogue in `language`. Concurrent misses share one load.
    pub(crate) async fn get(&self, db: &Db, meter: &Meter, language: Language) -> Result<Arc<Catalogue>, Arc<DbError>> {
        meter.mark_application();
        self.0.try_get_with(language, async { Catalogue::load(db, language).await.map(Arc::new) }).await
    }
}

impl RequestContext {
    /// Returns the catalogue in the visitor's language.
    pub(crate) async fn catalogue(&self) -> Result<Arc<Catalogue>, ShopError> {
        let language = self.language().await?;
        let read = |meter| async move { Ok(self.shop.sources(&meter).catalogue(language).await?) };
        self.once("catalogue", QUERIES_PER_LOAD, read).await
    }
}

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    frame: Frame,
    recommended: Vec<Product>,
    recent: Vec<Product>,
    catalogue: Arc<Catalogue>,
}

/// `GET /`
pub(crate) async fn home(ctx: RequestContext) -> Result<Response, ShopError> {
    let catalogue = ctx.catalogue().await?;
    let line = |product: &Product| format!("{}: {} ({})\n", product.id, product.name, price(product));
    Ok(match ctx.accept {
        Accept::Html => {
            let (recommended, mut recent) = (ctx.recommendations().await?, ctx.recently_viewed().await?);
            recent.truncate(4);
            render(&HomePage { recommended, recent, catalogue, frame: Frame::new(&ctx, Page::Shop, None).await? })?
        }
        Accept::Json => Json(&catalogue.products).into_response(),
        Accept::Text => catalogue.products.iter().map(line).collect::<String>().into_response(),
    })
}

#[derive(Template)]
#[template(path = "item.html")]
struct ItemPage {
    frame: Frame,
    product: Product,
    related: Vec<Product>,
}

/// `GET /items/{item}`
pub(crate) async fn item(ctx: RequestContext, Path(item): Path<String>) -> Result<Response, ShopError> {
    let catalogue = ctx.catalogue().await?;
    let product = catalogue.get(&item).cloned().ok_or(Problem::NoSuchItem)?;
    Ok(match ctx.accept {
        Accept::Html => {
            // Only a browser's visit is recorded: a program should not get a session for reading.
            ctx.record_view(&item).await?;
            let related = catalogue.pick(&product.related);
            let frame = Frame { title: product.name.clone(), ..Frame::new(&ctx, Page::Other, None).await? };
            render(&ItemPage { frame, product, related })?
        }
        Accept::Json => Json(product).into_response(),
        Accept::Text => format!("{} ({})\n{}", product.name, price(&product), product.blurb).into_response(),
    })
}

/// Returns the price as programs get it, in one notation for all languages.
fn price(product: &Product) -> String {
    format!("{}.{:02} EUR", product.cents / 100, product.cents % 100)
}
