//! R06, R30, R54 over gRPC, with a client and a server of `tonic`: handlers find the session in the
//! request's extensions, and the token travels in the metadata in both directions.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut};
use cloakroom::{Login, Session, SessionError, SessionErrorKind, SessionLayer, Sessions, TokenHeader, Transport};
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::server::NamedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Code, Status};
use tower::{Service, service_fn};

use crate::support::{Count, Deployment, unissued_token};

/// A codec for plain text messages, where an application would use protobuf.
#[derive(Clone, Copy)]
struct TextCodec;

impl Codec for TextCodec {
    type Encode = String;
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for TextCodec {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, text: String, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put_slice(text.as_bytes());
        Ok(())
    }
}

impl Decoder for TextCodec {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let bytes = from.copy_to_bytes(from.remaining());
        String::from_utf8(bytes.into()).map(Some).map_err(|_| Status::invalid_argument("not UTF-8"))
    }
}

async fn perform_method(verb: &str, session: &Session) -> Result<String, SessionError> {
    match verb {
        "add" | "add-and-fail" => {
            let count = session.update::<Count, _>(|count| {
                count.0 += 1;
                count.0
            });
            Ok(count.await?.to_string())
        }
        "login" => session.login(Login::new("alice").keep::<Count>()).await.map(|()| String::new()),
        "whoami" => Ok(session.principal().await?.map_or("nobody".to_owned(), |user| user.as_str().to_owned())),
        "logout" => session.destroy().await.map(|()| String::new()),
        _ => unreachable!("{verb}"),
    }
}

#[derive(Clone)]
struct Shop;

impl NamedService for Shop {
    const NAME: &'static str = "shop.Shop";
}

impl Service<http::Request<Body>> for Shop {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let verb = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        let method = service_fn(move |request: tonic::Request<String>| {
            let verb = verb.clone();
            async move {
                let session = Session::from_extensions(request.extensions()).expect("the layer is installed");
                let text = perform_method(&verb, &session).await.map_err(|error| status(&error))?;
                if verb.ends_with("-and-fail") {
                    return Err(Status::failed_precondition("failing on request"));
                }
                Ok(tonic::Response::new(text))
            }
        });
        Box::pin(async move { Ok(tonic::server::Grpc::new(TextCodec).unary(method, request).await) })
    }
}

/// The gRPC status that corresponds to an error's HTTP status.
fn status(error: &SessionError) -> Status {
    match error.kind() {
        SessionErrorKind::Ended => Status::unauthenticated(error.to_string()),
        _ => Status::internal(error.to_string()),
    }
}

async fn serve(sessions: &Sessions) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let layer = SessionLayer::new(sessions.clone()).transport(Transport::bearer(TokenHeader::default()));
    let server = Server::builder().layer(layer).add_service(Shop);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    address
}

/// A client that handles its token as the guide describes.
#[derive(Clone)]
struct Client {
    grpc: tonic::client::Grpc<Channel>,
    token: Option<String>,
}

impl Client {
    async fn of(sessions: &Sessions) -> Self {
        let address = serve(sessions).await;
        let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        Self { grpc: tonic::client::Grpc::new(channel), token: None }
    }

    async fn call(&mut self, verb: &str) -> Result<String, Status> {
        let mut request = tonic::Request::new(String::new());
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        self.grpc.ready().await.unwrap();
        let response = self.grpc.unary(request, format!("/shop.Shop/{verb}").parse().unwrap(), TextCodec).await;
        let metadata = response.as_ref().map_or_else(Status::metadata, tonic::Response::metadata);
        if let Some(issued) = issued_token(metadata) {
            self.token = Some(issued).filter(|issued| issued != "!ended");
        }
        response.map(tonic::Response::into_inner)
    }
}

/// The status code of a call whose token opens nothing.
async fn error_code(client: &Client, verb: &str) -> Code {
    client.clone().call(verb).await.unwrap_err().code()
}

fn issued_token(metadata: &MetadataMap) -> Option<String> {
    assert!(!metadata.contains_key("set-cookie"));
    let issued = metadata.get("session-token")?.to_str().unwrap();
    assert!(metadata.contains_key("session-token-expires-in"));
    Some(issued.to_owned())
}

#[tokio::test]
async fn r06_a_grpc_client_lives_from_its_first_write_to_its_logout() {
    for deployment in Deployment::both() {
        let mut client = Client::of(&deployment.node().sessions).await;
        assert_eq!(client.call("whoami").await.unwrap(), "nobody");
        assert_eq!(client.token, None, "a read issues no token");
        assert_eq!(client.call("add").await.unwrap(), "1");
        let anonymous = client.clone();
        assert_eq!(client.call("add").await.unwrap(), "2");
        client.call("login").await.unwrap();
        assert_ne!(client.token, anonymous.token);
        assert_eq!(
            error_code(&anonymous, "whoami").await,
            Code::Unauthenticated,
            "the token from before the login opens nothing"
        );
        assert_eq!(client.call("whoami").await.unwrap(), "alice");
        assert_eq!(client.call("add").await.unwrap(), "3");
        let stale = client.clone();
        client.call("logout").await.unwrap();
        assert_eq!(client.token, None);
        assert_eq!(error_code(&stale, "whoami").await, Code::Unauthenticated);
    }
}

#[tokio::test]
async fn a_grpc_client_gets_its_token_even_with_an_error() {
    let deployment = Deployment::local();
    let mut client = Client::of(&deployment.node().sessions).await;
    let failed = client.call("add-and-fail").await.unwrap_err();
    assert_eq!(failed.code(), Code::FailedPrecondition);
    assert_eq!(client.call("add").await.unwrap(), "2", "the write before the error is committed");
    client.token = Some(unissued_token(1));
    assert_eq!(error_code(&client, "add").await, Code::Unauthenticated, "an unissued token opens nothing");
}

#[tokio::test]
async fn concurrent_calls_on_one_grpc_connection_lose_no_update() {
    for deployment in Deployment::both() {
        let mut client = Client::of(&deployment.node().sessions).await;
        client.call("add").await.unwrap();
        let calls: Vec<_> = (0..100)
            .map(|_| {
                let mut client = client.clone();
                tokio::spawn(async move { client.call("add").await.unwrap() })
            })
            .collect();
        for call in calls {
            call.await.unwrap();
        }
        assert_eq!(client.call("add").await.unwrap(), "102");
    }
}
