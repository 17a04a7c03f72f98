//! The cart over HTTP.

use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Form, Json};
use serde::{Deserialize, Serialize};

use super::Cart;
use crate::accept::Accept;
use crate::error::{Problem, ShopError};
use crate::pages::{CartPage, Notice};
use crate::product::Product;
use crate::request_context::RequestContext;

/// The most of one thing that a form may ask for.
pub(crate) const MOST: u32 = 9999;

/// One line of the cart, with what the catalogue knows about the item.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) product: Product,
    pub(crate) quantity: u32,
}

impl Line {
    pub(crate) fn cents(&self) -> u64 {
        u64::from(self.product.cents) * u64::from(self.quantity)
    }

    fn text(&self) -> String {
        format!("Item {}: {} (Qty: {})", self.product.id, self.product.name, self.quantity)
    }
}

#[derive(Deserialize)]
pub(crate) struct Added {
    added: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Quantity {
    quantity: String,
}

/// `GET /cart`
pub(crate) async fn show(visit: RequestContext, Query(query): Query<Added>) -> Result<Response, ShopError> {
    let lines = lines(&visit).await?;
    Ok(match visit.wants() {
        Accept::Html => CartPage::respond(&visit, lines, notice(&visit, query).await?).await?,
        Accept::Json => Json(lines).into_response(),
        Accept::Text => {
            let lines: Vec<String> = lines.iter().map(Line::text).collect();
            format!("Cart: {lines:?}").into_response()
        }
    })
}

/// `POST /cart/add/{item}`
pub(crate) async fn add(visit: RequestContext, Path(item): Path<String>) -> Result<Response, ShopError> {
    let product = product(&visit, &item).await?;
    if !product.in_stock {
        return Err(Problem::SoldOut.into());
    }
    let quantity = visit.change("cart (write)", visit.session().update(|cart: &mut Cart| cart.add(&item))).await?;
    Ok(match visit.wants() {
        Accept::Html => Redirect::to(&format!("/cart?added={item}")).into_response(),
        Accept::Json => Json(serde_json::json!({ "item": item, "quantity": quantity })).into_response(),
        Accept::Text => format!("Added item {item} to cart").into_response(),
    })
}

/// `POST /cart/set/{item}` with the field `quantity`
pub(crate) async fn set(
    visit: RequestContext,
    Path(item): Path<String>,
    Form(form): Form<Quantity>,
) -> Result<Response, ShopError> {
    let quantity = form.quantity.trim().parse().ok().filter(|quantity| *quantity <= MOST);
    let quantity = quantity.ok_or(Problem::BadInput("quantity must be a whole number from 0 to 9999"))?;
    let product = product(&visit, &item).await?;
    if !product.in_stock && quantity > 0 {
        return Err(Problem::SoldOut.into());
    }
    replace(&visit, &item, quantity).await
}

/// `POST /cart/remove/{item}`
pub(crate) async fn remove(visit: RequestContext, Path(item): Path<String>) -> Result<Response, ShopError> {
    product(&visit, &item).await?;
    replace(&visit, &item, 0).await
}

async fn replace(visit: &RequestContext, item: &str, quantity: u32) -> Result<Response, ShopError> {
    // Removing from no cart must not create a session.
    if quantity > 0 || visit.has_session().await? {
        let change = visit.session().update(|cart: &mut Cart| cart.set(item, quantity));
        visit.change("cart (write)", change).await?;
    }
    Ok(match visit.wants() {
        Accept::Html => Redirect::to("/cart").into_response(),
        Accept::Json => Json(serde_json::json!({ "item": item, "quantity": quantity })).into_response(),
        Accept::Text if quantity == 0 => format!("Removed item {item} from cart").into_response(),
        Accept::Text => format!("Item {item} in cart: {quantity}").into_response(),
    })
}

async fn product(visit: &RequestContext, item: &str) -> Result<Product, ShopError> {
    let catalogue = visit.catalogue().await?;
    Ok(catalogue.get(item).cloned().ok_or(Problem::NoSuchItem)?)
}

/// The cart's lines; what the shop no longer sells is left out.
async fn lines(visit: &RequestContext) -> Result<Vec<Line>, ShopError> {
    let (cart, catalogue) = (visit.cart().await?, visit.catalogue().await?);
    let line = |(item, quantity)| Some(Line { product: catalogue.get(item)?.clone(), quantity });
    Ok(cart.items().filter_map(line).collect())
}

async fn notice(visit: &RequestContext, query: Added) -> Result<Option<Notice>, ShopError> {
    if let Some(item) = query.added {
        let catalogue = visit.catalogue().await?;
        return Ok(catalogue.get(&item).map(|product| Notice::Added { name: product.name.clone() }));
    }
    Ok(visit.session_is_over().await?.then_some(Notice::SessionOver))
}
