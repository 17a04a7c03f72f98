//! Without axum: any tower service for `http` requests, and hyper.

use std::convert::Infallible;

use cloakroom::{Session, SessionLayer};
use http::header::{COOKIE as COOKIE_HEADER, SET_COOKIE};
use http::{Extensions, Request, Response, StatusCode};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::{ServiceBuilder, ServiceExt, service_fn};

use crate::support::{Connection, Count};

/// Counts the visits of a session. The layer makes no demands on the type of the body.
async fn count<B>(request: Request<B>) -> Result<Response<String>, Infallible> {
    let session = Session::from_extensions(request.extensions()).expect("the layer is installed");
    let count = session
        .update::<Count, _>(|count| {
            count.0 += 1;
            count.0
        })
        .await;
    Ok(count.map_or_else(|error| Response::new(error.to_string()), |count| Response::new(count.to_string())))
}

fn request(cookie: Option<&str>) -> Request<()> {
    let request = Request::builder();
    let request = cookie.iter().fold(request, |request, cookie| request.header(COOKIE_HEADER, *cookie));
    request.body(()).unwrap()
}

#[tokio::test]
async fn a_plain_tower_service_has_sessions() {
    let layer = SessionLayer::new(crate::support::recorded_in_memory());
    let service = ServiceBuilder::new().layer(layer).service_fn(count::<()>);
    let first = service.clone().oneshot(request(None)).await.unwrap();
    let cookie = first.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(first.into_body(), "1");
    let second = service.clone().oneshot(request(Some(&cookie))).await.unwrap();
    assert_eq!(second.headers().get(SET_COOKIE), None);
    assert_eq!(second.into_body(), "2");
    assert_eq!(service.oneshot(request(None)).await.unwrap().into_body(), "1");
}

#[tokio::test]
async fn hyper_serves_sessions_without_axum() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = ServiceBuilder::new()
        .layer(SessionLayer::new(crate::support::recorded_in_memory()))
        .service_fn(count::<hyper::body::Incoming>);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    let mut connection = Connection::to(address).await;
    let first = connection.request("GET", "/", &[]).await;
    assert_eq!((first.status, &*first.body), (200, "1"));
    let cookie = first.new_cookie().unwrap().to_owned();
    for expected in ["2", "3"] {
        assert_eq!(connection.request("GET", "/", &[&cookie]).await.body, expected);
        let mut another = Connection::to(address).await;
        assert_eq!(another.request("GET", "/", &[]).await.body, "1");
    }
}

#[test]
fn without_a_layer_there_is_no_session() {
    assert!(Session::from_extensions(&Extensions::new()).is_none());
}

#[tokio::test]
async fn errors_of_the_inner_service_pass_through_and_its_writes_stay() {
    #[derive(Debug, PartialEq)]
    struct Broken(u8);
    let sessions = crate::support::recorded_in_memory();
    let broken = service_fn(async |request: Request<()>| -> Result<Response<Empty<&'static [u8]>>, Broken> {
        let session = Session::from_extensions(request.extensions()).unwrap();
        session.update::<Count, _>(|count| count.0 += 1).await.unwrap();
        Err(Broken(7))
    });
    let service = ServiceBuilder::new().layer(SessionLayer::new(sessions.clone())).service(broken);
    assert_eq!(service.oneshot(request(None)).await.unwrap_err(), Broken(7));
    assert_eq!(sessions.stats().created, 1, "the update was committed when it returned");
}

#[tokio::test]
async fn backpressure_of_the_inner_service_passes_through() {
    let never_ready = tower::util::BoxService::<Request<()>, Response<()>, &'static str>::new(NeverReady);
    let mut service =
        ServiceBuilder::new().layer(SessionLayer::new(crate::support::recorded_in_memory())).service(never_ready);
    assert_eq!(service.ready().await.err(), Some("busy"));
}

/// A service whose `poll_ready` always fails.
struct NeverReady;

impl tower::Service<Request<()>> for NeverReady {
    type Response = Response<()>;
    type Error = &'static str;
    type Future = std::future::Ready<Result<Response<()>, &'static str>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), &'static str>> {
        std::task::Poll::Ready(Err("busy"))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        unreachable!("it was never ready")
    }
}

#[tokio::test]
async fn the_inner_one_of_two_layers_wins() {
    use cloakroom::CookieConfig;
    let (outer, inner) = (crate::support::recorded_in_memory(), crate::support::recorded_in_memory());
    let service = ServiceBuilder::new()
        .layer(SessionLayer::new(outer.clone()))
        .layer(SessionLayer::new(inner.clone()).cookie(CookieConfig::insecure_for_localhost()))
        .service_fn(count::<()>);
    let reply = service.oneshot(request(None)).await.unwrap();
    assert_eq!(reply.status(), StatusCode::OK);
    assert_eq!(reply.headers().get_all(SET_COOKIE).iter().count(), 1);
    assert!(reply.headers()[SET_COOKIE].to_str().unwrap().starts_with("session="));
    assert_eq!((outer.stats().created, inner.stats().created), (0, 1));
}
