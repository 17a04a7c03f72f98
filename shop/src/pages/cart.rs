//! The page of the cart.

use askama::Template;
use axum::response::Response;

use super::frame::{Frame, Here};
use super::texts::Texts;
use super::{Notice, page};
use crate::cart::{Line, MOST};
use crate::error::ShopError;
use crate::request_context::RequestContext;

#[derive(Template)]
#[template(path = "cart.html")]
pub(crate) struct CartPage {
    frame: Frame,
    lines: Vec<Line>,
    total: u64,
    most: u32,
}

impl CartPage {
    pub(crate) async fn respond(
        visit: &RequestContext,
        lines: Vec<Line>,
        notice: Option<Notice>,
    ) -> Result<Response, ShopError> {
        let t = Texts::of(visit.language().await?);
        let total = lines.iter().map(Line::cents).sum();
        page(&Self { frame: Frame::of(visit, Here::Cart, t.cart, notice).await?, lines, total, most: MOST })
    }
}
