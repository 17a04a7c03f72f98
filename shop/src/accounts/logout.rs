//! Signing out.

use axum::response::{IntoResponse, Redirect, Response};

use crate::accept::Accept;
use crate::cart::Cart;
use crate::error::ShopError;
use crate::request_context::RequestContext;

/// `POST /logout`: ends this session. A user's cart waits in the database for the next sign-in.
pub(crate) async fn sign_out(visit: RequestContext) -> Result<Response, ShopError> {
    let (user, cart) = (visit.user().await?, visit.session().get::<Cart>().await?);
    // First the session, then the rest: whatever fails below, the visitor is out.
    visit.change("sign-out", visit.session().destroy()).await?;
    if let (Some(user), Some(cart)) = (user, cart) {
        let cart = cart.to_json();
        visit.database("saved cart", |db| async move { db.save_cart(user.0, &cart).await }).await?;
    }
    Ok(match visit.wants() {
        Accept::Html => Redirect::to("/login?signed_out").into_response(),
        Accept::Json => axum::Json(serde_json::json!({ "signed_in": false })).into_response(),
        Accept::Text => "Signed out".into_response(),
    })
}
