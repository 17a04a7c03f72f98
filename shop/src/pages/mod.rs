//! The pages: what a browser gets. One template each, in `shop/templates`.

mod account;
mod assets;
mod cart;
mod frame;
mod notice;
mod panel;
mod preferences;
mod problem;
mod product_list;
mod staff;
mod texts;

use askama::Template;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};

pub(crate) use self::account::{DevicesPage, LoginPage, Next, PasswordPage};
pub(crate) use self::assets::asset;
pub(crate) use self::cart::CartPage;
pub(crate) use self::notice::Notice;
pub(crate) use self::preferences::PreferencesPage;
pub(crate) use self::problem::dress;
pub(crate) use self::product_list::{HomePage, ItemPage};
pub(crate) use self::staff::StaffPage;
use crate::error::ShopError;

/// A rendered page. No cache keeps it: the way back after a sign-out must not show the user's pages.
fn page(template: &impl Template) -> Result<Response, ShopError> {
    let mut response = Html(template.render()?).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.extensions_mut().insert(Rendered);
    Ok(response)
}

/// Marks a response that is a page already, whatever its status.
#[derive(Clone, Copy)]
struct Rendered;
