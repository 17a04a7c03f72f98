//! Types that change between two releases that run side by side.
//!
//! A change that the guide calls safe is safe in both directions. For the others, the tests show
//! how they fail. Each test is a row of the table in `docs/guide/02-values.md`.

use std::fmt::Debug;

use cloakroom::{SessionErrorKind, SessionValue};
use serde::{Deserialize, Serialize};

use crate::support::{Deployment, visitor_with};

macro_rules! releases {
    ($($(#[$attribute:meta])* $name:ident { $($(#[$field_attribute:meta])* $field:ident: $type:ty),* $(,)? })+) => {$(
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        $(#[$attribute])*
        struct $name { $($(#[$field_attribute])* $field: $type),* }
        impl SessionValue for $name {
            const KEY: &'static str = "changing";
        }
    )+};
}

releases! {
    Plain { name: String }
    #[serde(deny_unknown_fields)]
    Strict { name: String }
    WithDefault { name: String, #[serde(default)] size: u32 }
    WithOption { name: String, size: Option<u32> }
    WithoutDefault { name: String, size: u32 }
    Renamed { title: String }
    RenamedWithAlias { #[serde(alias = "name")] title: String }
    Narrow { size: u8 }
    Wide { size: u64 }
    Fraction { size: f64 }
    Textual { size: String }
    Optional { size: Option<u64> }
}

/// Writes a value on a node of release `O`, and reads it on a node of release `N`.
async fn read<O: SessionValue, N: SessionValue + Debug>(written: O) -> Result<N, SessionErrorKind> {
    let [old, new] = Deployment::shared().nodes();
    let session = visitor_with(&old, written).await.enter(&new);
    session.get::<N>().await.map(|value| N::clone(&value.unwrap())).map_err(|error| error.kind())
}

fn name() -> String {
    "Ada".into()
}

#[tokio::test]
async fn a_new_field_with_a_default_is_read_by_both_releases() {
    let read_by_new = read::<_, WithDefault>(Plain { name: name() }).await;
    assert_eq!(read_by_new, Ok(WithDefault { name: name(), size: 0 }));
    assert_eq!(read::<_, Plain>(WithDefault { name: name(), size: 5 }).await, Ok(Plain { name: name() }));
    assert_eq!(read::<_, WithOption>(Plain { name: name() }).await, Ok(WithOption { name: name(), size: None }));
}

#[tokio::test]
async fn an_update_by_the_release_that_does_not_know_a_field_drops_it() {
    let [old, new] = Deployment::shared().nodes();
    let visitor = visitor_with(&new, WithDefault { name: name(), size: 5 }).await;
    let visit = visitor.enter(&old);
    let kept = visit.get::<Plain>().await.unwrap().unwrap();
    visit.set(Plain::clone(&kept)).await.unwrap();
    visit.leave().await;
    let seen = visitor.enter(&new).get::<WithDefault>().await.unwrap().unwrap();
    assert_eq!(*seen, WithDefault { name: name(), size: 0 });
}

#[tokio::test]
async fn reading_by_the_release_that_does_not_know_a_field_drops_nothing() {
    let [old, new] = Deployment::shared().nodes();
    let visitor = visitor_with(&new, WithDefault { name: name(), size: 5 }).await;
    assert!(visitor.enter(&old).get::<Plain>().await.unwrap().is_some());
    let seen = visitor.enter(&new).get::<WithDefault>().await.unwrap().unwrap();
    assert_eq!(seen.size, 5);
}

#[tokio::test]
async fn a_new_field_without_a_default_is_not_read_from_what_the_old_release_wrote() {
    assert_eq!(read::<_, WithoutDefault>(Plain { name: name() }).await, Err(SessionErrorKind::Decode));
    assert_eq!(read::<_, Plain>(WithoutDefault { name: name(), size: 5 }).await, Ok(Plain { name: name() }));
}

#[tokio::test]
async fn a_release_that_denies_unknown_fields_does_not_read_a_new_one() {
    assert_eq!(read::<_, Strict>(WithDefault { name: name(), size: 5 }).await, Err(SessionErrorKind::Decode));
}

#[tokio::test]
async fn a_field_that_is_gone_is_missed_by_the_old_release_unless_it_has_a_default_there() {
    assert_eq!(read::<_, WithoutDefault>(Plain { name: name() }).await, Err(SessionErrorKind::Decode));
    assert!(read::<_, WithDefault>(Plain { name: name() }).await.is_ok());
}

#[tokio::test]
async fn a_renamed_field_is_read_by_the_new_release_through_an_alias_and_by_the_old_one_not_at_all() {
    assert_eq!(read::<_, Renamed>(Plain { name: name() }).await, Err(SessionErrorKind::Decode));
    assert_eq!(read::<_, RenamedWithAlias>(Plain { name: name() }).await, Ok(RenamedWithAlias { title: name() }));
    assert_eq!(read::<_, Plain>(RenamedWithAlias { title: name() }).await, Err(SessionErrorKind::Decode));
}

#[tokio::test]
async fn a_wider_number_is_read_by_the_old_release_while_it_is_small() {
    assert_eq!(read::<_, Wide>(Narrow { size: 200 }).await, Ok(Wide { size: 200 }));
    assert_eq!(read::<_, Narrow>(Wide { size: 200 }).await, Ok(Narrow { size: 200 }));
    assert_eq!(read::<_, Narrow>(Wide { size: 300 }).await, Err(SessionErrorKind::Decode));
}

#[tokio::test]
async fn a_number_that_becomes_a_fraction_or_a_text_is_read_in_one_direction_or_in_none() {
    assert_eq!(read::<_, Fraction>(Narrow { size: 200 }).await, Ok(Fraction { size: 200.0 }));
    assert_eq!(read::<_, Narrow>(Fraction { size: 200.0 }).await, Err(SessionErrorKind::Decode));
    assert_eq!(read::<_, Textual>(Narrow { size: 200 }).await, Err(SessionErrorKind::Decode));
    assert_eq!(read::<_, Narrow>(Textual { size: "200".into() }).await, Err(SessionErrorKind::Decode));
}

#[tokio::test]
async fn a_field_that_becomes_optional_is_read_by_the_old_release_while_it_is_there() {
    assert_eq!(read::<_, Optional>(Wide { size: 5 }).await, Ok(Optional { size: Some(5) }));
    assert_eq!(read::<_, Wide>(Optional { size: Some(5) }).await, Ok(Wide { size: 5 }));
    assert_eq!(read::<_, Wide>(Optional { size: None }).await, Err(SessionErrorKind::Decode));
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Few {
    Open,
    Paid,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum More {
    Open,
    Paid,
    Shipped,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum WithUnknown {
    Open,
    Paid,
    #[serde(other)]
    Unknown,
}

impl SessionValue for Few {
    const KEY: &'static str = "changing";
}

impl SessionValue for More {
    const KEY: &'static str = "changing";
}

impl SessionValue for WithUnknown {
    const KEY: &'static str = "changing";
}

#[tokio::test]
async fn a_new_variant_is_read_by_the_old_release_only_if_that_provides_for_others() {
    assert_eq!(read::<_, More>(Few::Paid).await, Ok(More::Paid));
    assert_eq!(read::<_, Few>(More::Open).await, Ok(Few::Open));
    assert_eq!(read::<_, Few>(More::Shipped).await, Err(SessionErrorKind::Decode));
    assert_eq!(read::<_, WithUnknown>(More::Shipped).await, Ok(WithUnknown::Unknown));
}

/// The data of [`Plain`] under another key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Moved {
    name: String,
}

impl SessionValue for Moved {
    const KEY: &'static str = "moved";
}

#[tokio::test]
async fn under_a_new_key_nothing_is_found_and_nothing_breaks() {
    let [old, new] = Deployment::shared().nodes();
    let visitor = visitor_with(&old, Plain { name: name() }).await;
    assert_eq!(visitor.enter(&new).get::<Moved>().await.unwrap(), None);
    visitor.enter(&new).set(Moved { name: name() }).await.unwrap();
    assert!(visitor.enter(&old).get::<Plain>().await.unwrap().is_some());
}

#[test]
fn every_row_of_the_guides_table_names_tests_that_exist() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = std::fs::read_to_string(root.join("../../docs/guide/02-values.md")).unwrap();
    let (_, section) = guide.split_once("## Types that change between releases").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let tests = ["releases.rs", "cached.rs"].map(|file| std::fs::read_to_string(root.join("tests/values").join(file)));
    let tests: String = tests.into_iter().map(Result::unwrap).collect();
    let named: Vec<_> = section.split('`').filter(|name| name.matches('_').count() > 4).collect();
    assert!(named.len() >= 13, "{named:?}");
    let missing: Vec<_> = named.iter().filter(|name| !tests.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
