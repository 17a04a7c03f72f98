use cloakroom_recipes::cart::Cart;
use cloakroom_recipes::two_nodes::app;
use cloakroom_testbed::Server;
use cloakroom_testkit::TestClient;

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_is_the_same_on_both_nodes() {
    let server = Server::start().await.expect("redis-server is installed");
    let redis = format!("redis://{}/?namespace=recipes", server.address());
    let (first, second) = (app(&redis).await.unwrap(), app(&redis).await.unwrap());
    let client = TestClient::new(&first).with_origin("http://localhost:3000");
    for _ in 0..5 {
        client.post("/cart/lamp").await;
        client.at(&second).post("/cart/lamp").await;
    }
    let cart: Cart = client.get("/cart").await.json();
    assert_eq!(cart.0["lamp"], 10);
}
