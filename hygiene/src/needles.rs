//! What is looked for.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// As many bytes as two things must share not to be the same by chance.
pub(crate) const KEY: usize = 12;
/// Of a longer secret its beginning is enough, as messages are cut.
const LONGEST: usize = 32;
/// With fewer it is filling, such as a value of a thousand times the same letter.
const FEWEST_DIFFERENT: usize = 6;

/// The secrets, by how they begin.
#[derive(Debug, Default)]
pub(crate) struct Needles {
    by_key: HashMap<[u8; KEY], Vec<Needle>>,
    /// Whether any begins with these two bytes: most places in a text are passed over by this alone.
    begins: Vec<bool>,
    kinds: BTreeMap<String, usize>,
}

/// What of a secret has to be there.
#[derive(Debug, PartialEq, Eq)]
struct Needle {
    bytes: Box<[u8]>,
    kind: Rc<str>,
}

impl Needles {
    /// Takes in lines of a kind and the secret in hexadecimal digits.
    pub(crate) fn read(&mut self, lines: &str) {
        let mut last: Rc<str> = "".into();
        for (kind, digits) in lines.lines().filter_map(|line| line.rsplit_once(' ')) {
            if *kind != *last {
                last = kind.into();
            }
            let Some(secret) = unhex(digits) else { continue };
            if let Some(text) = secret.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")) {
                self.add(&last, text);
            }
            self.add(&last, &secret);
        }
    }

    fn add(&mut self, kind: &Rc<str>, secret: &[u8]) {
        let Some(key) = secret.first_chunk::<KEY>() else { return };
        let secret = &secret[..secret.len().min(LONGEST)];
        let mut seen = [false; 256];
        secret.iter().for_each(|byte| seen[usize::from(*byte)] = true);
        if seen.iter().filter(|seen| **seen).count() < FEWEST_DIFFERENT {
            return;
        }
        self.begins.resize(1 << 16, false);
        self.begins[usize::from(u16::from_be_bytes([key[0], key[1]]))] = true;
        let same = self.by_key.entry(*key).or_default();
        if same.iter().all(|present| *present.bytes != *secret) {
            same.push(Needle { bytes: secret.into(), kind: Rc::clone(kind) });
            *self.kinds.entry(kind.to_string()).or_default() += 1;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.kinds.values().sum()
    }

    pub(crate) fn kinds(&self) -> String {
        self.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ")
    }

    /// What kind of secret stands at the beginning of these bytes.
    pub(crate) fn at(&self, bytes: &[u8]) -> Option<&str> {
        let key = bytes.first_chunk::<KEY>()?;
        if !self.begins.get(usize::from(u16::from_be_bytes([key[0], key[1]]))).is_some_and(|begins| *begins) {
            return None;
        }
        let same = self.by_key.get(key)?;
        same.iter().find(|needle| bytes.starts_with(&needle.bytes)).map(|needle| &*needle.kind)
    }
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else { return None };
    let digit = |digit: u8| (digit as char).to_digit(16).map(|digit| digit as u8);
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}
