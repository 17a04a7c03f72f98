//! The cart: state that exists only in the session.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use cloakroom::SessionValue;
use serde::{Deserialize, Serialize};

use crate::db::Product;
use crate::error::{Problem, ShopError};
use crate::pages::{Back, Frame, Notice, Page, render};
use crate::request_context::{Accept, RequestContext};

/// The largest quantity that a form may set.
const MAX_QUANTITY: u32 = 9999;

/// The quantity of each item.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, SessionValue)]
pub(crate) struct Cart {
    items: BTreeMap<String, u32>,
}

impl Cart {
    /// Adds one of `item`, and returns the new quantity.
    fn add(&mut self, item: &str) -> u32 {
        let quantity = self.items.entry(item.to_owned()).or_default();
        *quantity = quantity.saturating_add(1);
        *quantity
    }

    /// Sets the quantity of `item`; zero removes it.
    fn set(&mut self, item: &str, quantity: u32) {
        if quantity == 0 {
            self.items.remove(item);
        } else {
            self.items.insert(item.to_owned(), quantity);
        }
    }

    /// Adds the quantities of a saved cart.
    pub(crate) fn merge(&mut self, saved: &[(String, u32)]) {
        for (item, quantity) in saved {
            let own = self.items.entry(item.clone()).or_default();
            *own = own.saturating_add(*quantity);
        }
    }

    /// Returns the sum of all quantities.
    pub(crate) fn count(&self) -> u64 {
        self.items.values().map(|quantity| u64::from(*quantity)).sum()
    }

    /// Returns the items as a JSON object, for `json_each` of the database.
    pub(crate) fn to_json(&self) -> String {
        serde_json::json!(self.items).to_string()
    }
}

impl RequestContext {
    pub(crate) async fn cart(&self) -> Result<Arc<Cart>, ShopError> {
        self.state(Cart::KEY, Cart::clone).await
    }
}

/// An item of the cart with its product.
#[derive(Debug, Serialize)]
struct Line {
    product: Product,
    quantity: u32,
}

impl Line {
    fn cents(&self) -> u64 {
        u64::from(self.product.cents) * u64::from(self.quantity)
    }

    fn text(&self) -> String {
        format!("Item {}: {} (Qty: {})", self.product.id, self.product.name, self.quantity)
    }
}

#[derive(Template)]
#[template(path = "cart.html")]
struct CartPage {
    frame: Frame,
    lines: Vec<Line>,
    total: u64,
    max_quantity: u32,
}

#[derive(Deserialize)]
pub(crate) struct ShowQuery {
    added: Option<String>,
}

/// `GET /cart`
pub(crate) async fn show(ctx: RequestContext, Query(query): Query<ShowQuery>) -> Result<Response, ShopError> {
    let lines = lines(&ctx).await?;
    Ok(match ctx.accept {
        Accept::Html => {
            let frame = Frame::new(&ctx, Page::Cart, notice(&ctx, query).await?).await?;
            page(frame, lines)?
        }
        Accept::Json => Json(lines).into_response(),
        Accept::Text => format!("Cart: {:?}", lines.iter().map(Line::text).collect::<Vec<_>>()).into_response(),
    })
}

fn page(frame: Frame, lines: Vec<Line>) -> Result<Response, ShopError> {
    let total = lines.iter().map(Line::cents).sum();
    render(&CartPage { frame, lines, total, max_quantity: MAX_QUANTITY })
}

#[derive(Deserialize)]
pub(crate) struct AddForm {
    back: Back,
}

/// `POST /cart/add/{item}`, with the field `back` if the visitor stays on the page of the form.
pub(crate) async fn add(
    ctx: RequestContext,
    Path(item): Path<String>,
    form: Result<Form<AddForm>, FormRejection>,
) -> Result<Response, ShopError> {
    let product = product(&ctx, &item).await?;
    if !product.in_stock {
        return Err(Problem::SoldOut.into());
    }
    let add = ctx.session.update(|cart: &mut Cart| (cart.add(&item), cart.count()));
    let (quantity, in_cart) = ctx.change("cart (write)", add).await?;
    ctx.save_state::<Cart>().await?;
    let json = serde_json::json!({ "item": item, "quantity": quantity, "in_cart": in_cart });
    let back = form.map_or_else(|_| format!("/cart?added={item}"), |Form(form)| form.back.added());
    Ok(ctx.done(&back, json, format!("Added item {item} to cart")))
}

