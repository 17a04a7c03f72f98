//! Types that derive `SessionValue`.

use std::time::Duration;

use cloakroom::{CachePolicy, SessionValue, Timestamp};
use serde::{Deserialize, Serialize};

use crate::log::capture;
use crate::support::{Deployment, Note, secs, visitor, visitor_with};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, SessionValue)]
struct HTTPCart {
    items: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, SessionValue)]
struct Tuple(u8, String);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, SessionValue)]
struct Unit;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, SessionValue)]
#[session(key = "steps.v2")]
enum Step {
    #[default]
    Address,
    Payment {
        amount: u64,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, SessionValue)]
#[expect(non_camel_case_types, reason = "the name is the test")]
struct r#type(String);

const EXPLICIT: &str = "a-constant";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, SessionValue)]
#[session(key = EXPLICIT, ttl = "15m")]
struct Roles(Vec<String>);

const HALF: Duration = secs(30);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, SessionValue)]
#[session(ttl = Duration::from_secs(60), jitter = 10)]
#[session(stale_while_revalidate = "2m", stale_if_error = "1h", refresh_ahead = HALF)]
#[session(load_timeout = "500ms", negative_ttl = "7d")]
struct AllSettings;

const POLICY: CachePolicy = CachePolicy::ttl(secs(60)).jitter(5);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, SessionValue)]
#[session(cache = POLICY)]
struct WholePolicy;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, SessionValue)]
#[session(ttl = "1h", size = Self::bytes)]
struct Ticket {
    seat: String,
    #[session(expires_at)]
    until: Timestamp,
}

impl Ticket {
    fn bytes(&self) -> usize {
        self.seat.len()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, SessionValue)]
#[session(ttl = "1h")]
struct Coupon(u64, #[session(expires_at)] Option<Timestamp>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, SessionValue)]
#[session(ttl = "1h", expires_at = until, size = sizes::none)]
enum Offer {
    Open,
    Until(u64),
}

fn until(offer: &Offer) -> Option<Timestamp> {
    match offer {
        Offer::Open => None,
        Offer::Until(millis) => Some(Timestamp::from_millis(*millis)),
    }
}

mod sizes {
    pub(super) const fn none(_: &super::Offer) -> Option<usize> {
        None
    }
}

/// The library under another path, as a crate sees it that gets it from another crate.
mod reexported {
    pub(super) use cloakroom::*;
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, SessionValue)]
#[session(crate = "crate::declared::reexported", ttl = "1m")]
struct OverReexport;

