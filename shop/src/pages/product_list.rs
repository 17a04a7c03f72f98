//! The shop window and the page of one product.

use askama::Template;
use axum::response::Response;

use super::frame::{Frame, Here};
use super::page;
use super::texts::Texts;
use crate::error::ShopError;
use crate::product::Product;
use crate::request_context::RequestContext;

#[derive(Template)]
#[template(path = "home.html")]
pub(crate) struct HomePage {
    frame: Frame,
    recommended: Vec<Product>,
    recent: Vec<Product>,
    products: Vec<Product>,
}

impl HomePage {
    pub(crate) async fn respond(visit: &RequestContext) -> Result<Response, ShopError> {
        let (recommended, mut recent) = (visit.recommendations().await?, visit.recently_viewed().await?);
        recent.truncate(4);
        let products = visit.catalogue().await?.products().to_vec();
        let t = Texts::of(visit.language().await?);
        let frame = Frame::of(visit, Here::Shop, t.shop, None).await?;
        page(&Self { frame, recommended, recent, products })
    }
}

#[derive(Template)]
#[template(path = "item.html")]
pub(crate) struct ItemPage {
    frame: Frame,
    product: Product,
    related: Vec<Product>,
}

impl ItemPage {
    pub(crate) async fn respond(
        visit: &RequestContext,
        product: Product,
        related: Vec<Product>,
    ) -> Result<Response, ShopError> {
        let frame = Frame::of(visit, Here::Elsewhere, &product.name, None).await?;
        page(&Self { frame, product, related })
    }
}
