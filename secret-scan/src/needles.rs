//! The secrets to search for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use crate::derive;

/// Number of leading bytes of a secret that have to match; so many do not match by chance.
pub(crate) const KEY: usize = 12;
/// Messages are truncated, so the beginning of a longer secret is enough.
const LONGEST: usize = 32;
/// A secret with fewer different bytes is padding, such as one letter repeated a thousand times.
const FEWEST_DIFFERENT: usize = 6;

/// The secrets, indexed by their first bytes.
#[derive(Debug, Default)]
pub(crate) struct Needles {
    by_key: HashMap<[u8; KEY], Vec<Needle>>,
    /// Marks the pairs of bytes with which a secret begins; this test alone skips most positions.
    begins: Vec<bool>,
    kinds: BTreeMap<String, (Rc<str>, usize)>,
}

/// The part of a secret that has to match.
#[derive(Debug, PartialEq, Eq)]
struct Needle {
    bytes: Box<[u8]>,
    kind: Rc<str>,
}

impl Needles {
    /// Collects the recorded secrets and everything derived from them.
    ///
    /// Each line of a record consists of a kind, a thread, and the secret in hexadecimal digits.
    pub(crate) fn of(records: &[String]) -> Self {
        let mut needles = Self::default();
        let namespaces = namespaces(records);
        for record in records {
            let mut last_drawn = HashMap::new();
            for (kind, thread, secret) in record.lines().filter_map(parse) {
                match kind {
                    "namespace" => {}
                    "token" => needles.add_token(&secret, &namespaces),
                    "random" => needles.add_random(&secret, last_drawn.entry(thread).or_default(), &namespaces),
                    "key" => needles.add_key(&secret, &namespaces),
                    _ => needles.add(kind, &secret),
                }
            }
        }
        needles
    }

    fn add_token(&mut self, token: &[u8], namespaces: &[String]) {
        let token = String::from_utf8_lossy(token);
        if let Some(signature) = derive::signature(&token) {
            self.add("signature", &signature);
        }
        if let Some((selector, secret)) = derive::parts_of_token(&token) {
            self.add("selector", &selector);
            self.add("secret", &secret);
            self.add_derived(&selector, &secret, namespaces);
        }
    }

    /// A new session draws its selector and its secret at once; a rotation draws a secret.
    fn add_random(&mut self, drawn: &[u8], last: &mut Option<[u8; 16]>, namespaces: &[String]) {
        let (parts, rest) = drawn.as_chunks::<16>();
        if parts.is_empty() || !rest.is_empty() {
            return self.add("random number", drawn);
        }
        for part in parts {
            self.add("random number", part);
            if let Some(selector) = last.replace(*part) {
                self.add_derived(&selector, part, namespaces);
            }
        }
    }

    fn add_derived(&mut self, selector: &[u8; 16], secret: &[u8; 16], namespaces: &[String]) {
        for namespace in namespaces {
            let csrf = derive::csrf_secret(namespace, selector, secret);
            self.add("CSRF secret", &csrf);
            self.add("verifier", &derive::verifier(&csrf));
        }
    }

    fn add_key(&mut self, key: &[u8], namespaces: &[String]) {
        self.add("key", key);
        derive::derived_keys(key, namespaces).iter().for_each(|derived| self.add("derived key", derived));
    }

    fn add(&mut self, kind: &str, secret: &[u8]) {
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
            let (kind, count) = self.kinds.entry(kind.to_owned()).or_insert_with(|| (kind.into(), 0));
            *count += 1;
            same.push(Needle { bytes: secret.into(), kind: Rc::clone(kind) });
        }
    }

    /// The number of secrets of each kind.
    pub(crate) fn kinds(&self) -> BTreeMap<String, usize> {
        self.kinds.iter().map(|(kind, (_, count))| (kind.clone(), *count)).collect()
    }

    /// The kind of the secret with which these bytes begin.
    pub(crate) fn at(&self, bytes: &[u8]) -> Option<&str> {
        let key = bytes.first_chunk::<KEY>()?;
        if !self.begins.get(usize::from(u16::from_be_bytes([key[0], key[1]]))).is_some_and(|begins| *begins) {
            return None;
        }
        let same = self.by_key.get(key)?;
        same.iter().find(|needle| bytes.starts_with(&needle.bytes)).map(|needle| &*needle.kind)
    }
}

/// The namespaces of all stores of the tests, and the empty one that stands for no store.
fn namespaces(records: &[String]) -> Vec<String> {
    let recorded = records.iter().flat_map(|record| record.lines()).filter(|line| line.starts_with("namespace "));
    let texts = recorded.filter_map(parse).map(|(_, _, text)| String::from_utf8_lossy(&text).into_owned());
    texts.chain([String::new()]).collect::<BTreeSet<_>>().into_iter().collect()
}

fn parse(line: &str) -> Option<(&str, &str, Vec<u8>)> {
    let (rest, digits) = line.rsplit_once(' ')?;
    let (kind, thread) = rest.rsplit_once(' ')?;
    Some((kind, thread, unhex(digits)?))
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else { return None };
    let digit = |digit: u8| (digit as char).to_digit(16).map(|digit| digit as u8);
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Selector and secret are drawn with one call.
    #[test]
    fn the_parts_of_what_was_drawn_at_once_are_secrets_each() {
        let drawn: [u8; 32] = std::array::from_fn(|index| (index * 7 + 1) as u8);
        let (selector, secret) = (&drawn[..16], &drawn[16..]);
        let hex: String = drawn.iter().map(|byte| format!("{byte:02x}")).collect();
        let needles = Needles::of(&[format!("random 1 {hex}\n")]);
        assert_eq!(needles.at(selector), Some("random number"));
        assert_eq!(needles.at(secret), Some("random number"));
        let parts = |bytes: &[u8]| <[u8; 16]>::try_from(bytes).expect("it is half of the bytes");
        let csrf = derive::csrf_secret("", &parts(selector), &parts(secret));
        assert_eq!(needles.at(&csrf), Some("CSRF secret"));
        assert_eq!(needles.at(&derive::verifier(&csrf)), Some("verifier"));
    }
}