#[derive(Deserialize)]
pub(crate) struct SetForm {
    quantity: String,
}

/// `POST /cart/set/{item}` with the field `quantity`
pub(crate) async fn set(
    ctx: RequestContext,
    Path(item): Path<String>,
    Form(form): Form<SetForm>,
) -> Result<Response, ShopError> {
    let quantity = form.quantity.trim().parse().ok().filter(|quantity| *quantity <= MAX_QUANTITY);
    let Some(quantity) = quantity else { return reject_quantity(&ctx, &item).await };
    let product = product(&ctx, &item).await?;
    if !product.in_stock && quantity > 0 {
        return Err(Problem::SoldOut.into());
    }
    set_quantity(&ctx, &item, quantity).await
}

/// Shows the cart again, with the field that has to be corrected.
async fn reject_quantity(ctx: &RequestContext, item: &str) -> Result<Response, ShopError> {
    let problem = Problem::BadInput("quantity must be a whole number from 0 to 9999");
    let lines = lines(ctx).await?;
    if ctx.accept != Accept::Html || !lines.iter().any(|line| line.product.id == item) {
        return Err(problem.into());
    }
    let frame = Frame::new(ctx, Page::Cart, None).await?;
    let text = frame.t.wrong_quantity;
    Ok((problem.status(), page(frame.with_wrong(item, text), lines)?).into_response())
}

/// `POST /cart/remove/{item}`
pub(crate) async fn remove(ctx: RequestContext, Path(item): Path<String>) -> Result<Response, ShopError> {
    product(&ctx, &item).await?;
    set_quantity(&ctx, &item, 0).await
}

async fn set_quantity(ctx: &RequestContext, item: &str, quantity: u32) -> Result<Response, ShopError> {
    // To remove an item from a cart that does not exist must not create a session.
    if quantity > 0 || ctx.has_session().await? {
        ctx.change("cart (write)", ctx.session.update(|cart: &mut Cart| cart.set(item, quantity))).await?;
        ctx.save_state::<Cart>().await?;
    }
    let text = match quantity {
        0 => format!("Removed item {item} from cart"),
        _ => format!("Item {item} in cart: {quantity}"),
    };
    Ok(ctx.done("/cart", serde_json::json!({ "item": item, "quantity": quantity }), text))
}

async fn product(ctx: &RequestContext, item: &str) -> Result<Product, ShopError> {
    Ok(ctx.catalogue().await?.get(item).cloned().ok_or(Problem::NoSuchItem)?)
}

/// Returns the lines of the cart, without the products that the shop no longer sells.
async fn lines(ctx: &RequestContext) -> Result<Vec<Line>, ShopError> {
    let (cart, catalogue) = (ctx.cart().await?, ctx.catalogue().await?);
    let line =
        |(item, quantity): (&String, &u32)| Some(Line { product: catalogue.get(item)?.clone(), quantity: *quantity });
    Ok(cart.items.iter().filter_map(line).collect())
}

async fn notice(ctx: &RequestContext, query: ShowQuery) -> Result<Option<Notice>, ShopError> {
    let Some(item) = query.added else { return Ok(None) };
    Ok(ctx.catalogue().await?.get(&item).map(|product| Notice::Added { name: product.name.clone() }))
}

#[cfg(test)]
mod tests {
    use super::Cart;

    #[test]
    fn a_cart_adds_up() {
        let mut cart = Cart::default();
        assert_eq!(cart.add("hat"), 1);
        cart.merge(&[("hat".to_owned(), u32::MAX), ("scarf".to_owned(), 2)]);
        assert_eq!(cart.to_json(), format!(r#"{{"hat":{},"scarf":2}}"#, u32::MAX));
        cart.set("hat", 0);
        assert_eq!(cart.count(), 2);
    }
}
