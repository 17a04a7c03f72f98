//! The application level: what is the same for every visitor is cached once per process.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;

use crate::db::{Db, DbError, Meter, ProductRow};
use crate::language::Language;
use crate::product::{Category, Product};

/// How many queries one load of the catalogue takes; what a hit saves.
pub(crate) const QUERIES_PER_LOAD: u32 = 2;

/// Products change rarely, and nobody is harmed by a price that is five minutes old.
const LIFETIME: Duration = Duration::from_secs(300);

/// All products in one language, in the order of the shop window.
#[derive(Debug)]
pub(crate) struct Catalogue {
    products: Vec<Product>,
    positions: HashMap<String, usize>,
}

impl Catalogue {
    pub(crate) fn products(&self) -> &[Product] {
        &self.products
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Product> {
        self.products.get(*self.positions.get(id)?)
    }

    /// The products named by `ids`, without those that are no longer sold.
    pub(crate) fn pick(&self, ids: &[String]) -> Vec<Product> {
        ids.iter().filter_map(|id| self.get(id)).cloned().collect()
    }

    fn from_rows(rows: Vec<ProductRow>, related: Vec<(String, String)>) -> Self {
        let mut others: HashMap<String, Vec<String>> = HashMap::new();
        for (id, other) in related {
            others.entry(id).or_default().push(other);
        }
        let products: Vec<Product> = rows
            .into_iter()
            .map(|row| Product {
                related: others.remove(&row.id).unwrap_or_default(),
                category: Category::from_code(&row.category),
                id: row.id,
                name: row.name,
                blurb: row.blurb,
                cents: row.cents,
                in_stock: row.in_stock,
            })
            .collect();
        let positions = products.iter().enumerate().map(|(at, product)| (product.id.clone(), at)).collect();
        Self { products, positions }
    }
}

/// The cache of catalogues, one per language.
#[derive(Clone, Debug)]
pub(crate) struct Catalogues {
    cache: Cache<Language, Arc<Catalogue>>,
}

impl Catalogues {
    pub(crate) fn new() -> Self {
        let languages = Language::ALL.len() as u64;
        Self { cache: Cache::builder().max_capacity(languages).time_to_live(LIFETIME).build() }
    }

    /// The catalogue in `language`, from the cache or through one load that all who wait share.
    pub(crate) async fn get(&self, db: &Db, meter: &Meter, language: Language) -> Result<Arc<Catalogue>, Arc<DbError>> {
        meter.mark_application();
        let load = async {
            let rows = db.products(language.code()).await?;
            Ok(Arc::new(Catalogue::from_rows(rows, db.related().await?)))
        };
        self.cache.try_get_with(language, load).await
    }
}
