use proptest::prelude::*;

use super::{CachePolicy, Freshness};
use std::time::Duration;

use crate::time::Timestamp;

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000).after(Duration::from_secs(seconds))
}

/// Fresh for 100 s, refreshed in the last 10 of them, stale for 20 more, served on error for 50.
const LAYERED: CachePolicy = CachePolicy::ttl(Duration::from_secs(100))
    .refresh_ahead(Duration::from_secs(10))
    .stale_while_revalidate(Duration::from_secs(20))
    .stale_if_error(Duration::from_secs(50));

#[test]
fn a_value_goes_through_its_ages_in_order() {
    for (age, expected) in [
        (0, Freshness::Fresh),
        (89, Freshness::Fresh),
        (90, Freshness::Refresh),
        (99, Freshness::Refresh),
        (100, Freshness::Stale),
        (119, Freshness::Stale),
        (120, Freshness::Emergency),
        (149, Freshness::Emergency),
        (150, Freshness::Expired),
        (1_000_000, Freshness::Expired),
    ] {
        assert_eq!(LAYERED.freshness(at(100), at(age)), expected, "at the age of {age} s");
    }
    assert_eq!(LAYERED.freshness(at(100), Timestamp::MAX), Freshness::Expired);
}

#[test]
fn an_age_that_the_policy_does_not_have_is_left_out() {
    let plain = CachePolicy::ttl(100 * SECOND);
    let serves_stale = plain.stale_while_revalidate(20 * SECOND);
    let serves_on_error = plain.stale_if_error(20 * SECOND);
    // `stale_if_error` ends before the longer `stale_while_revalidate` does.
    let both = serves_stale.stale_if_error(10 * SECOND);
    for (policy, age, expected) in [
        (plain, 99, Freshness::Fresh),
        (plain, 100, Freshness::Expired),
        (serves_stale, 119, Freshness::Stale),
        (serves_stale, 120, Freshness::Expired),
        (serves_on_error, 100, Freshness::Emergency),
        (serves_on_error, 120, Freshness::Expired),
        (both, 119, Freshness::Stale),
        (both, 120, Freshness::Expired),
    ] {
        assert_eq!(policy.freshness(at(100), at(age)), expected, "{policy:?} at the age of {age} s");
    }
}

#[test]
fn a_value_is_fresh_up_to_the_last_millisecond_of_its_ttl() {
    let policy = CachePolicy::ttl(Duration::from_millis(1500));
    let fresh_until = policy.fresh_until(at(0), 0);
    assert_eq!(fresh_until.since(at(0)), Duration::from_millis(1500));
    let freshness = |millis| policy.freshness(fresh_until, at(0).after(Duration::from_millis(millis)));
    assert_eq!(freshness(1499), Freshness::Fresh);
    assert_eq!(freshness(1500), Freshness::Expired);
}

#[test]
fn state_has_no_age_until_the_end_of_time() {
    let fresh_until = CachePolicy::STATE.fresh_until(at(0), u64::MAX);
    assert_eq!(fresh_until, Timestamp::MAX);
    let last = Timestamp::from_millis(u64::MAX - 1);
    assert_eq!(CachePolicy::STATE.freshness(fresh_until, last), Freshness::Fresh);
}

#[test]
fn a_ttl_of_nothing_is_over_at_once() {
    let policy = CachePolicy::ttl(Duration::ZERO);
    assert_eq!(policy.freshness(policy.fresh_until(at(0), 0), at(0)), Freshness::Expired);
}

#[test]
fn a_clock_that_went_back_keeps_a_value_fresh() {
    assert_eq!(CachePolicy::ttl(SECOND).freshness(at(1), Timestamp::from_millis(0)), Freshness::Fresh);
}

