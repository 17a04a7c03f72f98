//! Quiet sessions give up their decoded values for a few bytes of encoding.
//!
//! A decoded cart of five items takes about 500 bytes of heap in ten allocations; packed it takes
//! about 100 in one. All values of a session go into one allocation, because for small values the
//! allocations weigh more than the bytes.

use std::fmt;

use crate::sync::Arc;
use crate::time::Timestamp;

use super::entry::{Entry, Key, Slot};

const VALUE: u8 = 0;
const ABSENT: u8 = 1;
const REMOVED: u8 = 2;

/// The values of a session in one allocation.
#[derive(Clone)]
pub(crate) struct Packed(Box<[u8]>);

impl Packed {
    /// Packs the entries, or declines if one of them would not come back as it is.
    pub(crate) fn pack(entries: &[Entry]) -> Option<Self> {
        let mut bytes = Vec::with_capacity(entries.len() * 128);
        for entry in entries {
            let (kind, payload) = payload(&entry.slot)?;
            bytes.push(kind);
            bytes.push(u8::try_from(entry.key.as_str().len()).ok()?);
            bytes.extend_from_slice(entry.key.as_str().as_bytes());
            bytes.extend_from_slice(&entry.version.to_le_bytes());
            bytes.extend_from_slice(&entry.fresh_until.as_millis().to_le_bytes());
            bytes.extend_from_slice(&entry.size.to_le_bytes());
            bytes.extend_from_slice(&u32::try_from(payload.len()).ok()?.to_le_bytes());
            bytes.extend_from_slice(&payload);
        }
        Some(Self(bytes.into_boxed_slice()))
    }

    /// The entries again. Everything that was packed comes back: these bytes never left the process.
    pub(crate) fn unpack(&self) -> Box<[Entry]> {
        let mut rest = Reader(&self.0);
        let mut entries = Vec::new();
        while let Some(entry) = rest.entry() {
            entries.push(entry);
        }
        entries.into_boxed_slice()
    }

    pub(crate) fn weight(&self) -> u64 {
        self.0.len() as u64
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Packed({} bytes)", self.0.len())
    }
}

fn payload(slot: &Slot) -> Option<(u8, Vec<u8>)> {
    Some(match slot {
        Slot::Decoded(value) => (VALUE, value.encode_faithfully()?),
        Slot::Encoded(bytes) => (VALUE, bytes.to_vec()),
        Slot::Absent => (ABSENT, Vec::new()),
        Slot::Removed => (REMOVED, Vec::new()),
    })
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn entry(&mut self) -> Option<Entry> {
        let [kind, length] = self.array()?;
        let key = Key::Owned(Arc::from(std::str::from_utf8(self.take(length.into())?).ok()?));
        let version = u64::from_le_bytes(self.array()?);
        let fresh_until = Timestamp::from_millis(u64::from_le_bytes(self.array()?));
        let size = u32::from_le_bytes(self.array()?);
        let length = u32::from_le_bytes(self.array()?);
        let payload = self.take(length as usize)?;
        let slot = match kind {
            VALUE => Slot::Encoded(Arc::from(payload)),
            ABSENT => Slot::Absent,
            _ => Slot::Removed,
        };
        Some(Entry { key, version, fresh_until, size, slot })
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }
}