trait Section {
    const KEY: &'static str;
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Search;

impl Section for Search {
    const KEY: &'static str = "filter.search";
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Orders;

impl Section for Orders {
    const KEY: &'static str = "filter.orders";
}

/// The parameter stands for no data, so only the derive's own bounds make this a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, SessionValue)]
#[session(key = T::KEY)]
struct Filter<T: Section, const MAX: usize> {
    words: Vec<String>,
    section: T,
}

impl<T: Section> Filter<T, 8> {
    fn of(section: T, word: &str) -> Self {
        Self { words: vec![word.to_owned()], section }
    }
}

#[test]
fn the_default_key_is_the_name_of_the_type_in_snake_case() {
    assert_eq!(HTTPCart::KEY, "http_cart");
    assert_eq!((Tuple::KEY, Unit::KEY, r#type::KEY), ("tuple", "unit", "type"));
    assert_eq!((Step::KEY, Roles::KEY), ("steps.v2", "a-constant"));
    assert_eq!((HTTPCart::CACHE, Step::CACHE), (CachePolicy::STATE, CachePolicy::STATE));
}

#[test]
fn each_setting_is_that_of_the_policy() {
    let expected = CachePolicy::ttl(secs(60))
        .jitter(10)
        .stale_while_revalidate(secs(120))
        .stale_if_error(secs(3600))
        .refresh_ahead(HALF)
        .load_timeout(Duration::from_millis(500))
        .negative_ttl(secs(7 * 24 * 3600));
    assert_eq!(AllSettings::CACHE, expected);
    assert_eq!(Roles::CACHE, CachePolicy::ttl(secs(15 * 60)));
    assert_eq!(WholePolicy::CACHE, POLICY);
    assert_eq!(OverReexport::CACHE, CachePolicy::ttl(secs(60)));
}

#[test]
fn the_expiry_is_that_of_the_field_or_the_function() {
    let instant = Timestamp::from_millis(7);
    assert_eq!(Ticket { seat: "12A".into(), until: instant }.expires_at(), Some(instant));
    assert_eq!(Coupon(1, Some(instant)).expires_at(), Some(instant));
    assert_eq!(Coupon(1, None).expires_at(), None);
    assert_eq!(Offer::Until(7).expires_at(), Some(instant));
    assert_eq!(Offer::Open.expires_at(), None);
    assert_eq!(Roles(Vec::new()).expires_at(), None);
}

#[test]
fn the_size_is_that_of_the_function() {
    assert_eq!(Ticket { seat: "12A".into(), until: Timestamp::MAX }.size(), Some(3));
    assert_eq!(Offer::Open.size(), None);
    assert_eq!(Roles(Vec::new()).size(), None);
}

#[tokio::test]
async fn every_kind_of_type_reads_back_as_it_was_written() {
    for deployment in Deployment::both() {
        let [first, second] = deployment.nodes();
        let cart = HTTPCart { items: vec!["tea".into()] };
        let visitor = visitor_with(&first, cart.clone()).await;
        let visit = visitor.enter(&first);
        visit.set(Tuple(7, "seven".into())).await.unwrap();
        visit.set(Unit).await.unwrap();
        visit.set(Step::Payment { amount: 12 }).await.unwrap();
        visit.update(|name: &mut r#type| name.0.push('x')).await.unwrap();
        visit.leave().await;
        let visit = visitor.enter(&second);
        assert_eq!(visit.get::<HTTPCart>().await.unwrap().as_deref(), Some(&cart));
        assert_eq!(visit.get::<Tuple>().await.unwrap().as_deref(), Some(&Tuple(7, "seven".into())));
        assert_eq!(visit.get::<Unit>().await.unwrap().as_deref(), Some(&Unit));
        assert_eq!(visit.get::<Step>().await.unwrap().as_deref(), Some(&Step::Payment { amount: 12 }));
        assert_eq!(visit.get::<r#type>().await.unwrap().as_deref(), Some(&r#type("x".into())));
    }
}

#[tokio::test]
async fn a_value_is_stored_under_its_default_key() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct ByHand {
        items: Vec<String>,
    }
    impl SessionValue for ByHand {
        const KEY: &'static str = "http_cart";
    }
    let deployment = Deployment::shared();
    let [first, second] = deployment.nodes();
    let session = visitor_with(&first, HTTPCart { items: vec!["tea".into()] }).await.enter(&second);
    assert_eq!(session.get::<ByHand>().await.unwrap().unwrap().items, ["tea"]);
}

#[tokio::test]
async fn a_cached_value_lives_for_its_ttl() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let roles = Roles(vec!["editor".into()]);
        let session = visitor_with(&node, roles.clone()).await.enter(&node);
        deployment.advance(secs(15 * 60 - 1));
        assert_eq!(session.get::<Roles>().await.unwrap().as_deref(), Some(&roles));
        deployment.advance(secs(1));
        assert_eq!(session.get::<Roles>().await.unwrap(), None);
    }
}

#[tokio::test]
async fn the_types_of_a_generic_value_have_their_own_keys() {
    let node = Deployment::local().node();
    let session = visitor(&node).await.enter(&node);
    session.set(Filter::of(Search, "tea")).await.unwrap();
    session.set(Filter::of(Orders, "open")).await.unwrap();
    assert_eq!(session.get::<Filter<Search, 8>>().await.unwrap().unwrap().words, ["tea"]);
    assert_eq!(session.get::<Filter<Orders, 8>>().await.unwrap().unwrap().words, ["open"]);
}

#[tokio::test]
async fn two_types_of_one_name_under_one_key_are_named_at_first_use_in_debug_builds() {
    let node = Deployment::local().node();
    let session = visitor(&node).await.enter(&node);
    let (log, _guard) = capture();
    {
        #[derive(Clone, Serialize, Deserialize, SessionValue)]
        #[session(key = "twin")]
        struct Twin(String);
        session.set(Twin("one".into())).await.unwrap();
        session.set(Twin("again".into())).await.unwrap();
        assert!(!log.text().contains("two types"), "{}", log.text());
    }
    {
        #[derive(Clone, Serialize, Deserialize, SessionValue)]
        #[session(key = "twin")]
        struct Twin(String);
        session.set(Twin("other".into())).await.unwrap();
    }
    let expected = "the value `twin` is used by two types that are both called";
    assert_eq!(log.text().contains(expected), cfg!(debug_assertions), "{}", log.text());
    assert!(session.get::<Note>().await.unwrap().is_some());
}
