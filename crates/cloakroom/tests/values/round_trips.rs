//! A value reads back as it was written, on every tier, or the write is refused.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::error::Error;
use std::fmt::Debug;

use cloakroom::{CachePolicy, SessionErrorKind, SessionValue};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::support::{Deployment, secs, visitor};

/// A value of any type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Wrapper<T> {
    content: T,
}

impl<T> SessionValue for Wrapper<T>
where
    T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    const KEY: &'static str = "wrapper";
    // A custom size, because whether a value is accepted must not depend on it.
    fn size(&self) -> Option<usize> {
        Some(64)
    }
}

/// Writes a value and reads it on another node. Returns the value, or the reason for the refusal.
///
/// Asserts that the outcome is the same with and without a shared tier.
async fn round_trip<T>(content: T) -> Result<T, String>
where
    T: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let mut outcomes = Vec::new();
    for deployment in Deployment::both() {
        let [first, second] = deployment.nodes();
        let visitor = visitor(&first).await;
        let visit = visitor.enter(&first);
        let outcome = visit.set(Wrapper { content: content.clone() }).await;
        visit.leave().await;
        let read = visitor.enter(&second).get::<Wrapper<T>>().await.unwrap();
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

async fn assert_round_trips<T>(content: T)
where
    T: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    assert_eq!(round_trip(content.clone()).await.as_ref(), Ok(&content));
}

/// Asserts that the write is refused, with an error that contains `reason`.
async fn assert_refused<T>(content: T, reason: &str)
where
    T: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let refused = round_trip(content).await.unwrap_err();
    assert!(refused.contains("`wrapper`") && refused.contains(reason), "{refused}");
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

/// A field that is left out when it is empty, and has no default for that case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct LeftOut {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<u8>,
}

/// A field that is left out when it is empty, and has a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct LeftOutWithDefault {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct WithModule {
    #[serde(with = "seconds")]
    span: u64,
}

/// Encodes milliseconds as seconds, and less than a second as text that does not decode.
mod seconds {
    use super::*;

    pub(super) fn serialize<S: Serializer>(span: &u64, to: S) -> Result<S::Ok, S::Error> {
        if *span < 1000 { to.serialize_str("none") } else { to.serialize_u64(*span / 1000) }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        u64::deserialize(from).map(|seconds| seconds * 1000)
    }
}

/// A type that decodes as one less than was encoded.
#[derive(Clone, Debug, PartialEq)]
struct OffByOne(u8);

impl Serialize for OffByOne {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u8(self.0)
    }
}

