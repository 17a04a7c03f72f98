//! The contract of token formats: how another crate encodes and decodes the tokens of a layer.
//!
//! Do not implement it to hide or protect tokens: without a codec they reveal nothing, and with
//! [keys](crate::SessionsBuilder::keys) they have a MAC. A codec is for clients or other services
//! that expect a certain format; `cloakroom-jwt` has one for signed JWTs.
//!
//! A codec decides only how a token is written. Whether the token opens a session is decided here:
//! the session must live, and the secret must be its current one.

mod contents;
mod decoded;
mod dyn_codec;
mod issued;
mod plain_token;
mod token_codec;

pub use contents::TokenContents;
pub use decoded::DecodedToken;
pub use issued::IssuedToken;
pub use plain_token::PlainToken;
pub use token_codec::TokenCodec;

pub(crate) use dyn_codec::DynCodec;