#[test]
fn jitter_takes_up_to_its_share_of_the_ttl_and_never_adds() {
    let policy = CachePolicy::ttl(1000 * SECOND).jitter(20);
    let span = |random| policy.fresh_until(at(0), random).since(at(0));
    assert_eq!(span(0), 1000 * SECOND);
    assert_eq!(span(500), 900 * SECOND);
    assert_eq!(span(1000), 800 * SECOND);
    assert_eq!(span(1001), 1000 * SECOND);
}

#[test]
fn without_jitter_all_values_last_as_long() {
    let policy = CachePolicy::ttl(1000 * SECOND);
    for random in [0, 1, 1000, u64::MAX] {
        assert_eq!(policy.fresh_until(at(0), random), at(1000));
    }
}

#[test]
fn more_jitter_than_all_counts_as_all() {
    assert_eq!(CachePolicy::ttl(SECOND).jitter(255), CachePolicy::ttl(SECOND).jitter(100));
    assert_eq!(CachePolicy::ttl(100 * SECOND).jitter(100).fresh_until(at(0), 1000), at(0));
}

#[test]
fn the_longest_durations_are_forever_and_no_more() {
    let policy = CachePolicy::ttl(Duration::MAX)
        .refresh_ahead(Duration::MAX)
        .stale_while_revalidate(Duration::MAX)
        .stale_if_error(Duration::MAX)
        .negative_ttl(Duration::MAX);
    assert_eq!(policy.fresh_until(at(0), 0), Timestamp::MAX);
    assert_eq!(policy.absent_until(at(0)), Timestamp::MAX);
    assert_eq!(policy.freshness(at(100), at(0)), Freshness::Refresh);
    assert_eq!(policy.freshness(at(100), at(200)), Freshness::Stale);
    assert!(policy.jitter(100).fresh_until(at(0), 1000) >= at(0));
}

#[test]
fn absence_is_believed_for_its_own_time() {
    let policy = CachePolicy::ttl(1000 * SECOND).negative_ttl(5 * SECOND);
    assert_eq!(policy.absent_until(at(0)), at(5));
    assert!(policy.keeps_absence());
    assert!(!CachePolicy::ttl(SECOND).keeps_absence());
}

#[test]
fn a_load_may_take_ten_seconds_unless_somebody_says_otherwise() {
    assert_eq!(CachePolicy::STATE.timeout(), 10 * SECOND);
    assert_eq!(CachePolicy::ttl(SECOND).load_timeout(3 * SECOND).timeout(), 3 * SECOND);
}

fn any_duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::MAX),
        (0_u64..100_000_000).prop_map(Duration::from_millis),
        any::<u64>().prop_map(Duration::from_millis),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_value_never_lasts_longer_than_its_ttl_nor_loses_more_than_its_jitter(
        ttl in any_duration(),
        jitter in 0_u8..=100,
        random in any::<u64>(),
    ) {
        let longest = at(0).after(ttl);
        let shortest = at(0).after(ttl.saturating_sub(ttl / 100 * u32::from(jitter)).saturating_sub(SECOND));
        let fresh_until = CachePolicy::ttl(ttl).jitter(jitter).fresh_until(at(0), random);
        prop_assert!(fresh_until <= longest);
        if ttl < Duration::from_secs(1_000_000) {
            prop_assert!(fresh_until >= shortest, "{fresh_until:?} is before {shortest:?}");
        }
    }

    /// Time moves a value only from one phase to a later one.
    #[test]
    fn no_value_gets_younger(
        spans in [any_duration(), any_duration(), any_duration()],
        ages in [0_u64..1_000_000_000, 0_u64..1_000_000_000],
    ) {
        let policy = CachePolicy::ttl(100 * SECOND)
            .refresh_ahead(spans[0])
            .stale_while_revalidate(spans[1])
            .stale_if_error(spans[2]);
        let rank = |age: u64| policy.freshness(at(100), at(0).after(Duration::from_millis(age))) as u8;
        prop_assert!(rank(ages[0].min(ages[1])) <= rank(ages[0].max(ages[1])));
    }
}
