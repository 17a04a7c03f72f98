use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use super::{Trace, digest};

fn of<T: Serialize>(value: &T) -> u64 {
    digest(value).unwrap()
}

#[derive(Serialize)]
enum Shape {
    Dot,
    Line(u8),
    Pair(u8, u8),
    Box { width: u8 },
}

#[test]
fn what_json_confuses_is_told_apart() {
    assert_ne!(of(&Some(None::<u8>)), of(&None::<Option<u8>>));
    assert_ne!(of(&Some(())), of(&None::<()>));
    assert_ne!(of(&f64::NAN), of(&()));
    assert_ne!(of(&0.1), of(&0.100_000_000_000_000_02));
    assert_ne!(of(&1), of(&1.0));
    assert_ne!(of(&1), of(&-1));
    assert_ne!(of(&(1_u128 << 64)), of(&0_u8));
}

#[test]
fn what_is_the_same_in_json_has_the_same_digest() {
    assert_eq!(of(&Some(5_u8)), of(&5_i64));
    assert_eq!(of(&'x'), of(&"x"));
    assert_eq!(of(&Shape::Dot), of(&"Dot"));
    assert_eq!(of(&Shape::Line(1)), of(&BTreeMap::from([("Line", 1)])));
    assert_eq!(of(&Shape::Pair(1, 2)), of(&BTreeMap::from([("Pair", (1, 2))])));
    assert_eq!(of(&Shape::Box { width: 3 }), of(&BTreeMap::from([("Box", BTreeMap::from([("width", 3)]))])));
    assert_eq!(of(&BTreeMap::from([(-5, true)])), of(&BTreeMap::from([("-5", true)])));
}

#[test]
fn order_is_none_of_a_set_or_a_map_and_every_element_counts() {
    let numbers = 0..200_u32;
    let set = |numbers: &mut dyn Iterator<Item = u32>| numbers.collect::<HashSet<_>>();
    assert_eq!(of(&set(&mut numbers.clone())), of(&set(&mut numbers.clone().rev())));
    let map = |numbers: &mut dyn Iterator<Item = u32>| numbers.map(|n| (n, n)).collect::<HashMap<_, _>>();
    assert_eq!(of(&map(&mut numbers.clone())), of(&map(&mut numbers.rev())));
    assert_ne!(of(&[1, 1]), of(&[1]));
    assert_ne!(of(&[1, 1]), of(&[2, 0]));
    assert_ne!(of(&[[1], [2]]), of(&[[2], [2]]));
    assert_ne!(of(&BTreeMap::from([(1, 2), (2, 1)])), of(&BTreeMap::from([(1, 1), (2, 2)])));
}

#[test]
fn a_difference_is_named_by_fields_and_never_by_keys() {
    let of = |price: f64| Trace::of(&BTreeMap::from([("secret", Priced { price })]));
    #[derive(Serialize)]
    struct Priced {
        price: f64,
    }
    assert_eq!(of(1.0).first_difference(&of(2.0)).as_deref(), Some("*.price"));
    assert_eq!(of(1.0).first_difference(&of(1.0)), None);
    assert!(of(1.0).names("price") && !of(1.0).names("secret"));
}
