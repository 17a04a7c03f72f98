/// The context to which encrypted bytes are bound: they decrypt in no other.
///
/// Every part is written with its length, so that no two contexts have the same bytes.
#[derive(Clone, Debug)]
pub(crate) struct AssociatedData(Vec<u8>);

impl AssociatedData {
    /// Associated data of this kind, without parts.
    pub(crate) fn new(kind: &'static str) -> Self {
        Self(Vec::with_capacity(128)).text(kind)
    }

    pub(crate) fn bytes(mut self, part: &[u8]) -> Self {
        self.0.extend_from_slice(&(part.len() as u64).to_be_bytes());
        self.0.extend_from_slice(part);
        self
    }

    pub(crate) fn text(self, part: &str) -> Self {
        self.bytes(part.as_bytes())
    }

    pub(crate) fn number(self, part: u64) -> Self {
        self.bytes(&part.to_be_bytes())
    }

    /// Prepends the header of the envelope, which has a fixed length.
    pub(super) fn with_header(&self, head: [u8; 2]) -> Vec<u8> {
        [&head, &*self.0].concat()
    }
}
