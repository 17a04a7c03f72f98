use crate::cache::budget::Budget;
use crate::sync::Arc;

#[test]
fn bytes_are_given_up_to_the_limit_and_not_one_more() {
    let budget = Budget::new(100);
    assert!(budget.reserve(60));
    assert!(budget.reserve(40));
    assert!(!budget.reserve(1));
    budget.release(1);
    assert!(budget.reserve(1));
    assert_eq!((budget.used(), budget.limit()), (100, 100));
}

#[test]
fn a_refused_reservation_takes_nothing() {
    let budget = Budget::new(100);
    assert!(!budget.reserve(101));
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_sum_beyond_all_numbers_is_refused() {
    let budget = Budget::new(u64::MAX);
    assert!(budget.reserve(1));
    assert!(!budget.reserve(u64::MAX));
    assert!(budget.reserve(u64::MAX - 1));
    assert_eq!(budget.used(), u64::MAX);
}

#[test]
fn what_cannot_be_refused_keeps_others_out_until_it_is_released() {
    let budget = Budget::new(100);
    budget.force(150);
    assert!(!budget.reserve(1));
    budget.release(51);
    assert!(budget.reserve(1));
}

#[test]
fn threads_together_never_get_more_than_there_is() {
    let budget = Arc::new(Budget::new(1000));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let budget = Arc::clone(&budget);
            std::thread::spawn(move || (0..1000).filter(|_| budget.reserve(3)).count())
        })
        .collect();
    let given: usize = threads.into_iter().map(|thread| thread.join().expect("no thread panics")).sum();
    assert_eq!((given, budget.used()), (333, 999));
}