impl<'de> Deserialize<'de> for OffByOne {
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
async fn json_values_round_trip() {
    assert_round_trips((u128::MAX, i128::MIN, u64::MAX, i64::MIN, f64::MAX, f64::MIN_POSITIVE, -0.0_f64, f32::MAX))
        .await;
    assert_round_trips(vec![0.1_f64, 1e-310, 0.1 + 0.2, 123_456_789.123_456_79, 5e-324]).await;
    assert_round_trips((Some(1_u8), None::<u8>, Some(String::new()), 'ß', "\u{0}\"\\\u{1f600}".to_owned())).await;
    assert_round_trips(vec![Some(Some(1_u8)), Some(Some(0))]).await;
    assert_round_trips(vec![Untagged::Number(-1), Untagged::Text("1".into()), Untagged::List(vec![])]).await;
    assert_round_trips(vec![Adjacent::Empty, Adjacent::One(1), Adjacent::Two { a: 1, b: None }]).await;
    assert_round_trips(vec![Internal::Empty, Internal::Two { a: 1, b: Some(2) }]).await;
    assert_round_trips(Flat { name: "n".into(), rest: BTreeMap::from([("a".into(), 1)]) }).await;
    assert_round_trips(LeftOutWithDefault { tags: vec![] }).await;
    assert_round_trips(WithModule { span: 5000 }).await;
    assert_round_trips(tree(20)).await;
    assert_round_trips(Wrapper { content: std::borrow::Cow::<'static, str>::Borrowed("borrowed \" as it seems") })
        .await;
}

#[tokio::test]
async fn maps_and_sets_round_trip_in_any_order_and_with_any_keys() {
    assert_round_trips((0..300_u32).map(|n| (n, n.to_string())).collect::<HashMap<_, _>>()).await;
    assert_round_trips((0..300_i64).map(|n| -n).collect::<HashSet<_>>()).await;
    assert_round_trips(BTreeMap::from([(true, 1), (false, 2)])).await;
    assert_round_trips(BTreeMap::from([('x', 1)])).await;
    assert_round_trips(BTreeMap::from([(i128::MIN, 1)])).await;
    assert_round_trips(BTreeSet::from([(1, 2), (2, 1)])).await;
}

#[tokio::test]
async fn a_value_that_decodes_differently_is_refused_and_its_field_named() {
    assert_refused(Some(None::<u8>), "at `content`").await;
    assert_refused(vec![Some(Some(1)), Some(None::<u8>)], "at `content.[]`").await;
    assert_refused(Some(()), "at `content`").await;
    assert_refused(Some(f64::NAN), "at `content`").await;
    assert_refused(BTreeMap::from([("secret".to_owned(), Some(f32::INFINITY))]), "at `content.*`").await;
    assert_refused(vec![Shadowed::Number(5)], "at `content.[]`").await;
    assert_refused(OffByOne(7), "at `content`").await;
}

#[tokio::test]
async fn a_value_that_does_not_decode_is_refused_and_its_field_named() {
    assert_refused(LeftOut { tags: vec![] }, "the field `tags` is left out and has no `#[serde(default)]`").await;
    assert_round_trips(LeftOut { tags: vec![1] }).await;
    assert_refused(Coordinates { latitude: f64::NAN }, "at `content.latitude`").await;
    assert_refused(BTreeMap::from([("secret".to_owned(), f64::NAN)]), "at `content.*`").await;
    assert_refused(WithModule { span: 500 }, "at `content.span`").await;
    assert_refused(FlatLarge { rest: BTreeMap::from([("a".into(), u128::MAX)]) }, "").await;
    // The map has a key that is also the name of a field.
    assert_refused(Flat { name: "n".into(), rest: BTreeMap::from([("name".into(), 1)]) }, "at `content").await;
}

#[tokio::test]
async fn a_value_that_does_not_encode_is_refused_whatever_its_size_method() {
    assert_refused(BTreeMap::from([((1, 2), 3)]), "does not encode").await;
    assert_refused(BTreeMap::from([(vec![1_u8], 3)]), "does not encode").await;
    assert_refused(tree(33), "does not encode").await;
    assert_refused(tree(1000), "does not encode").await;
}

/// A value of infinite depth, which exhausts the stack if it is traversed.
#[derive(Clone, Deserialize)]
struct Infinite;

impl Serialize for Infinite {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq([Infinite])
    }
}

impl SessionValue for Infinite {
    const KEY: &'static str = "endless";
}

#[tokio::test]
async fn a_value_of_infinite_depth_does_not_exhaust_the_stack() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let error = visitor(&node).await.enter(&node).set(Infinite).await.unwrap_err();
        assert_eq!(error.kind(), SessionErrorKind::Encode);
    }
}

#[tokio::test]
async fn a_refused_write_leaves_the_previous_value() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let session = visitor(&node).await.enter(&node);
        session.set(Wrapper { content: 1.5 }).await.unwrap();
        let changed = session.update(|wrapper: &mut Wrapper<f64>| wrapper.content = f64::NAN).await;
        assert_eq!(changed.unwrap_err().kind(), SessionErrorKind::Encode);
        assert_eq!(session.get::<Wrapper<f64>>().await.unwrap().unwrap().content, 1.5);
    }
}

/// A cached float.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Rate(f64);

impl SessionValue for Rate {
    const KEY: &'static str = "rate";
    const CACHE: CachePolicy = CachePolicy::ttl(secs(60));
}

#[tokio::test]
async fn a_loaded_value_that_does_not_round_trip_is_served_and_not_stored() {
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
    fn every_finite_float_round_trips(floats in prop::collection::vec(any::<f64>().prop_filter("a number", |f| f.is_finite()), 1..50)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(assert_round_trips(floats));
    }
}
