//! The shop window and its products.

use std::sync::Arc;

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};

use crate::accept::Accept;
use crate::catalogue::{Catalogue, QUERIES_PER_LOAD};
use crate::error::{Problem, ShopError};
use crate::pages::{HomePage, ItemPage};
use crate::product::Product;
use crate::request_context::RequestContext;

impl RequestContext {
    /// The application level: the catalogue in the visitor's language.
    pub(crate) async fn catalogue(&self) -> Result<Arc<Catalogue>, ShopError> {
        let language = self.language().await?;
        let ask = |meter| async move { Ok(self.shop().sources(&meter).catalogue(language).await?) };
        self.once("catalogue", QUERIES_PER_LOAD, &self.slots().catalogue, ask).await
    }
}

/// `GET /`
pub(crate) async fn home(visit: RequestContext) -> Result<Response, ShopError> {
    let catalogue = visit.catalogue().await?;
    let line = |product: &Product| format!("{}: {} ({})\n", product.id, product.name, price(product));
    Ok(match visit.wants() {
        Accept::Html => HomePage::respond(&visit).await?,
        Accept::Json => Json(catalogue.products()).into_response(),
        Accept::Text => catalogue.products().iter().map(line).collect::<String>().into_response(),
    })
}

/// `GET /items/{item}`
pub(crate) async fn item(visit: RequestContext, Path(item): Path<String>) -> Result<Response, ShopError> {
    let catalogue = visit.catalogue().await?;
    let product = catalogue.get(&item).cloned().ok_or(Problem::NoSuchItem)?;
    Ok(match visit.wants() {
        Accept::Html => {
            // Only people look at products; a program that reads them should not get a session for it.
            visit.saw(&item).await?;
            let related = catalogue.pick(&product.related);
            ItemPage::respond(&visit, product, related).await?
        }
        Accept::Json => Json(product).into_response(),
        Accept::Text => format!("{} ({})\n{}", product.name, price(&product), product.blurb).into_response(),
    })
}

/// Programs get the price in one notation whatever the language.
fn price(product: &Product) -> String {
    format!("{}.{:02} EUR", product.cents / 100, product.cents % 100)
}
