//! Who a session is, and how a client proves that it is theirs.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::random::{RandomError, RandomSource};
use crate::time::Timestamp;

/// The public half of a token: names the record and never changes while the session lives.
///
/// 128 bits from the operating system's generator. Knowing a tag opens nothing: a request must
/// also show the secret. Prefer [`SessionHandle`] wherever a session has to be named to a user.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag([u8; 16]);

impl Tag {
    /// A tag from its bytes, as a store kept them.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, for a store's key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    pub(crate) fn generate(random: &dyn RandomSource) -> Result<Self, RandomError> {
        random_bytes(random).map(Self)
    }

    /// Tags are uniformly random, so any eight bytes of one are as good a hash as can be computed.
    pub(crate) fn hash(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tag(..)")
    }
}

/// The private half of a token. It has no `Display`, its `Debug` is redacted, and it never
/// reaches a store.
#[derive(Clone, Copy)]
pub(crate) struct Secret([u8; 16]);

impl Secret {
    pub(crate) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    pub(crate) fn generate(random: &dyn RandomSource) -> Result<Self, RandomError> {
        random_bytes(random).map(Self)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What a store keeps of a secret: 128 bits of a labelled SHA-256 of one of namespace, tag and secret.
///
/// A secret is 128 random bits, so a longer digest would not make it harder to guess, and a
/// plain hash needs no salt or stretching.
#[derive(Clone, Copy)]
pub struct Verifier([u8; 16]);

impl Verifier {
    /// A verifier from its bytes, as a store kept them.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, for a store to keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Compared in constant time, so that a wrong guess says nothing about how wrong it was.
impl PartialEq for Verifier {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Verifier {}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(..)")
    }
}

/// Makes the verifiers of one namespace.
///
/// A verifier is bound to namespace and tag, so that a record proves which session it is: copied to another
/// tag or another application's keys, it is opened by nobody's secret.
#[derive(Clone)]
pub(crate) struct Verifiers(Sha256);

impl Verifiers {
    pub(crate) fn new(namespace: &str) -> Self {
        // Without a namespace, what is digested is 55 bytes long, which is as much as takes one round.
        let begun = Sha256::new().chain_update(b"cloakroom/v1/secret");
        Self(begun.chain_update((namespace.len() as u32).to_be_bytes()).chain_update(namespace))
    }

    pub(crate) fn of(&self, tag: &Tag, secret: &Secret) -> Verifier {
        self.counterfoil(tag, secret).verifier()
    }

    pub(crate) fn counterfoil(&self, tag: &Tag, secret: &Secret) -> Counterfoil {
        Counterfoil(head(self.0.clone().chain_update(tag.0).chain_update(secret.0)))
    }
}

/// The part of a ticket that stays in the book, by which the ticket is known again: half way from a secret to its
/// verifier.
///
/// Who has the secret can compute it, and who has it can be checked against the verifier. It opens
/// nothing, and a store cannot compute it. So a page of the session may carry it, and a form show it.
#[derive(Clone, Copy)]
pub(crate) struct Counterfoil([u8; 16]);

impl Counterfoil {
    pub(crate) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    pub(crate) fn verifier(self) -> Verifier {
        let digest = labelled_digest(b"cloakroom/v1/verify", &self.0);
        #[cfg(feature = "testkit")]
        crate::witness::saw("secret's hash", || digest);
        Verifier(digest)
    }
}

impl fmt::Debug for Counterfoil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counterfoil(..)")
    }
}

impl fmt::Debug for Verifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifiers(..)")
    }
}

/// What a client carries, as parts; its text form belongs to the transport.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) tag: Tag,
    pub(crate) secret: Secret,
    pub(crate) hint: Option<Hint>,
}

/// The newest version its client has seen, so that no node answers it from an older copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hint {
    pub(crate) version: u64,
    pub(crate) nonce: u16,
}

/// Who is logged in, in the application's own terms: usually a user id.
///
/// Compared byte for byte; give every user one spelling. Do not put personal data here that your
/// store should not hold.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Principal(Arc<str>);

impl Principal {
    /// A principal from the application's id.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The id as the application gave it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Redacted: user ids are often e-mail addresses, and sessions get logged.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Principal(..)")
    }
}

impl From<&Principal> for Principal {
    fn from(principal: &Principal) -> Self {
        principal.clone()
    }
}

macro_rules! principal_from_text {
    ($($text:ty),+) => {$(
        impl From<$text> for Principal {
            fn from(id: $text) -> Self {
                Self(id.into())
            }
        }
    )+};
}
principal_from_text!(&str, String, Arc<str>, Box<str>);

macro_rules! principal_from_number {
    ($($number:ty),+) => {$(
        impl From<$number> for Principal {
            fn from(id: $number) -> Self {
                Self(id.to_string().into())
            }
        }
    )+};
}
principal_from_number!(u32, u64, u128, i32, i64, i128);

/// When and as whom a session was authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Authentication {
    /// Who logged in.
    pub principal: Principal,
    /// When the login happened; a renewal does not change it.
    pub at: Timestamp,
    /// What the application wants to show in a list of devices, such as "Firefox on Linux".
    pub label: Option<Arc<str>>,
}

impl Authentication {
    /// An authentication of `principal` at `at`, without a label.
    #[must_use]
    pub const fn new(principal: Principal, at: Timestamp, label: Option<Arc<str>>) -> Self {
        Self { principal, at, label }
    }
}

/// A secret that was rotated out, and until when it still opens the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Previous {
    /// What the store kept of the old secret.
    pub verifier: Verifier,
    /// The old secret is dead from this instant on; a privilege change sets the instant of the rotation itself.
    pub until: Timestamp,
}

impl Previous {
    /// A rotated-out secret that still works until `until`.
    #[must_use]
    pub const fn new(verifier: Verifier, until: Timestamp) -> Self {
        Self { verifier, until }
    }
}

/// Names a session to its owner, for example in a list of devices.
///
/// A one-way function of the tag: it is neither a token nor a store key, so it may be shown in a
/// page or a URL (OWASP ASVS 7.5.2). It opens nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionHandle([u8; 16]);

impl SessionHandle {
    pub(crate) fn of(tag: &Tag) -> Self {
        Self(labelled_digest(b"cloakroom/v1/handle", &tag.0))
    }
}

impl fmt::Display for SessionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for SessionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionHandle({self})")
    }
}

/// The text is not 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a session handle is 32 lower-case hexadecimal digits")]
#[non_exhaustive]
pub struct InvalidHandle;

impl std::str::FromStr for SessionHandle {
    type Err = InvalidHandle;

    fn from_str(text: &str) -> Result<Self, InvalidHandle> {
        let canonical = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 32 || !text.bytes().all(canonical) {
            return Err(InvalidHandle);
        }
        u128::from_str_radix(text, 16).map(|number| Self(number.to_be_bytes())).map_err(|_| InvalidHandle)
    }
}

fn random_bytes(random: &dyn RandomSource) -> Result<[u8; 16], RandomError> {
    let mut bytes = [0; 16];
    random.fill(&mut bytes)?;
    Ok(bytes)
}

/// Both parts have a fixed length per label, so that no two uses share an input.
fn labelled_digest(label: &[u8; 19], bytes: &[u8; 16]) -> [u8; 16] {
    head(Sha256::new().chain_update(label).chain_update(bytes))
}

fn head(digest: Sha256) -> [u8; 16] {
    let digest: [u8; 32] = digest.finalize().into();
    std::array::from_fn(|index| digest[index])
}

#[cfg(all(test, feature = "testkit"))]
mod timing;
