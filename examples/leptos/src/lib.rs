//! Pages of Leptos, rendered by the server: a component reads the session, and a server function
//! changes it.

use axum::Router;
use cloakroom::{CookieConfig, Session, SessionLayer, SessionValue, Sessions};
use leptos::prelude::*;
use leptos_axum::{LeptosRoutes, extract, generate_route_list};
use serde::{Deserialize, Serialize};

/// The names of what a visitor wants to buy.
#[derive(Clone, Default, Serialize, Deserialize, SessionValue)]
struct Cart(Vec<String>);

/// Sent by a form, or by the script of a page.
#[server(endpoint = "cart/add")]
async fn add(name: String) -> Result<(), ServerFnError> {
    let session: Session = extract().await?;
    session.update(|cart: &mut Cart| cart.0.push(name.clone())).await?;
    leptos_axum::redirect("/");
    Ok(())
}

async fn read() -> Result<Vec<String>, ServerFnError> {
    let cart: Option<Session<Cart>> = extract().await?;
    Ok(cart.map(|cart| cart.0.clone()).unwrap_or_default())
}

#[component]
fn Shop() -> impl IntoView {
    let add = ServerAction::<Add>::new();
    let cart = Resource::new_blocking(|| (), |()| read());
    view! {
        <ActionForm action=add>
            <input name="name"/>
            <button>"Add"</button>
        </ActionForm>
        <Suspense>
            <ul>
                {move || Suspend::new(async move {
                    cart.await.unwrap_or_default().into_iter().map(|name| view! { <li>{name}</li> }).collect_view()
                })}
            </ul>
        </Suspense>
    }
}

fn page() -> impl IntoView {
    view! { <!DOCTYPE html><html><body><Shop/></body></html> }
}

/// Returns the application.
pub fn app(sessions: Sessions) -> Router {
    let layer = SessionLayer::new(sessions).cookie(CookieConfig::insecure_for_localhost());
    let options = LeptosOptions::builder().output_name("shop").build();
    // The routes of the server functions are added too.
    Router::new().leptos_routes(&options, generate_route_list(page), page).layer(layer).with_state(options)
}
