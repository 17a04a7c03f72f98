use std::error::Error;
use std::fmt;

use cloakroom::Principal;
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata, CoreResponseMode};
use openidconnect::{
    AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl,
    Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse as _,
};
use url::Url;

use crate::accounts::Account;
use crate::error::SignInError;
use crate::http_client::HttpClient;
use crate::pending_sign_in::PendingSignIn;

/// How the provider sends the visitor back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseMode {
    /// By a redirect. The session's cookie comes along, because it is a `GET`.
    Query,
    /// By a form that the provider's page submits. The session's cookie does not come along.
    FormPost,
}

/// The client as it is registered at the provider.
#[derive(Clone)]
pub struct Settings {
    /// The address of the provider, exactly as its tokens state it.
    pub issuer: String,
    /// The id of the client.
    pub client_id: String,
    /// The secret of the client.
    pub client_secret: String,
    /// The address of the callback, exactly as it is registered.
    pub redirect_uri: String,
    /// How the provider sends the visitor back.
    pub response_mode: ResponseMode,
}

/// Omits the secret.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// The provider cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the provider at {issuer:?} cannot be used; check ISSUER and the network")]
pub struct DiscoveryError {
    issuer: String,
    source: Box<dyn Error + Send + Sync>,
}

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// An OpenID provider, as it describes itself.
///
/// The keys are those of the start. Discover it again from time to time, or when a signature is of an
/// unknown key.
#[derive(Debug)]
pub struct Provider {
    client: Client,
    http: HttpClient,
    response_mode: ResponseMode,
}

impl Provider {
    /// Reads the provider's metadata and keys (OpenID Connect Discovery 1.0).
    ///
    /// # Errors
    /// If an address is malformed or the provider cannot be reached.
    pub async fn discover(settings: Settings, http: HttpClient) -> Result<Self, DiscoveryError> {
        let discovered = async {
            let issuer = IssuerUrl::new(settings.issuer.clone())?;
            let redirect_uri = RedirectUrl::new(settings.redirect_uri)?;
            let metadata = CoreProviderMetadata::discover_async(issuer, &http).await?;
            let (id, secret) = (ClientId::new(settings.client_id), ClientSecret::new(settings.client_secret));
            Ok(CoreClient::from_provider_metadata(metadata, id, Some(secret)).set_redirect_uri(redirect_uri))
        };
        let client: Result<Client, Box<dyn Error + Send + Sync>> = discovered.await;
        let client = client.map_err(|source| DiscoveryError { issuer: settings.issuer, source })?;
        Ok(Self { client, http, response_mode: settings.response_mode })
    }

    /// Returns the address to which the visitor is sent, and what the session keeps meanwhile.
    pub(crate) fn begin(&self, next: &str) -> (Url, PendingSignIn) {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let mut request = self.client.authorize_url(flow, CsrfToken::new_random, Nonce::new_random);
        request = request.add_scope(Scope::new("profile".to_owned())).set_pkce_challenge(challenge);
        if self.response_mode == ResponseMode::FormPost {
            request = request.add_extra_param("response_mode", CoreResponseMode::FormPost.as_ref());
        }
        let (address, state, nonce) = request.url();
        let pending = PendingSignIn {
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            pkce_verifier: verifier.into_secret(),
            next: next.to_owned(),
        };
        (address, pending)
    }

    /// Exchanges the code, and returns the user of the ID token.
    pub(crate) async fn identify(
        &self,
        code: String,
        pending: PendingSignIn,
    ) -> Result<(Principal, Account), SignInError> {
        let exchange = self.client.exchange_code(AuthorizationCode::new(code)).map_err(exchange_error)?;
        let exchange = exchange.set_pkce_verifier(PkceCodeVerifier::new(pending.pkce_verifier));
        let tokens = exchange.request_async(&self.http).await.map_err(exchange_error)?;
        let id_token = tokens.id_token().ok_or_else(|| SignInError::IdToken("there is none".into()))?;
        // Checks signature, issuer, audience, expiry and nonce.
        let claims = id_token.claims(&self.client.id_token_verifier(), &Nonce::new(pending.nonce));
        let claims = claims.map_err(|error| SignInError::IdToken(error.into()))?;
        // A subject is unique for its issuer only. Never use the e-mail address, which can be reassigned.
        let principal = Principal::from(format!("{} {}", claims.issuer().as_str(), claims.subject().as_str()));
        let name =
            claims.name().and_then(|name| name.get(None)).map_or_else(String::new, |name| name.as_str().to_owned());
        Ok((principal, Account { name }))
    }
}

fn exchange_error(error: impl Error + Send + Sync + 'static) -> SignInError {
    SignInError::Exchange(error.into())
}
