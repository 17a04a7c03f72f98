//! What is read is what was written, on every tier, or it was not written.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::error::Error;
use std::fmt::Debug;

use cloakroom::{CachePolicy, SessionErrorKind, SessionValue};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::support::{Deployment, secs, visitor};

/// Any type as a value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Held<T> {
    content: T,
}

impl<T> SessionValue for Held<T>
where
    T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    const KEY: &'static str = "held";
    // As if it were measured some other way: what is accepted must not depend on that.
    fn size(&self) -> Option<usize> {
        Some(64)
    }
}

/// What another node reads of it, or why it was refused, which must be the same with and without a shared tier.
async fn written<T>(content: T) -> Result<T, String>
where
    T: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let mut outcomes = Vec::new();
    for deployment in Deployment::both() {
        let [first, second] = deployment.nodes();
        let visitor = visitor(&first).await;
        let visit = visitor.enter(&first);
        let outcome = visit.set(Held { content: content.clone() }).await;
        visit.leave().await;
        let read = visitor.enter(&second).get::<Held<T>>().await.unwrap();
        outcomes.push(match outcome {
            Ok(()) => Ok(read.unwrap().content.clone()),
            Err(error) => {
                assert_eq!((error.kind(), read), (SessionErrorKind::Encode, None));
                Err(error.source().unwrap().to_string())
            }
        });
    }
    assert!(outcomes.iter().all(|outcome| outcome.is_ok() == outcomes[0].is_ok()), "{outcomes:?}");
    outcomes.pop().unwrap()
}

async fn comes_back<T>(content: T)
where
    T: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    assert_eq!(written(content.clone()).await.as_ref(), Ok(&content));
}

/// It is refused, with an error that says this.
async fn is_refused<T>(content: T, because: &str)
where
    T: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let refused = written(content).await.unwrap_err();
    assert!(refused.contains("`held`") && refused.contains(because), "{refused}");
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Text(String),
    List(Vec<Untagged>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Shadowed {
    Float(f64),
    Number(i64),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "is")]
enum Adjacent {
    Empty,
    One(u8),
    Two { a: u8, b: Option<u8> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Internal {
    Empty,
    Two { a: u8, b: Option<u8> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    name: String,
    #[serde(flatten)]
    rest: BTreeMap<String, i32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct FlatLarge {
    #[serde(flatten)]
    rest: BTreeMap<String, u128>,
}

/// Left out where it is empty, and nobody says what it is then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct LeftOut {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    selectors: Vec<u8>,
}

/// Left out where it is empty, as it should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct LeftOutWell {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    selectors: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct WithModule {
    #[serde(with = "seconds")]
    span: u64,
}

/// Milliseconds, of which some are written as text that is not read.
mod seconds {
    use super::*;

    pub(super) fn serialize<S: Serializer>(span: &u64, to: S) -> Result<S::Ok, S::Error> {
        if *span < 1000 { to.serialize_str("none") } else { to.serialize_u64(*span / 1000) }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        u64::deserialize(from).map(|seconds| seconds * 1000)
    }
}

/// Reads back one less than was written.
#[derive(Clone, Debug, PartialEq)]
struct Leaking(u8);

impl Serialize for Leaking {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u8(self.0)
    }
}

impl<'de> Deserialize<'de> for Leaking {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        u8::deserialize(from).map(|number| Self(number.saturating_sub(1)))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Tree(Vec<Tree>);

fn tree(depth: usize) -> Tree {
    (0..depth).fold(Tree::default(), |inner, _| Tree(vec![inner]))
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Coordinates {
    latitude: f64,
}

#[tokio::test]
async fn what_json_holds_comes_back() {
    comes_back((u128::MAX, i128::MIN, u64::MAX, i64::MIN, f64::MAX, f64::MIN_POSITIVE, -0.0_f64, f32::MAX)).await;
    comes_back(vec![0.1_f64, 1e-310, 0.1 + 0.2, 123_456_789.123_456_79, 5e-324]).await;
    comes_back((Some(1_u8), None::<u8>, Some(String::new()), 'ß', "\u{0}\"\\\u{1f600}".to_owned())).await;
    comes_back(vec![Some(Some(1_u8)), Some(Some(0))]).await;
    comes_back(vec![Untagged::Number(-1), Untagged::Text("1".into()), Untagged::List(vec![])]).await;
    comes_back(vec![Adjacent::Empty, Adjacent::One(1), Adjacent::Two { a: 1, b: None }]).await;
    comes_back(vec![Internal::Empty, Internal::Two { a: 1, b: Some(2) }]).await;
    comes_back(Flat { name: "n".into(), rest: BTreeMap::from([("a".into(), 1)]) }).await;
    comes_back(LeftOutWell { selectors: vec![] }).await;
    comes_back(WithModule { span: 5000 }).await;
    comes_back(tree(20)).await;
    comes_back(Held { content: std::borrow::Cow::<'static, str>::Borrowed("borrowed \" as it seems") }).await;
}

#[tokio::test]
async fn maps_and_sets_come_back_whatever_their_order_and_their_keys() {
    comes_back((0..300_u32).map(|n| (n, n.to_string())).collect::<HashMap<_, _>>()).await;
    comes_back((0..300_i64).map(|n| -n).collect::<HashSet<_>>()).await;
    comes_back(BTreeMap::from([(true, 1), (false, 2)])).await;
    comes_back(BTreeMap::from([('x', 1)])).await;
    comes_back(BTreeMap::from([(i128::MIN, 1)])).await;
    comes_back(BTreeSet::from([(1, 2), (2, 1)])).await;
}

#[tokio::test]
async fn what_would_come_back_as_something_else_is_refused_with_the_field_that_it_is_in() {
    is_refused(Some(None::<u8>), "at `content`").await;
    is_refused(vec![Some(Some(1)), Some(None::<u8>)], "at `content.[]`").await;
    is_refused(Some(()), "at `content`").await;
    is_refused(Some(f64::NAN), "at `content`").await;
    is_refused(BTreeMap::from([("secret".to_owned(), Some(f32::INFINITY))]), "at `content.*`").await;
    is_refused(vec![Shadowed::Number(5)], "at `content.[]`").await;
    is_refused(Leaking(7), "at `content`").await;
}

#[tokio::test]
async fn what_does_not_decode_again_is_refused_with_the_field_that_it_is_in() {
    is_refused(LeftOut { selectors: vec![] }, "the field `tags` is left out and has no `#[serde(default)]`").await;
    comes_back(LeftOut { selectors: vec![1] }).await;
    is_refused(Coordinates { latitude: f64::NAN }, "at `content.latitude`").await;
    is_refused(BTreeMap::from([("secret".to_owned(), f64::NAN)]), "at `content.*`").await;
    is_refused(WithModule { span: 500 }, "at `content.span`").await;
    is_refused(FlatLarge { rest: BTreeMap::from([("a".into(), u128::MAX)]) }, "").await;
    // A field of the map that is there under its own name as well.
    is_refused(Flat { name: "n".into(), rest: BTreeMap::from([("name".into(), 1)]) }, "at `content").await;
}

#[tokio::test]
async fn what_does_not_encode_is_refused_however_it_is_measured() {
    is_refused(BTreeMap::from([((1, 2), 3)]), "does not encode").await;
    is_refused(BTreeMap::from([(vec![1_u8], 3)]), "does not encode").await;
    is_refused(tree(33), "does not encode").await;
    is_refused(tree(1000), "does not encode").await;
}

/// A value that is nested so deep that walking it would exhaust the stack.
#[derive(Clone, Deserialize)]
struct Endless;

impl Serialize for Endless {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq([Endless])
    }
}

impl SessionValue for Endless {
    const KEY: &'static str = "endless";
}

#[tokio::test]
async fn a_value_that_never_ends_exhausts_no_stack() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let error = visitor(&node).await.enter(&node).set(Endless).await.unwrap_err();
        assert_eq!(error.kind(), SessionErrorKind::Encode);
    }
}

#[tokio::test]
async fn what_is_refused_leaves_what_was_there() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let session = visitor(&node).await.enter(&node);
        session.set(Held { content: 1.5 }).await.unwrap();
        let changed = session.update(|held: &mut Held<f64>| held.content = f64::NAN).await;
        assert_eq!(changed.unwrap_err().kind(), SessionErrorKind::Encode);
        assert_eq!(session.get::<Held<f64>>().await.unwrap().unwrap().content, 1.5);
    }
}

/// A float that is cached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Rate(f64);

impl SessionValue for Rate {
    const KEY: &'static str = "rate";
    const CACHE: CachePolicy = CachePolicy::ttl(secs(60));
}

#[tokio::test]
async fn a_load_that_would_not_come_back_is_served_and_not_kept() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let session = visitor(&node).await.enter(&node);
        let rate = session.get_or_load(|| async { Ok::<_, std::io::Error>(Rate(f64::INFINITY)) }).await.unwrap();
        assert_eq!(*rate, Rate(f64::INFINITY));
        assert_eq!(session.get::<Rate>().await.unwrap(), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_float_comes_back(floats in prop::collection::vec(any::<f64>().prop_filter("a number", |f| f.is_finite()), 1..50)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(comes_back(floats));
    }
}
